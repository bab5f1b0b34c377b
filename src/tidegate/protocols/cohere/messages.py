"""Conversion of the conversation to Cohere's messages, and to the request's documents.

Roles are system, user, assistant and tool; every tool result is a message of its own. The text before tool
calls is the message's `tool_plan`. Only user messages may contain images: those of tool results follow in a
user message. A document with citations enabled goes into the request's `documents`, any other text document
stays in its message.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from tidegate.protocols.errors import InvalidRequest, Unsupported
from tidegate.protocols.functions import arguments_object
from tidegate.protocols.media import data_url, text_of
from tidegate.protocols.profile import Profile
from tidegate.protocols.turn import (
    Audio,
    Document,
    FileRef,
    Image,
    Inline,
    Message,
    Native,
    Reasoning,
    RedactedReasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Turn,
    Video,
)

from .wire import (
    ContentPart,
    DocumentOut,
    DocumentPart,
    FunctionOut,
    ImagePart,
    ImageUrl,
    MessageOut,
    TextPart,
    ThinkingPart,
    ToolCallOut,
)

__all__ = ["Messages", "render_messages"]

TEXT_TYPES = ("text/", "application/json", "application/xml")
"""Prefixes of the media types of text documents."""


class Messages:
    """The conversation while it is written."""

    def __init__(self, profile: Profile) -> None:
        # output
        self.messages: list[MessageOut] = []
        self.documents: list[DocumentOut] = []
        self.dropped: dict[str, None] = {}
        """The names of features that Cohere does not support, in order."""
        # request
        self._thinks = profile.thinking != "none"
        self._place = ""
        """The path of the current message, for errors."""
        self._role = ""

    def add(self, number: int, message: Message) -> None:
        """Add a message."""
        self._place = f"messages.{number}"
        self._role = message.role
        if message.name is not None:
            self.dropped["messages.name"] = None
        self.ROLES[message.role](self, message)

    # --- messages ---

    def _add_system(self, message: Message) -> None:
        texts = self._contents(message.parts)
        if any(not isinstance(part, TextPart) for part in texts):
            raise self._unsupported("anything but text in system messages")
        self._append("system", texts)

    def _add_user(self, message: Message) -> None:
        self._append("user", self._contents(message.parts))

    def _add_assistant(self, message: Message) -> None:
        calls = [self._call(part) for part in message.parts if isinstance(part, ToolCall)]
        contents = self._contents([part for part in message.parts if not isinstance(part, ToolCall)])
        if any(isinstance(part, ImagePart) for part in contents):
            raise self._unsupported("images in assistant messages")
        if not calls:
            self._append("assistant", contents)
            return
        thoughts = [part for part in contents if isinstance(part, ThinkingPart)]
        plan = "".join(part.text for part in contents if isinstance(part, TextPart))
        self.messages.append(
            MessageOut(role="assistant", content=thoughts or None, tool_plan=plan or None, tool_calls=calls)
        )

    def _add_results(self, message: Message) -> None:
        """Add the results of one step, then the images that cannot be inside them."""
        images: list[ContentPart] = []
        for part in message.parts:
            if isinstance(part, ToolResult):
                images += self._result(part)
            else:
                images += self._contents((part,))
        self._append("user", images)

    ROLES: ClassVar[dict[str, Callable[["Messages", Message], None]]] = {
        "system": _add_system,
        "developer": _add_system,
        "user": _add_user,
        "assistant": _add_assistant,
        "tool": _add_results,
    }

    def _append(self, role: str, parts: Sequence[ContentPart]) -> None:
        """Append a message, unless it is empty: those are rejected."""
        if parts:
            self.messages.append(MessageOut(role=role, content=_plainly(parts)))

    # --- parts ---

    def _contents(self, parts: Sequence[Any]) -> list[ContentPart]:
        written: list[ContentPart] = []
        for part in parts:
            if getattr(part, "cache", None) is not None:
                self.dropped["cache_control"] = None
            written += self.PARTS[type(part)](self, part)
        return written

    def _text(self, part: Text | Refusal) -> list[ContentPart]:
        return [TextPart(part.text)] if part.text else []

    def _image(self, part: Image) -> list[ContentPart]:
        source = part.source
        if isinstance(source, FileRef):
            raise self._unsupported("an image by file id (image_url)")
        url = data_url(source) if isinstance(source, Inline) else source.url
        return [ImagePart(ImageUrl(url, part.detail))]

    def _document(self, part: Document) -> list[ContentPart]:
        data = self._read_document(part)
        if part.citations:
            self.documents.append(DocumentOut(data, id=f"doc:{len(self.documents)}"))
            return []
        head = "\n".join(data[key] for key in ("title", "context") if key in data)
        return [TextPart(f"{head}\n\n{data['text']}" if head else data["text"])]

    def _read_document(self, part: Document) -> dict[str, str]:
        """Return a document's text and its attributes."""
        source = part.source
        if not isinstance(source, Inline):
            raise self._unsupported("a document (file) by URL or id")
        if not source.media_type.startswith(TEXT_TYPES):
            raise self._unsupported(f"documents (file) of type {source.media_type}, only text")
        known = {"title": part.name, "context": part.context}
        data = {key: value for key, value in known.items() if value}
        return {**data, "text": text_of(source, f"{self._place}.content")}

    def _reasoning(self, part: Reasoning) -> list[ContentPart]:
        """Write a thought. The thoughts of any model are accepted; signatures are not sent."""
        if self._thinks and part.text:
            return [ThinkingPart(part.text)]
        self.dropped["messages.reasoning"] = None
        return []

    def _redacted(self, part: RedactedReasoning) -> list[ContentPart]:
        self.dropped["redacted_thinking"] = None
        return []

    def _native(self, part: Native) -> list[ContentPart]:
        """Write a native block. Another format's record of its server tools is left out; a block of the
        user's is refused.
        """
        if self._role == "assistant":
            self.dropped[f"messages.content.{part.kind or part.format}"] = None
            return []
        raise self._unsupported(f"content of the type {part.kind or part.format}")

    def _refuse_audio(self, part: Audio) -> list[ContentPart]:
        raise self._unsupported("audio (input_audio)")

    def _refuse_video(self, part: Video) -> list[ContentPart]:
        raise self._unsupported("video")

    PARTS: ClassVar[dict[type, Callable[["Messages", Any], list[ContentPart]]]] = {
        Text: _text,
        Refusal: _text,
        Image: _image,
        Document: _document,
        Reasoning: _reasoning,
        RedactedReasoning: _redacted,
        Native: _native,
        Audio: _refuse_audio,
        Video: _refuse_video,
    }

    # --- calls and results ---

    def _call(self, call: ToolCall) -> ToolCallOut:
        if call.cache is not None:
            self.dropped["cache_control"] = None
        arguments = bytes(arguments_object(call)).decode()
        return ToolCallOut(id=call.id, function=FunctionOut(call.name, arguments))

    def _result(self, result: ToolResult) -> list[ContentPart]:
        """Write a result; returns the parts that a tool message cannot contain."""
        if result.cache is not None:
            self.dropped["cache_control"] = None
        contents: list[ContentPart] = []
        images: list[ContentPart] = []
        for part in result.content:
            if isinstance(part, Document):
                contents.append(DocumentPart(DocumentOut(self._read_document(part))))
                continue
            for content in self._contents((part,)):
                (images if isinstance(content, ImagePart) else contents).append(content)
        if result.is_error:
            contents = [_as_error(contents)]
        self.messages.append(
            MessageOut(
                role="tool", tool_call_id=result.call_id, content=_plainly(contents) if contents else ""
            )
        )
        return images

    def _unsupported(self, what: str) -> Unsupported:
        return Unsupported(f"this model does not accept {what}", param=f"{self._place}.content")


def render_messages(turn: Turn, profile: Profile) -> Messages:
    """Convert the conversation. Raises Unsupported or InvalidRequest."""
    messages = Messages(profile)
    for number, message in enumerate(turn.messages):
        messages.add(number, message)
    if not messages.messages:
        raise InvalidRequest("the messages are empty", param="messages")
    return messages


def _plainly(parts: Sequence[ContentPart]) -> str | Sequence[ContentPart]:
    """Return a single text as a string, which every model accepts."""
    first = parts[0]
    return first.text if len(parts) == 1 and isinstance(first, TextPart) else parts


def _as_error(contents: Sequence[ContentPart]) -> ContentPart:
    """Return a result that is an error as a document, whose fields are free: there is no field for it."""
    texts = [part.text for part in contents if isinstance(part, TextPart)]
    texts += [
        text for part in contents if isinstance(part, DocumentPart) for text in part.document.data.values()
    ]
    return DocumentPart(DocumentOut({"error": "\n".join(texts)}))
