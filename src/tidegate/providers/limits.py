"""How many names a request may give, and how long they may be.

Names choose providers before anything else of a request is looked at, and some are kept in caches: what is
no plausible name is refused before.
"""

import re
from collections.abc import Sequence

from tidegate.config import MAX_CANDIDATES
from tidegate.protocols.errors import InvalidRequest

__all__ = ["KEPT_NAME", "MAX_NAME", "MAX_NAMES", "check_name", "check_names"]

MAX_NAME = 512
"""Characters of a model's or provider's name."""
KEPT_NAME = 128
"""Characters of a name that caches keep: longer ones are resolved anew each time."""
MAX_NAMES = MAX_CANDIDATES
"""Names in one of the request's lists: `models`, and the lists of `provider`."""

_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, separators of lines, and halves of surrogate pairs."""


def check_name(name: str, param: str) -> None:
    """Raise InvalidRequest about `param` where this is no plausible name."""
    if len(name) > MAX_NAME:
        message = f"names are limited to {MAX_NAME} characters, got {len(name)}"
        raise InvalidRequest(f"{param}: {message}", param=param)
    if _FORBIDDEN.search(name):
        raise InvalidRequest(f"{param}: names must not contain control characters", param=param)


def check_names(names: Sequence[str], param: str) -> None:
    """Raise InvalidRequest about `param` where a list has too many names, or one that is no name."""
    if len(names) > MAX_NAMES:
        message = f"at most {MAX_NAMES} names are allowed, got {len(names)}"
        raise InvalidRequest(f"{param}: {message}", param=param)
    for index, name in enumerate(names):
        check_name(name, f"{param}.{index}")
