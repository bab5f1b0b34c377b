"""The deadline that a client sets for the start of its answer."""

import re

from tidegate.protocols.errors import InvalidRequest

from .request import Request

__all__ = ["client_deadline"]

HEADER = b"x-tidegate-deadline"
SDK_HEADER = b"x-stainless-timeout"
"""Sent by SDKs: their own timeout in whole seconds, or a word such as `None`."""
SECONDS = re.compile(rb"\d{1,9}(?:\.\d{1,9})?")


def client_deadline(request: Request) -> float | None:
    """Seconds from the request's arrival within which its answer must begin; None where the client sets no
    limit.

    Raises InvalidRequest naming a malformed `x-tidegate-deadline`. What an SDK writes by itself is only used.
    """
    given = request.named.get(HEADER)
    if given is not None:
        if SECONDS.fullmatch(given) and float(given) > 0:
            return float(given)
        name = HEADER.decode()
        raise InvalidRequest(f"{name} must be a number of seconds above 0, such as 30", param=name)
    timeout = request.named.get(SDK_HEADER)
    return float(timeout) or None if timeout is not None and SECONDS.fullmatch(timeout) else None
