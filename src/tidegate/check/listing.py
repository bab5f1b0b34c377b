"""The model to check a service with that has no fixed models: the first in its list."""

from tidegate.protocols.errors import ProviderError
from tidegate.upstream import fetch_model_names

from .plan import Check
from .reading import Fault

__all__ = ["find_model"]

PATIENCE_S = 10.0
"""Timeout for the model list."""


async def find_model(check: Check) -> str:
    """The name of a model that the service offers. Raises Fault."""
    service = check.service
    advice = f"name a model with --model {check.provider}/MODEL"
    try:
        address, headers = service.address_for("/models"), service.headers_for((), "")
        names = await fetch_model_names(address, headers, PATIENCE_S)
    except ProviderError as error:
        raise Fault(f"{error.message}, so its models are unknown; {advice}", status=error.status) from error
    if not names:
        raise Fault(f"its model list is empty; {advice}")
    return names[0]
