"""Conduits that forward the provider's bytes unchanged and decode only what accounting needs."""

import re
from typing import Any

from msgspec import Struct, ValidationError
from msgspec.json import Decoder

from tidegate.protocols.contract import Tally
from tidegate.protocols.decode import MALFORMED, check_utf8, malformed, require_json
from tidegate.protocols.errors import ProviderBroke, ProviderError, TidegateError
from tidegate.protocols.finishes import broken_finish, finish_of, is_broken
from tidegate.protocols.lenient import decode_view
from tidegate.protocols.sse import KEEP_ALIVE, ServerSentEvent, Splitter, frame, is_heartbeat, parse_block

from .error import error_inside, error_object, error_of_event
from .usage import UsageIn, parse_served, parse_usage
from .wire import ENCODE, FIELDS

__all__ = ["BodySplice", "StreamSplice"]


class ChoiceView(Struct, gc=False):
    """The fields of a choice that accounting needs."""

    finish_reason: str | None = None
    error: Any = None


class ChunkView(Struct, gc=False):
    """The fields of most chunks that accounting needs."""

    choices: list[ChoiceView] | None = None
    usage: UsageIn | None = None
    error: Any = None


class FirstView(ChunkView, gc=False):
    """The fields of the first chunk, the last chunk and a complete answer that accounting needs."""

    id: str | None = None
    model: str | None = None
    service_tier: Any = None


VIEW = Decoder(ChunkView)
FIRST_VIEW = Decoder(FirstView)


def failure_in(view: ChunkView) -> ProviderError | None:
    """Return the error that a chunk or an answer contains: at the top level, in a choice, or as a finish
    reason.
    """
    if view.error:
        return error_inside(view.error)
    for choice in view.choices or ():
        if choice.error:
            return error_inside(choice.error)
        if choice.finish_reason and is_broken(choice.finish_reason):
            return broken_finish(choice.finish_reason)
    return None


class StreamSplice:
    """The conduit of a stream (see contract.Conduit)."""

    __slots__ = ("_known", "_splitter", "_tells_finish", "_wants_usage", "done", "failure", "tally")

    def __init__(self, *, wants_usage: bool, tells_finish: bool) -> None:
        self.tally = Tally()
        self.failure: ProviderError | None = None
        self._wants_usage = wants_usage
        self._tells_finish = tells_finish
        self.done = False
        self._known = False
        """Whether id and model are known; they are read only once."""
        self._splitter = Splitter()

    def feed(self, data: bytes) -> bytes:
        """Return the provider's bytes up to the end of the last complete event."""
        # The usual case: complete chunks in which there is nothing to count.
        if self._known and _only_goes_on(data) and not self._splitter.waiting and not self._is_over():
            return data
        return self._feed_blocks(data)

    def close(self) -> bytes:
        """Return the remaining bytes, if any; sets `failure` if the stream ended too early."""
        if self._is_over():
            return b""
        passed = self._pass(self._splitter.close_blocks())
        if not self.done:
            self._break("the provider's stream ended before it was finished")
        return passed

    def abort(self, error: TidegateError) -> bytes:
        """Return the error event that ends a stream."""
        return frame(error_object(error))

    def _is_over(self) -> bool:
        return self.failure is not None or self.done

    def _feed_blocks(self, data: bytes) -> bytes:
        if self._is_over():
            return b""
        try:
            blocks = self._splitter.feed_blocks(data)
        except ProviderError as error:
            self.failure = error
            return b""
        return self._pass(blocks)

    def _pass(self, blocks: list[bytes]) -> bytes:
        passed = []
        for block in blocks:
            event = parse_block(block)
            if event is None:
                passed.append(KEEP_ALIVE if is_heartbeat(block) else block + b"\n\n")
                continue
            kept = self._keep(block, event)
            if self.failure is not None:
                break  # everything before it is valid
            if kept is not None:
                passed.append(kept + b"\n\n")
            if self.done:
                break
        return b"".join(passed)

    def _keep(self, block: bytes, event: ServerSentEvent) -> bytes | None:
        """Return the part of an event's block that is forwarded to the client."""
        data = event.data
        if data == b"[DONE]":
            self._end()
            return block if block.startswith(b"data: [DONE]") else b"data: [DONE]"
        try:
            decoder: Decoder[Any] = VIEW if self._known else FIRST_VIEW
            view: ChunkView = decode_view(decoder, require_json(data), self.tally.leave_out)
        except ValidationError:
            return block  # events of unknown types are forwarded too
        except MALFORMED as error:
            self.failure = error_of_event(event.name, data) or malformed(
                "an event of the provider's stream", error
            )
            return None
        self.failure = failure_in(view)
        if self.failure is None and not view.choices:
            self.failure = error_of_event(event.name, data)
        return self._count(block, data, view)

    def _count(self, block: bytes, data: bytes, view: ChunkView) -> bytes | None:
        if isinstance(view, FirstView):
            if view.id:
                self.tally.id, self.tally.model = view.id, view.model or ""
                self._known = True
            self.tally.note(parse_served(view.service_tier, None))
        for choice in view.choices or ():
            if choice.finish_reason:
                self.tally.finish = finish_of(choice.finish_reason)
        if view.usage is None:
            return block if view.choices is not None else _with_choices(block, data)
        self.tally.usage = parse_usage(view.usage) or self.tally.usage
        last = decode_view(FIRST_VIEW, data, self.tally.leave_out)
        self.tally.note(parse_served(last.service_tier, view.usage))
        if self._wants_usage:
            return block if view.choices is not None else _with_choices(block, data)
        return b"data: " + _without_usage(data) if view.choices else None

    def _end(self) -> None:
        self.done = True
        if self.tally.finish is None and self._tells_finish:
            self._break("the provider's stream ended without a finish reason")

    def _break(self, reason: str) -> None:
        self.failure = self.failure or ProviderBroke(reason)


