"""What an exchange may wait for."""

from enum import Enum

__all__ = ["ANSWER", "BODY", "Waiting"]


class Waiting(Enum):
    """What an exchange waits for; for providers, the value completes the error message."""

    BODY = "send its body"
    """The client is sending its request."""
    FETCH = "be asked"
    """A linked image or document is being fetched, before the call to the provider."""
    FIRST_BYTE = "begin its answer"
    ANSWER = "complete its answer"
    """A plain answer: it begins when it is complete."""
    NEXT_EVENT = "continue its answer"
    CLIENT = "read its answer"
    """The client is reading the response."""


ANSWER, BODY = Waiting.ANSWER, Waiting.BODY
"""What every plain request waits for: to look a member up takes ten times as long as a name."""
