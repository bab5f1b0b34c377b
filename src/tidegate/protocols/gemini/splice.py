"""Gemini on both sides: the bytes pass, and a narrow view of them keeps the tally.

What is not a whole event yet is held back until it is one, so that nothing of an error that the
provider tells in mid-stream has left when it is recognised: the client is told by `abort`.
"""

import msgspec
from msgspec import Raw, Struct

from tidegate.protocols.contract import Call, Tally, Target
from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.errors import ProviderBroke, ProviderError, TidegateError
from tidegate.protocols.sse import MAX_EVENT, Splitter

from .error import parse_inner_error, render_error_body
from .parse import Parsed
from .reader import FINISHES, is_one_event
from .render import render_path
from .usage import parse_usage, with_searches
from .wire import PromptFeedback, UsageMetadata

__all__ = ["ArraySplice", "BodySplice", "StreamSplice", "splice_request"]


def splice_request(parsed: Parsed, target: Target) -> Call:
    """The client's own body. Where it names the model too, that name is the provider's."""
    body = parsed.body
    if parsed.wire.model is not None:
        model = "models/" + target.model.removeprefix("models/")
        body = msgspec.json.encode({**_FIELDS.decode(body), "model": Raw(msgspec.json.encode(model))})
    return Call(path=render_path(target, stream=parsed.stream), body=body, stream=parsed.stream)


# --- what accounting reads -------------------------------------------------------------------


class GroundingView(Struct, frozen=True, rename="camel"):
    """What accounting reads of a search."""

    web_search_queries: list[str] | None = None


class CandidateView(Struct, frozen=True, rename="camel"):
    """What accounting reads of a candidate."""

    finish_reason: str | None = None
    grounding_metadata: GroundingView | None = None


class AnswerView(Struct, frozen=True, rename="camel"):
    """What accounting reads of a chunk or a whole answer."""

    candidates: list[CandidateView] | None = None
    usage_metadata: UsageMetadata | None = None
    model_version: str | None = None
    response_id: str | None = None
    prompt_feedback: PromptFeedback | None = None
    error: Raw = Raw()


_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_VIEW = msgspec.json.Decoder(AnswerView).decode


class _Splice:
    """What the conduits share: the tally, and whether the answer came to its end."""

    __slots__ = ("_finished", "_queries", "failure", "tally")

    def __init__(self) -> None:
        self.tally = Tally()
        self.failure: ProviderError | None = None
        self._finished = False
        self._queries: set[str] = set()
        """The web searches so far."""

    def _note(self, data: bytes) -> None:
        """Read an answer. Sets `failure` where it is an error, or none."""
        try:
            view = _VIEW(data)
        except MALFORMED as error:
            self.failure = ProviderBroke(f"the provider sent what is no answer: {error}")
            return
        if view.error:
            self.failure = parse_inner_error(view.error)
            return
        self._count(view)

    def _require_end(self) -> None:
        if self.failure is None and not self._finished:
            self.failure = ProviderBroke("the provider's stream ended without a finish reason")

    def _count(self, view: AnswerView) -> None:
        tally = self.tally
        tally.id = tally.id or view.response_id or ""
        tally.model = tally.model or view.model_version or ""
        for candidate in view.candidates or ():
            if candidate.finish_reason:
                tally.finish = FINISHES.get(candidate.finish_reason, "stop")
                self._finished = True
            if candidate.grounding_metadata is not None:
                self._queries.update(candidate.grounding_metadata.web_search_queries or ())
        if view.usage_metadata is not None:
            tally.usage = parse_usage(view.usage_metadata) or tally.usage
        if self._queries:
            tally.usage = with_searches(tally.usage, len(self._queries))
        if view.prompt_feedback is not None and (view.prompt_feedback.block_reason or not view.candidates):
            tally.finish = tally.finish or "content_filter"
            self._finished = True


class StreamSplice(_Splice):
    """The conduit of a stream of events."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        super().__init__()
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """See Conduit."""
        # The usual case: one whole event. What is none goes the long way.
        view = _whole_event(data) if not self._held else None
        if view is not None and self.failure is None:
            self._count(view)
            return data
        return self._feed_pieces(data)

    def close(self) -> bytes:
        """See Conduit."""
        if self.failure is not None:
            return b""
        passed = self._pass(self._held)
        self._require_end()
        return passed

    def abort(self, error: TidegateError) -> bytes:
        """See Conduit."""
        return render_error_body(error) + b"\r\n\r\n"

    def _feed_pieces(self, data: bytes) -> bytes:
        if self.failure is not None:
            return b""
        data = self._held + data
        end = max(data.rfind(mark) + len(mark) if mark in data else 0 for mark in (b"\n\n", b"\r\n\r\n"))
        self._held = data[end:]
        if len(self._held) > MAX_EVENT:
            self.failure = ProviderBroke(f"the provider sent an event of more than {MAX_EVENT} bytes")
        return self._pass(data[:end])

    def _pass(self, data: bytes) -> bytes:
        """These whole events, up to the one in which the provider fails."""
        passed = 0
        for block in _blocks(data):
            splitter = Splitter()
            for event in [*splitter.feed(block), *splitter.close()]:
                self._note(event.data)
            if self.failure is not None:
                return self._kept(data[:passed])
            passed += len(block)
        return self._kept(data)

    def _kept(self, data: bytes) -> bytes:
        return data


class ArraySplice(StreamSplice):
    """The conduit of a stream of events to a client that wants one JSON array."""

    __slots__ = ("_begun",)

    def __init__(self) -> None:
        super().__init__()
        self._begun = False

    def feed(self, data: bytes) -> bytes:
        """See Conduit."""
        return self._feed_pieces(data)

    def close(self) -> bytes:
        """See Conduit."""
        passed = super().close()
        return passed if self.failure is not None else passed + b"]"

    def abort(self, error: TidegateError) -> bytes:
        """See Conduit."""
        return self._element(render_error_body(error)) + b"]"

    def _kept(self, data: bytes) -> bytes:
        splitter = Splitter()
        return b"".join(self._element(event.data) for event in [*splitter.feed(data), *splitter.close()])

    def _element(self, answer: bytes) -> bytes:
        before = b",\r\n" if self._begun else b"["
        self._begun = True
        return before + answer


class BodySplice(_Splice):
    """The conduit of a whole answer. It is held until it is known to be one."""

    __slots__ = ("_body",)

    def __init__(self) -> None:
        super().__init__()
        self._body = bytearray()

    def feed(self, data: bytes) -> bytes:
        """See Conduit."""
        self._body += data
        return b""

    def close(self) -> bytes:
        """See Conduit."""
        body = bytes(self._body)
        self._note(body)
        return body if self.failure is None else b""

    def abort(self, error: TidegateError) -> bytes:
        """See Conduit."""
        return render_error_body(error)


def _whole_event(data: bytes) -> AnswerView | None:
    """What accounting reads of exactly one event that is no error; None of anything else."""
    if not is_one_event(data):
        return None
    try:
        view = _VIEW(data[6:])
    except MALFORMED:
        return None
    return None if view.error else view


def _blocks(data: bytes) -> list[bytes]:
    """The events of a stream, each with the blank line that ends it."""
    mark = b"\r\n\r\n" if b"\r\n\r\n" in data else b"\n\n"
    blocks = data.split(mark)
    return [block + mark for block in blocks[:-1]] + ([blocks[-1]] if blocks[-1] else [])
