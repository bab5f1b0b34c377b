"""Normalisation of the two field naming styles that Google's JSON parser accepts.

Google accepts `generationConfig` and `generation_config`, and a single object in place of a list (its own
documentation writes `"parts": {"text": …}`). Both are rare, so a body is normalised only if necessary.
"""

import re
from typing import Any

import msgspec

__all__ = ["has_other_names", "normalise"]

_SNAKE = re.compile(rb'"[a-z0-9]+(?:_[a-z0-9]+)+"\s*:')
_UNDERLINE = re.compile(r"_([a-z0-9])")

_OPAQUE = frozenset(
    {"args", "response", "parametersJsonSchema", "responseJsonSchema", "labels", "partMetadata", "default"}
)
"""Fields whose content has names chosen by the client."""

_LISTS = frozenset({"contents", "parts", "tools", "functionDeclarations", "safetySettings"})


def has_other_names(body: bytes) -> bool:
    """Return whether a body may contain snake_case names."""
    return _SNAKE.search(body) is not None


def normalise(body: bytes) -> bytes:
    """Return a JSON body with Google's names in camelCase, and lists in place of single objects."""
    return msgspec.json.encode(_normalise(msgspec.json.decode(body)))


def _normalise(value: Any) -> Any:
    if isinstance(value, list):
        return [_normalise(one) for one in value]
    if not isinstance(value, dict):
        return value
    return dict(_member(name, one) for name, one in value.items())


def _member(name: str, value: Any) -> tuple[str, Any]:
    name = _UNDERLINE.sub(lambda step: step[1].upper(), name)
    if name in _OPAQUE:
        return name, value
    if name == "properties" and isinstance(value, dict):
        return name, {key: _normalise(one) for key, one in value.items()}
    value = _normalise(value)
    if name in _LISTS and isinstance(value, dict):
        return name, [value]
    if name == "stopSequences" and isinstance(value, str):
        return name, [value]
    return name, value
