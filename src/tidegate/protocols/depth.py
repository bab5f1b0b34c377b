"""Rejects requests that are nested too deeply to be walked."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from .errors import InvalidRequest

__all__ = ["too_deep", "within_depth"]

T = TypeVar("T")
P = ParamSpec("P")


def too_deep() -> InvalidRequest:
    """The error for such a request."""
    return InvalidRequest("the request is nested too deeply")


def within_depth(function: Callable[P, T]) -> Callable[P, T]:
    """Wrap a function to raise InvalidRequest for a request that is nested too deeply: even if it can be
    decoded, it may be too deep to be checked, built and rendered.
    """

    @wraps(function)
    def bounded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except RecursionError as error:
            raise too_deep() from error

    return bounded
