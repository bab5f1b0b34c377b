"""Conversion of the conversation to `contents` and `systemInstruction`.

Gemini has two roles. Instructions are separate from the conversation; the results of all calls of one step
are parts of one `user` content that contains nothing else (Google compares their number with that of the
calls); other consecutive messages of the same role are one content.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import msgspec
from msgspec import Raw

from tidegate.protocols.errors import BytesWanted, InvalidRequest, Unsupported
from tidegate.protocols.fields import is_object
from tidegate.protocols.functions import arguments_object
from tidegate.protocols.profile import Profile
from tidegate.protocols.turn import (
    Audio,
    Document,
    FileRef,
    Image,
    Inline,
    Link,
    Message,
    Native,
    Reasoning,
    RedactedReasoning,
    Refusal,
    Source,
    Text,
    ToolCall,
    ToolResult,
    Turn,
    Video,
)

from .ids import gemini_ids
from .wire import AnyPart, Blob, FileData, FunctionCall, FunctionResponse, OutContent, WirePart

__all__ = ["FOREIGN_SIGNATURE", "MEDIA_TYPES", "Contents", "is_youtube", "render_contents"]

FORMAT = "gemini"

FOREIGN_SIGNATURE = "skip_thought_signature_validator"
"""The signature that Google documents for calls that another model made: Gemini 3 rejects calls without one
(ai.google.dev/gemini-api/docs/thought-signatures)."""

MEDIA_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "aac": "audio/aac",
    "m4a": "audio/mp4",
    "mp4": "video/mp4",
    "mpeg": "video/mpeg",
    "mov": "video/quicktime",
    "webm": "video/webm",
}
"""Media types by file extension, if the client sends none."""

USUAL_TYPES: dict[type, str] = {
    Image: "image/jpeg",
    Document: "application/pdf",
    Audio: "audio/mpeg",
    Video: "video/mp4",
}
"""Media types if the URL does not show them: Vertex requires one."""

_ENDING = re.compile(r"\.([A-Za-z0-9]{2,4})(?:[?#].*)?$")
_YOUTUBE = re.compile(r"https?://(?:www\.|m\.)?(?:youtube\.com|youtu\.be)/")
_UPLOADED = ("https://", "gs://", "files/")
_NOT_FOR_GOOGLE = re.compile(r'\d{16}|"\$ref"')


class Contents:
    """The conversation while it is written."""

    def __init__(self, profile: Profile, known_ids: frozenset[str]) -> None:
        # output
        self.system: list[AnyPart] = []
        self.contents: list[OutContent] = []
        """Filled by `finish`."""
        self.dropped: dict[str, None] = {}
        """The names of features that Gemini does not support, in order."""
        self._runs: list[tuple[str, list[AnyPart]]] = []
        """Role (`user`, `model`, or `results`) and parts; consecutive parts of one role are joined."""
        self._media_after: list[AnyPart] = []
        """Media of results that cannot be inside them; they follow all results of the step."""
        # request
        self._profile = profile
        self._known_ids = known_ids
        self._place = ""
        """The path of the current message, for errors."""

    def add(self, number: int, message: Message) -> None:
        """Add a message."""
        self._place = f"messages.{number}"
        if message.name is not None:
            self.dropped["messages.name"] = None
        if message.role == "tool":
            self._add_results(message)
            return
        self._add_media_of_results()
        if message.role in ("system", "developer"):
            self._add_instructions(message)
        else:
            role = "model" if message.role == "assistant" else "user"
            self._append(role, self._parts(message.parts, role))

    def finish(self) -> None:
        """Apply the rules for the whole conversation: it must not be empty, and calls must be signed."""
        self._add_media_of_results()
        if not self._runs:
            if not self.system:
                raise InvalidRequest("the messages are empty", param="messages")
            self._runs.append(("user", self.system))
            self.system = []
        if self._profile.signed_calls:
            self._sign_steps()
        for role, parts in self._runs:
            self.contents.append(OutContent(role="model" if role == "model" else "user", parts=parts))

    def _sign_steps(self) -> None:
        """Sign the first call of each step of the current turn: Google checks no others, and warns that its
        dummy signature reduces quality. A user message right after results may not begin a turn.
        """
        for place in range(len(self._runs) - 1, -1, -1):
            role, parts = self._runs[place]
            if role == "user" and (place == 0 or self._runs[place - 1][0] != "results"):
                return
            if role == "model":
                _sign_first_call(parts)

    def _append(self, role: str, parts: list[AnyPart]) -> None:
        if not parts:
            return
        if self._runs and self._runs[-1][0] == role:
            self._runs[-1][1].extend(parts)
        else:
            self._runs.append((role, parts))

    def _add_instructions(self, message: Message) -> None:
        if self._profile.system_role == "user":
            self._append("user", self._parts(message.parts, "user"))
            return
        self.system += self._parts(message.parts, "user")

    def _parts(self, parts: Sequence[Any], role: str) -> list[AnyPart]:
        written: list[AnyPart] = []
        for part in parts:
            if getattr(part, "cache", None) is not None:
                self.dropped["cache_control"] = None
            written += self.PARTS[type(part)](self, part, role)
        return written

    # --- parts ---

    def _text(self, part: Text, role: str) -> list[AnyPart]:
        """Write a text. Empty texts are left out, because Vertex rejects them, unless
        they carry a signature.
        """
        if not part.text and not part.signature:
            return []
        return [WirePart(text=part.text, thought_signature=part.signature)]

    def _refusal(self, part: Refusal, role: str) -> list[AnyPart]:
        return [WirePart(text=part.text)] if part.text else []

    def _reasoning(self, part: Reasoning, role: str) -> list[AnyPart]:
        """Write a thought. The thoughts of any model are accepted; a signature is sent only to the format
        that created it.
        """
        signature = part.signature if part.format == FORMAT else None
        if not part.text and not signature:
            return []
        return [WirePart(text=part.text, thought=True, thought_signature=signature)]

    def _redacted(self, part: RedactedReasoning, role: str) -> list[AnyPart]:
        if part.format == FORMAT:
            return [WirePart(text="", thought_signature=part.data)]
        self.dropped["redacted_thinking"] = None
        return []

    def _image(self, part: Image, role: str) -> list[AnyPart]:
        if part.detail not in (None, "auto"):
            self.dropped["image_url.detail"] = None
        media = self._media(part.source, Image)
        return [msgspec.structs.replace(media, thought_signature=part.signature)]

    def _document(self, part: Document, role: str) -> list[AnyPart]:
        for name in ("name", "citations"):
            if getattr(part, name):
                self.dropped[f"document.{name}"] = None
        context: list[AnyPart] = [WirePart(text=part.context)] if part.context else []
        return [*context, self._media(part.source, Document)]

    def _audio(self, part: Audio, role: str) -> list[AnyPart]:
        return [self._media(part.source, Audio)]

    def _video(self, part: Video, role: str) -> list[AnyPart]:
        return [self._media(part.source, Video)]

    def _native(self, part: Native, role: str) -> list[AnyPart]:
        """Write a native block. Another format's record of its server tools is left out; a block of the
        user's is refused.
        """
        if part.format == FORMAT:
            return [part.block]
        if role == "model":
            self.dropped[f"messages.content.{part.kind or part.format}"] = None
            return []
        raise self._unsupported(f"content of the type {part.kind or part.format}")

    def _call(self, part: ToolCall, role: str) -> list[AnyPart]:
        call = FunctionCall(
            id=part.id if part.id in self._known_ids else None, name=part.name, args=arguments_object(part)
        )
        return [WirePart(function_call=call, thought_signature=part.signature)]

    def _stray_result(self, part: ToolResult, role: str) -> list[AnyPart]:
        return [self._result(part)[0]]

    PARTS: ClassVar[dict[type, Callable[["Contents", Any, str], list[AnyPart]]]] = {
        Text: _text,
        Refusal: _refusal,
        Reasoning: _reasoning,
        RedactedReasoning: _redacted,
        Image: _image,
        Document: _document,
        Audio: _audio,
        Video: _video,
        Native: _native,
        ToolCall: _call,
        ToolResult: _stray_result,
    }

    # --- media ---

    def _media(self, source: Source, kind: type) -> WirePart:
        if isinstance(source, Inline):
            return WirePart(inline_data=Blob(mime_type=source.media_type, data=source.data))
        if isinstance(source, FileRef):
            if not source.id.startswith(_UPLOADED):
                raise self._unsupported(f"the file {source.id}, which was not uploaded to Google")
            return WirePart(file_data=FileData(file_uri=source.id))
        if not self._profile.remote_images and source.url.startswith("http"):
            what = f"{kind.__name__.lower()} by URL (image_url), only as data"
            raise BytesWanted(f"this model does not accept {what}", param=f"{self._place}.content")
        return WirePart(file_data=FileData(mime_type=_media_type(source, kind), file_uri=source.url))

    def _unsupported(self, what: str) -> Unsupported:
        return Unsupported(f"this model does not accept {what}", param=f"{self._place}.content")

    # --- results ---

    def _add_results(self, message: Message) -> None:
        for part in message.parts:
            if isinstance(part, ToolResult):
                result, beside = self._result(part)
                self._append("results", [result])
                self._media_after += beside
            else:
                self._media_after += self._parts((part,), "user")

    def _add_media_of_results(self) -> None:
        self._append("user", self._media_after)
        self._media_after = []

    def _result(self, result: ToolResult) -> tuple[WirePart, list[AnyPart]]:
        if not result.name:
            raise InvalidRequest(
                f"no call in the conversation has the id of the tool result {result.call_id!r}",
                param=self._place,
            )
        if result.cache is not None:
            self.dropped["cache_control"] = None
        texts = [part.text for part in result.content if isinstance(part, Text)]
        others = [part for part in result.content if not isinstance(part, Text)]
        media = self._parts(others, "user")
        inside = [part for part in media if isinstance(part, WirePart)]
        inside = inside if self._profile.tool_result_media else []
        response = FunctionResponse(
            id=result.call_id if result.call_id in self._known_ids else None,
            name=result.name,
            response=_response("\n".join(texts), bool(result.is_error)),
            parts=inside or None,
        )
        return WirePart(function_response=response), [part for part in media if part not in inside]


def render_contents(turn: Turn, profile: Profile) -> Contents:
    """Convert the conversation. Raises Unsupported or InvalidRequest."""
    contents = Contents(profile, gemini_ids(turn))
    for number, message in enumerate(turn.messages):
        contents.add(number, message)
    contents.finish()
    return contents


def _sign_first_call(parts: list[AnyPart]) -> None:
    """Sign the first of parallel calls, which carries the signature for all of them."""
    for place, part in enumerate(parts):
        if isinstance(part, WirePart) and part.function_call is not None:
            if part.thought_signature is None:
                parts[place] = msgspec.structs.replace(part, thought_signature=FOREIGN_SIGNATURE)
            return


def is_youtube(url: str) -> bool:
    """Return whether this is a video that Google knows by its URL."""
    return _YOUTUBE.match(url) is not None


def _media_type(link: Link, kind: type) -> str | None:
    if link.media_type or is_youtube(link.url):
        return link.media_type
    ending = _ENDING.search(link.url)
    return MEDIA_TYPES.get(ending[1].lower() if ending else "", USUAL_TYPES[kind])


def _response(text: str, is_error: bool) -> Raw:
    """Return a result as the object that Gemini requires. A result that is an object is used directly, unless
    it contains numbers that Google's doubles would change, or a `$ref`, which Gemini 3 interprets itself (400
    "does not match to a display_name").
    """
    if is_error:
        return Raw(msgspec.json.encode({"error": text}))
    if text.lstrip()[:1] == "{" and is_object(text) and not _NOT_FOR_GOOGLE.search(text):
        return Raw(text.encode())
    return Raw(msgspec.json.encode({"output": text}))