def _only_goes_on(data: bytes) -> bool:
    """Return whether these are complete chunks that all continue: no usage, no error, no finish reason."""
    if data.find(b"\n") == len(data) - 2:
        return data.startswith(b"data: {") and _goes_on(data[6:-2])
    if not data.endswith(b"\n\n"):
        return False
    for block in data[:-2].split(b"\n\n"):
        if not block.startswith(b"data: {") or b"\n" in block or not _goes_on(block[6:]):
            return False
    return True


def _goes_on(data: bytes) -> bool:
    try:
        check_utf8(data)
        view = VIEW.decode(data)
    except MALFORMED:
        return False
    if view.usage is not None or view.error is not None or view.choices is None:
        return False
    for choice in view.choices:  # noqa: SIM110 a generator costs as much as the decoding
        if choice.finish_reason is not None or choice.error is not None:
            return False
    return True


_PING = re.compile(rb'\s*\{\s*"type"\s*:\s*"(?:ping|heartbeat|keep-?alive)"')


def _with_choices(block: bytes, data: bytes) -> bytes:
    """Replace `choices: null` by an empty list, which clients can iterate over, and a heartbeat that is an
    object by a comment.
    """
    if _PING.match(data):
        return KEEP_ALIVE.rstrip()
    if b"null" not in data or b'"choices"' not in data:
        return block
    fields = FIELDS.decode(data)
    return b"data: " + ENCODE({**fields, "choices": []}) if "choices" in fields else block


def _without_usage(data: bytes) -> bytes:
    fields = FIELDS.decode(data)
    fields.pop("usage", None)
    return ENCODE(fields)


class BodySplice:
    """The conduit of a complete answer (see contract.Conduit)."""

    __slots__ = ("_pieces", "failure", "tally")
    done = False

    def __init__(self) -> None:
        self.tally = Tally()
        self.failure: ProviderError | None = None
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> bytes:
        """Collect the bytes; only the complete JSON is an answer."""
        self._pieces.append(data)
        return b""

    def close(self) -> bytes:
        """Return the provider's bytes if they are a chat completion."""
        body = b"".join(self._pieces)
        try:
            view = decode_view(FIRST_VIEW, require_json(body), self.tally.leave_out)
        except MALFORMED as error:
            self.failure = malformed("the provider's answer", error)
            return b""
        self.failure = failure_in(view)
        if self.failure is None and not view.choices:
            self.failure = ProviderBroke("the provider's answer has no choices")
        if self.failure is not None:
            return b""
        self._count(view)
        return body

    def abort(self, error: TidegateError) -> bytes:
        """Return the error in place of an answer."""
        return error_object(error)

    def _count(self, view: ChunkView) -> None:
        tally = self.tally
        if isinstance(view, FirstView):
            tally.id, tally.model = view.id or "", view.model or ""
            tally.note(parse_served(view.service_tier, view.usage))
        tally.usage = parse_usage(view.usage) if view.usage is not None else None
        for choice in view.choices or ():
            if choice.finish_reason:
                tally.finish = finish_of(choice.finish_reason)
