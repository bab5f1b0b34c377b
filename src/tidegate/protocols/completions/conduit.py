"""The path of a completion whose bytes pass through: a typed view reads what accounting needs of them."""

from typing import Any

from msgspec import Struct
from msgspec.json import Decoder

from tidegate.protocols.contract import Tally
from tidegate.protocols.decode import MALFORMED, malformed, require_json
from tidegate.protocols.errors import ProviderBroke, ProviderError, TidegateError
from tidegate.protocols.finishes import broken_finish, finish_of, is_broken
from tidegate.protocols.openai_errors import error_inside, error_object, error_of_event
from tidegate.protocols.openai_usage import UsageIn, parse_served, parse_usage
from tidegate.protocols.sse import KEEP_ALIVE, ServerSentEvent, Splitter, frame, is_heartbeat, parse_block
from tidegate.protocols.task import read_answer

__all__ = ["BodyConduit", "StreamConduit"]


class ChoiceView(Struct, gc=False):
    """What is read of a choice."""

    index: int = 0
    finish_reason: str | None = None
    error: Any = None


class View(Struct):
    """What is read of an answer, or of an event of a stream."""

    id: str | None = None
    model: str | None = None
    choices: list[ChoiceView] | None = None
    usage: UsageIn | None = None
    service_tier: Any = None
    error: Any = None


VIEW = Decoder(View)


def count(view: View, tally: Tally) -> None:
    """Note in the tally what an answer or an event reports. Raises ProviderError for a failure in it."""
    if view.error:
        raise error_inside(view.error)
    tally.id = tally.id or view.id or ""
    tally.model = tally.model or view.model or ""
    if view.usage is not None:
        tally.usage = parse_usage(view.usage) or tally.usage
    tally.note(parse_served(view.service_tier, view.usage))
    for choice in view.choices or ():
        if choice.error:
            raise error_inside(choice.error)
        if choice.finish_reason:
            if is_broken(choice.finish_reason):
                raise broken_finish(choice.finish_reason)
            tally.finish = finish_of(choice.finish_reason)


class BodyConduit:
    """The conduit of a whole answer (see contract.Conduit)."""

    __slots__ = ("_pieces", "failure", "tally")
    done = False

    def __init__(self) -> None:
        self.tally = Tally()
        self.failure: ProviderError | None = None
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> bytes:
        """Keep the bytes: only complete JSON is an answer."""
        self._pieces.append(data)
        return b""

    def close(self) -> bytes:
        """The provider's bytes, if they are a completion."""
        body = b"".join(self._pieces)
        try:
            view = read_answer(VIEW, require_json(body), self.tally, "completion")
            count(view, self.tally)
            if not view.choices:
                raise ProviderBroke("the provider's answer has no choices")
        except ProviderError as error:
            self.failure = error
        except MALFORMED as error:
            self.failure = malformed("the provider's answer", error)
        return body if self.failure is None else b""

    def abort(self, error: TidegateError) -> bytes:
        """The error, in place of an answer."""
        return error_object(error)


class StreamConduit:
    """The conduit of a stream (see contract.Conduit)."""

    __slots__ = ("_splitter", "_unfinished", "_wants_usage", "done", "failure", "tally")

    def __init__(self, *, wants_usage: bool) -> None:
        self.tally = Tally()
        self.failure: ProviderError | None = None
        self.done = False
        self._wants_usage = wants_usage
        self._unfinished: set[int] = set()
        """The choices that have begun and not ended."""
        self._splitter = Splitter()

    def feed(self, data: bytes) -> bytes:
        """The provider's bytes, as far as they complete events."""
        if self._is_over():
            return b""
        try:
            return self._pass(self._splitter.feed_blocks(data))
        except ProviderError as error:
            self.failure = error
            return b""

    def close(self) -> bytes:
        """The end; sets `failure` if a choice has not ended. Some servers send no `[DONE]`."""
        if self._is_over():
            return b""
        passed = self._pass(self._splitter.close_blocks())
        if self._is_over():
            return passed
        if self.tally.finish is None or self._unfinished:
            self.failure = ProviderBroke("the provider's stream ended before it was finished")
            return passed
        return passed + frame(b"[DONE]")

    def abort(self, error: TidegateError) -> bytes:
        """The error event that ends a stream."""
        return frame(error_object(error))

    def _is_over(self) -> bool:
        return self.failure is not None or self.done

    def _pass(self, blocks: list[bytes]) -> bytes:
        passed = []
        for block in blocks:
            event = parse_block(block)
            if event is None:
                passed.append(KEEP_ALIVE if is_heartbeat(block) else block + b"\n\n")
                continue
            try:
                wanted = self._take(event)
            except ProviderError as error:
                self.failure = error
                break  # what precedes the failure is valid
            if wanted:
                passed.append(block + b"\n\n")
            if self.done:
                break
        return b"".join(passed)

    def _take(self, event: ServerSentEvent) -> bool:
        """Read an event. Returns whether the client gets it. Raises ProviderError for a failure."""
        if event.data == b"[DONE]":
            self.done = True
            return True
        try:
            view = read_answer(VIEW, require_json(event.data), self.tally, "completion")
        except (ProviderError, *MALFORMED) as error:
            told = error_of_event(event.name, event.data)
            raise (told or malformed("an event of the provider's stream", error)) from error
        if not view.choices and not view.error:
            told = error_of_event(event.name, event.data)
            if told is not None:
                raise told
        count(view, self.tally)
        for choice in view.choices or ():
            (self._unfinished.discard if choice.finish_reason else self._unfinished.add)(choice.index)
        return bool(view.choices) or self._wants_usage or view.usage is None
