"""The kinds of errors of providers that figures tell apart."""

from collections.abc import Mapping
from types import MappingProxyType

from tidegate.protocols.errors import (
    ProviderBroke,
    ProviderTimeout,
    ProviderUnreachable,
    TidegateError,
)

__all__ = ["KINDS", "kind_of"]

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "rate_limit": "it refused the request because of a rate limit",
        "account": "it refused the gateway's key, its permissions or its funds, or does not have the model",
        "request": "it refused the request itself",
        "server_error": "it failed, or was overloaded",
        "timeout": "it was too slow",
        "unreachable": "no connection could be made",
        "broken": "its answer was cut off or invalid",
    }
)
"""Kind → its meaning."""

BY_FAULT = {"rate": "rate_limit", "account": "account", "request": "request"}


def kind_of(error: TidegateError) -> str:
    """The kind of the error that an attempt ended with."""
    if isinstance(error, ProviderTimeout):
        return "timeout"
    if isinstance(error, ProviderUnreachable):
        return "unreachable"
    if isinstance(error, ProviderBroke):
        return "broken"
    return BY_FAULT.get(error.fault, "server_error")
