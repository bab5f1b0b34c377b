"""Conduits with Gemini on both sides: bytes are forwarded, and only the fields needed for accounting are
decoded.

Incomplete events are held back, so that no part of an error that the provider sends in mid-stream has been
forwarded when it is recognised: `abort` reports it to the client.
"""

import msgspec
from msgspec import Raw, Struct

from tidegate.protocols.contract import Call, Tally, Target
from tidegate.protocols.decode import MALFORMED, malformed, require_json
from tidegate.protocols.errors import ProviderBroke, ProviderError, TidegateError
from tidegate.protocols.finishes import meaning_of
from tidegate.protocols.lenient import decode_view
from tidegate.protocols.served import served
from tidegate.protocols.sse import Blocks, ServerSentEvent, parse_event

from .error import parse_inner_error, render_error_body
from .parse import Parsed
from .reader import is_one_event
from .render import render_path
from .usage import parse_usage, with_searches
from .wire import PromptFeedback, UsageMetadata

__all__ = ["ArraySplice", "BodySplice", "StreamSplice", "splice_request"]

GATEWAY_FIELDS = ("provider", "models")
"""Fields addressed to Tidegate, which Google does not know."""


def splice_request(parsed: Parsed, target: Target) -> Call:
    """Return the client's body without Tidegate's fields. If it names the model too, the provider's name is
    used.
    """
    body = parsed.body
    if parsed.wire.model is not None or not parsed.fields.keys().isdisjoint(GATEWAY_FIELDS):
        fields = {name: value for name, value in _FIELDS.decode(body).items() if name not in GATEWAY_FIELDS}
        if parsed.wire.model is not None:
            model = "models/" + target.model.removeprefix("models/")
            fields["model"] = Raw(msgspec.json.encode(model))
        body = msgspec.json.encode(fields)
    return Call(path=render_path(target, stream=parsed.stream), body=body, stream=parsed.stream)


# --- accounting ------------------------------------------------------------------------------


class GroundingView(Struct, frozen=True, rename="camel"):
    """The fields of a search that accounting needs."""

    web_search_queries: list[str] | None = None


class CandidateView(Struct, frozen=True, rename="camel"):
    """The fields of a candidate that accounting needs."""

    finish_reason: str | None = None
    grounding_metadata: GroundingView | None = None


class AnswerView(Struct, frozen=True, rename="camel"):
    """The fields of a chunk or a complete answer that accounting needs."""

    candidates: list[CandidateView] | None = None
    usage_metadata: UsageMetadata | None = None
    model_version: str | None = None
    response_id: str | None = None
    prompt_feedback: PromptFeedback | None = None
    error: Raw = Raw()


_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_VIEW = msgspec.json.Decoder(AnswerView)


class _Splice:
    """The common base of the conduits: the tally, and whether the answer is complete."""

    __slots__ = ("_finished", "_queries", "failure", "tally")
    done = False
    """This format has no end mark."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.failure: ProviderError | None = None
        self._finished = False
        self._queries: set[str] = set()
        """The web searches so far."""

    def _note(self, data: bytes) -> None:
        """Account for an answer. Sets `failure` if it is an error, or malformed."""
        try:
            require_json(data)
            view = decode_view(_VIEW, data, self.tally.leave_out)
        except MALFORMED as error:
            self.failure = malformed("the provider's answer", error)
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
                tally.finish = meaning_of(candidate.finish_reason)
                self._finished = True
            if candidate.grounding_metadata is not None:
                self._queries.update(candidate.grounding_metadata.web_search_queries or ())
        if view.usage_metadata is not None:
            tally.usage = parse_usage(view.usage_metadata) or tally.usage
            tally.note(served(view.usage_metadata.service_tier))
        if self._queries:
            tally.usage = with_searches(tally.usage, len(self._queries))
        if view.prompt_feedback is not None and (view.prompt_feedback.block_reason or not view.candidates):
            tally.finish = tally.finish or "content_filter"
            self._finished = True


class StreamSplice(_Splice):
    """The conduit of an event stream."""

    __slots__ = ("_blocks",)

    def __init__(self) -> None:
        super().__init__()
        self._blocks = Blocks()

    def feed(self, data: bytes) -> bytes:
        """See Conduit."""
        if self.failure is not None:
            return b""
        # The usual case: one complete event.
        if is_one_event(data) and not self._blocks.waiting:
            return self._pass([data])
        try:
            return self._pass(self._blocks.feed(data))
        except ProviderBroke as error:
            self.failure = error
            return b""

    def close(self) -> bytes:
        """See Conduit."""
        if self.failure is not None:
            return b""
        passed = self._pass(self._blocks.close())
        self._require_end()
        return passed

    def abort(self, error: TidegateError) -> bytes:
        """See Conduit."""
        return render_error_body(error) + b"\r\n\r\n"

    def _pass(self, blocks: list[bytes]) -> bytes:
        """Return these blocks, up to the one in which the provider fails."""
        passed = []
        for block in blocks:
            event = parse_event(block)
            if event is not None:
                self._note(event.data)
            if self.failure is not None:
                break
            passed.append(self._written(block, event))
        return b"".join(passed)

    def _written(self, block: bytes, event: ServerSentEvent | None) -> bytes:
        """Return what the client receives for a block."""
        return block


class ArraySplice(StreamSplice):
    """The conduit of an event stream to a client that requested one JSON array."""

    __slots__ = ("_begun",)

    def __init__(self) -> None:
        super().__init__()
        self._begun = False

    def close(self) -> bytes:
        """See Conduit."""
        passed = super().close()
        return passed if self.failure is not None else passed + b"]"

    def abort(self, error: TidegateError) -> bytes:
        """See Conduit."""
        return self._element(render_error_body(error)) + b"]"

    def _written(self, block: bytes, event: ServerSentEvent | None) -> bytes:
        """See StreamSplice."""
        return b"" if event is None else self._element(event.data)

    def _element(self, answer: bytes) -> bytes:
        before = b",\r\n" if self._begun else b"["
        self._begun = True
        return before + answer


class BodySplice(_Splice):
    """The conduit of a complete answer, held back until it is known to be valid."""

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
