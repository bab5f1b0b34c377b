"""Wire formats by name, loaded on first use.

They are here because validating a provider's dialect settings requires them; `tidegate.providers`
re-exports them.
"""

import importlib
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from tidegate.protocols.contract import Protocol

from .packages import FORMATS_GROUP, brought
from .problems import ConfigError, near, quoted

__all__ = ["FORMATS", "protocol_named"]

FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "openai_chat": "tidegate.protocols.openai_chat",
        "openai_responses": "tidegate.protocols.openai_responses",
        "anthropic": "tidegate.protocols.anthropic",
        "gemini": "tidegate.protocols.gemini",
        "cohere": "tidegate.protocols.cohere",
        "bedrock": "tidegate.protocols.bedrock",
    }
)
"""Tidegate's own: name → the module that has it as `PROTOCOL`."""


@cache
def protocol_named(name: str) -> Protocol:
    """The wire format with this name, Tidegate's own or an installed package's.

    Formats that are only used to call providers are a `ProviderProtocol`; no door uses them.
    Raises ConfigError.
    """
    protocol: Protocol
    if name in FORMATS:
        protocol = importlib.import_module(FORMATS[name]).PROTOCOL
        return protocol
    found = {one.name: one for one in brought(FORMATS_GROUP)}
    if name not in found:
        known = near(name, (*FORMATS, *found))
        raise ConfigError([f"unknown wire format {quoted(name)}{known}"])
    protocol = found[name].protocol()  # type: ignore[assignment]
    return protocol
