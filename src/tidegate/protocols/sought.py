"""Texts that a request looks for in what is stored."""

from collections.abc import Mapping

from .errors import InvalidRequest

__all__ = ["search_value"]

LONGEST = 255
"""Characters of a text that is looked for."""


def search_value(query: Mapping[str, str], name: str) -> str:
    """A text to look for. Raises InvalidRequest for one that no database can look for."""
    value = query.get(name, "")
    if len(value) > LONGEST or "\x00" in value:
        raise InvalidRequest(f"{name} has at most {LONGEST} characters, none of them NUL", param=name)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(f"{name} is not valid Unicode", param=name) from None
    return value
