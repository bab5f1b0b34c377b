"""Limits on the number and length of names in a request.

Names determine providers before anything else in a request is read, and some are cached: implausible names
are refused first.
"""

import re
from collections.abc import Sequence

from tidegate.config import MAX_CANDIDATES
from tidegate.protocols.errors import InvalidRequest

__all__ = ["KEPT_NAME", "MAX_NAME", "MAX_NAMES", "check_name", "check_names"]

MAX_NAME = 240
"""The maximum length of a model or provider name in characters."""
KEPT_NAME = 128
"""The maximum length of a cached name in characters: longer ones are resolved every time."""
MAX_NAMES = MAX_CANDIDATES
"""The maximum number of names in one of the request's lists: `models`, and the lists of `provider`."""

_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, line separators, and unpaired surrogates."""


def check_name(name: str, param: str) -> None:
    """Raise InvalidRequest for `param` if this is not a plausible name."""
    if len(name) > MAX_NAME:
        message = f"names are limited to {MAX_NAME} characters, got {len(name)}"
        raise InvalidRequest(f"{param}: {message}", param=param)
    if _FORBIDDEN.search(name):
        raise InvalidRequest(f"{param}: names must not contain control characters", param=param)


def check_names(names: Sequence[str], param: str) -> None:
    """Raise InvalidRequest for `param` if a list has too many names, or an invalid one."""
    if len(names) > MAX_NAMES:
        message = f"at most {MAX_NAMES} names are allowed, got {len(names)}"
        raise InvalidRequest(f"{param}: {message}", param=param)
    for index, name in enumerate(names):
        check_name(name, f"{param}.{index}")
