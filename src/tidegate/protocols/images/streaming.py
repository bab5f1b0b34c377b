"""Streams of images: previews (`image_generation.partial_image`), then each image as
`image_generation.completed`; of edits, `image_edit.…`. There is no end mark.

A provider that streams is passed through (`EventSplice`). From any other, the answer arrives as a whole, and
its images are written as completed events (`as_events`), so that clients can always request a stream.
"""

from collections.abc import Callable
from typing import Any

from msgspec import UNSET, Raw, Struct, UnsetType
from msgspec.json import Decoder, Encoder

from tidegate.protocols.conduits import StreamConduit
from tidegate.protocols.contract import Tally
from tidegate.protocols.decode import MALFORMED, malformed, require_json
from tidegate.protocols.errors import ProviderBroke, ProviderError, TidegateError
from tidegate.protocols.openai_errors import error_inside, error_object, error_of_event
from tidegate.protocols.sse import KEEP_ALIVE, LineBlocks, ServerSentEvent, frame, is_heartbeat, parse_block
from tidegate.protocols.task import Whole, read_answer

from .contract import ImagesRequest
from .usage import UsageIn, add, parse_usage

__all__ = ["EventSplice", "WholeAsStream"]

ENCODE = Encoder().encode

PARTIAL, COMPLETED = "partial_image", "completed"
"""The types of events, after that of the operation."""

Convert = Callable[[bytes, Tally], bytes]
"""Turns a provider's whole answer into OpenAI's, and fills in the tally. Raises ProviderError."""


# --- a whole answer as a stream --------------------------------------------------------------


class ImageOut(Struct):
    """One image of an answer in OpenAI's form."""

    b64_json: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    revised_prompt: str | UnsetType = UNSET


class AnswerOut(Struct):
    """An answer in OpenAI's form."""

    data: list[ImageOut]
    created: int
    size: str | None = None
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None
    usage: Raw | UnsetType = UNSET


ANSWER = Decoder(AnswerOut)

BEGINNINGS = {"iVBOR": "png", "/9j/": "jpeg", "UklGR": "webp", "R0lGOD": "gif"}
"""How images of each format begin in base64."""


class WholeAsStream(Whole):
    """The conduit of a whole answer for a client that requested a stream."""

    __slots__ = ()

    def __init__(self, parsed: ImagesRequest, convert: Convert) -> None:
        super().__init__(lambda body, tally: as_events(convert(body, tally), parsed))

    def abort(self, error: TidegateError) -> bytes:
        """See EventSplice."""
        return frame(error_object(error))


def as_events(answer: bytes, parsed: ImagesRequest) -> bytes:
    """The images of an answer in OpenAI's form as completed events. The last one has the usage of all."""
    whole = ANSWER.decode(answer)
    last = len(whole.data) - 1
    return b"".join(
        _event(_completed(image, whole, parsed, whole.usage if index == last else UNSET))
        for index, image in enumerate(whole.data)
    )


def _completed(image: ImageOut, whole: AnswerOut, parsed: ImagesRequest, usage: Any) -> dict[str, Any]:
    """An event. An image that the provider only links to keeps its `url`, which OpenAI's events lack."""
    return {
        "type": f"{parsed.operation}.{COMPLETED}",
        **{name: value for name in image.__struct_fields__ if (value := getattr(image, name)) is not UNSET},
        "created_at": whole.created,
        "size": whole.size or parsed.size or "auto",
        "quality": whole.quality or parsed.quality or "auto",
        "background": whole.background or parsed.background or "auto",
        "output_format": whole.output_format or _format_of(image) or parsed.output_format or "png",
        **({} if usage is UNSET else {"usage": usage}),
    }


def _format_of(image: ImageOut) -> str | None:
    data = image.b64_json
    if data is UNSET:
        return None
    return next((form for begin, form in BEGINNINGS.items() if data.startswith(begin)), None)


def _event(fields: dict[str, Any]) -> bytes:
    return frame(ENCODE(fields), fields["type"].encode())


# --- a stream that is passed through ---------------------------------------------------------


class View(Struct):
    """The fields of an event that accounting needs."""

    type: str = ""
    usage: UsageIn | None = None
    error: Any = None


VIEW = Decoder(View)


class EventSplice(StreamConduit):
    """The conduit of a provider's stream. If the provider ignores `stream` and answers with JSON, the client
    gets a stream all the same.
    """

    __slots__ = ("_answer", "_convert", "_parsed", "_plain")

    def __init__(self, parsed: ImagesRequest, convert: Convert) -> None:
        super().__init__(LineBlocks())
        self._parsed = parsed
        self._convert = convert
        self._plain: bool | None = None
        """Whether the provider answers with JSON; None until its first bytes are there."""
        self._answer: list[bytes] = []

    def feed(self, data: bytes) -> bytes:
        """See Conduit."""
        if self._plain is None and data.strip():
            self._plain = data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
        if self._plain:
            self._answer.append(data)
            return b""
        return super().feed(data)

    def abort(self, error: TidegateError) -> bytes:
        """Return the error event that ends a stream."""
        return frame(error_object(error))

    def _end(self) -> bytes:
        """See StreamConduit. A stream that has an image is complete, because it has no end mark."""
        if self._plain:
            body = b"".join(self._answer)
            self._answer.clear()
            return as_events(self._convert(require_json(body), self.tally), self._parsed)
        if not self.tally.images:
            raise ProviderBroke("the provider's stream ended before it contained an image")
        return b""

    def _take(self, block: bytes) -> bytes:
        """See StreamConduit."""
        event = parse_block(block)
        if event is None:
            return KEEP_ALIVE if is_heartbeat(block) else block + b"\n\n"
        if event.data != b"[DONE]":
            self._note(event)
        return block + b"\n\n"

    def _note(self, event: ServerSentEvent) -> None:
        """Account for an event. Raises ProviderError for a failure."""
        try:
            view = read_answer(VIEW, require_json(event.data), self.tally, "image event")
        except (ProviderError, *MALFORMED) as error:
            reported = error_of_event(event.name, event.data)
            raise (reported or malformed("an event of the provider's stream", error)) from error
        if view.error:
            raise error_inside(view.error)
        operation, _, kind = view.type.rpartition(".")
        kind = kind if operation == self._parsed.operation else ""
        if kind == COMPLETED:
            self.tally.images = (self.tally.images or 0) + 1
            self.tally.usage = add(self.tally.usage, parse_usage(view.usage))
        elif kind != PARTIAL and (reported := error_of_event(event.name, event.data)) is not None:
            raise reported
