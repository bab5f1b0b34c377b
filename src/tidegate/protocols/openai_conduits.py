"""Conduits of OpenAI's formats: chat completions, and the older completions."""

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from .conduits import BodyConduit, StreamConduit
from .contract import Tally
from .errors import ProviderError, TidegateError
from .finishes import broken_finish, finish_of, is_broken
from .openai_errors import error_inside, error_object
from .sse import KEEP_ALIVE, LineBlocks, ServerSentEvent, frame, is_heartbeat, parse_block

__all__ = ["ChoiceView", "OpenAIBody", "OpenAIStream", "failure_in", "note_finishes"]


class OpenAIBody(BodyConduit):
    """The conduit of a complete answer."""

    __slots__ = ()

    def abort(self, error: TidegateError) -> bytes:
        """Return the error in place of an answer."""
        return error_object(error)


class OpenAIStream(StreamConduit):
    """The conduit of a stream: events without names, and `[DONE]` at the end."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(LineBlocks())

    def abort(self, error: TidegateError) -> bytes:
        """Return the error event that ends a stream."""
        return frame(error_object(error))

    def _take(self, block: bytes) -> bytes:
        """See StreamConduit."""
        event = parse_block(block)
        if event is None:
            return KEEP_ALIVE if is_heartbeat(block) else block + b"\n\n"
        if block.startswith(b"{"):  # JSON lines, or an object between events
            block = b"data: " + event.data
        return self._take_event(block, event)

    @abstractmethod
    def _take_event(self, block: bytes, event: ServerSentEvent) -> bytes:
        """See `_take`, for a block with an event."""


class ChoiceView(Struct, gc=False):
    """The fields of a choice that accounting needs."""

    finish_reason: str | None = None
    error: Any = None


def failure_in(error: Any, choices: Iterable[ChoiceView] | None) -> ProviderError | None:
    """Return the error that a chunk or an answer contains: at the top level, in a choice, or as a finish
    reason.
    """
    if error:
        return error_inside(error)
    for choice in choices or ():
        if choice.error:
            return error_inside(choice.error)
        if choice.finish_reason and is_broken(choice.finish_reason):
            return broken_finish(choice.finish_reason)
    return None


def note_finishes(tally: Tally, choices: Iterable[ChoiceView] | None) -> None:
    """Record the finish reason of the last of these choices that finished."""
    for choice in choices or ():
        if choice.finish_reason:
            tally.finish = finish_of(choice.finish_reason)
