"""Roles of messages. A role that a dialect does not know is the provider's to judge where it speaks the same
dialect; no other format has a counterpart for it.
"""

from collections.abc import Mapping
from typing import TypeVar

from .decode import either
from .errors import Unsupported

__all__ = ["known_role"]

R = TypeVar("R", bound=str)


def known_role(roles: Mapping[str, R], role: str, place: str) -> R:
    """Return the role as one that all formats know. Raises Unsupported, naming the message at `place`."""
    known = roles.get(role)
    if known is None:
        choices = either([f'"{one}"' for one in roles])
        param = f"{place}.role"
        raise Unsupported(
            f'{param}: this provider does not know the role "{role}"; expected {choices}', param=param
        )
    return known
