"""Wire formats by name, loaded on first use.

They are here because the configuration cannot check the differences of a provider without them;
`tidegate.providers` gives them on.
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
"""Tidegate's own: name → the module whose `PROTOCOL` it is."""


@cache
def protocol_named(name: str) -> Protocol:
    """The wire format of this name, Tidegate's own or one that an installed package brings.

    Those that only serve to ask providers are a `ProviderProtocol`; doors ask for none of them.
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
