"""Conversion of the conversation to Converse's messages and `system`.

User and assistant messages alternate, starting with the user; tool results come first in the user message
after the calls, all in one message; no text is blank; no assistant message ends with thinking. A conversation
that contains calls requires tool definitions: if the client offers no tools, earlier calls and results are
sent as text.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from msgspec import Raw

from tidegate.protocols.errors import BytesWanted, Unsupported
from tidegate.protocols.functions import NO_OUTPUT, arguments_object
from tidegate.protocols.profile import Profile
from tidegate.protocols.turn import (
    Audio,
    CacheControl,
    Document,
    FileRef,
    Image,
    Inline,
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

from .dialect import FORMAT, Vendor
from .media import AUDIO, DOCUMENTS, IMAGES, VIDEOS, Names, encode_redacted

__all__ = ["Conversation", "render_cache", "render_conversation"]

OPENING = "."
"""The user message inserted before a conversation that starts with the assistant."""
CONTINUE = "Continue."
"""The user message inserted after an assistant message that the model does not continue by itself."""

INSTRUCTIONS = frozenset({"system", "developer"})

Block = dict[str, Any] | Raw

_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)


class Conversation:
    """The conversation while it is written. `has_tools`: calls and results may be blocks."""

    def __init__(self, profile: Profile, vendor: Vendor, has_tools: bool) -> None:
        # output
        self.system: list[Block] = []
        self.turns: list[tuple[str, list[Block]]] = []
        self.dropped: dict[str, None] = {}
        """The names of features that Converse, or the model, does not support, in order."""
        # request
        self._profile = profile
        self._vendor = vendor
        self._has_tools = has_tools
        self._names = Names()
        self._place = ""
        """The path of the current message, for errors."""
        self._role = ""

    def add(self, number: int, message: Message) -> None:
        """Add a message."""
        self._place = f"messages.{number}"
        self._role = message.role
        if message.name is not None:
            self.dropped["messages.name"] = None
        if message.role in INSTRUCTIONS:
            self._add_instructions(message)
        elif message.role == "assistant":
            self._add_assistant(message)
        else:
            self._append("user", self._blocks(message.parts))

    def close(self, continues: bool) -> None:
        """Bring the conversation into valid order. `continues`: the model continues a final assistant
        message.
        """
        if not self.turns:  # with instructions only, they become the user message
            self.turns, self.system = [("user", self.system or [{"text": OPENING}])], []
        if self.turns[0][0] != "user":
            self.turns.insert(0, ("user", [{"text": OPENING}]))
        for role, blocks in self.turns:
            if role == "user":
                blocks.sort(key=lambda block: not _has(block, "toolResult"))
                if all(_has(block, "document") for block in blocks):
                    blocks.append({"text": OPENING})  # documents without text are rejected
        role, blocks = self.turns[-1]
        if role == "assistant" and not continues:
            self._append("user", [{"text": CONTINUE}])
        elif role == "assistant" and isinstance(blocks[-1], dict) and "text" in blocks[-1]:
            blocks[-1]["text"] = blocks[-1]["text"].rstrip()  # rejected otherwise

    # --- messages ---

    def _add_instructions(self, message: Message) -> None:
        blocks = self._blocks(message.parts)
        if any(not (_has(block, "text") or _has(block, "cachePoint")) for block in blocks):
            raise self._unsupported("anything but text in system messages")
        if self._profile.system_role == "user":
            self._append("user", blocks)
        else:
            self.system += blocks

    def _add_assistant(self, message: Message) -> None:
        """Add an assistant message. Generated images are moved to a user message, because assistant messages
        cannot contain any.
        """
        blocks = self._blocks(message.parts)
        images = [block for block in blocks if _has(block, "image")]
        blocks = [block for block in blocks if not _has(block, "image")]
        while blocks and _has(blocks[-1], "reasoningContent"):
            blocks.pop()
        self._append("assistant", blocks)
        self._append("user", images)

    def _append(self, role: str, blocks: list[Block]) -> None:
        if not blocks:
            return
        if self.turns and self.turns[-1][0] == role:
            self.turns[-1][1].extend(blocks)
        else:
            self.turns.append((role, blocks))

    def _blocks(self, parts: Sequence[Any]) -> list[Block]:
        written: list[Block] = []
        for part in parts:
            blocks = self.PARTS[type(part)](self, part)
            cache: CacheControl | None = getattr(part, "cache", None)
            written += blocks
            if cache is not None and blocks:
                written += self._mark(cache)
        return written

    def _mark(self, cache: CacheControl) -> list[Block]:
        """Return a cache point, if the model accepts one here."""
        if ("system" if self._role in INSTRUCTIONS else "messages") in self._vendor.caches:
            return [render_cache(cache)]
        self.dropped["cache_control"] = None
        return []

    # --- parts ---

    def _text(self, part: Text | Refusal) -> list[Block]:
        return [{"text": part.text}] if part.text.strip() else []

    def _image(self, part: Image) -> list[Block]:
        if part.detail not in (None, "auto"):
            self.dropped["image_url.detail"] = None
        return [{"image": self._media(part.source, IMAGES, "images (image_url)")}]

    def _document(self, part: Document) -> list[Block]:
        document = self._media(part.source, DOCUMENTS, "documents (file)")
        document["name"] = self._names.take(part.name)
        if part.context:
            document["context"] = part.context
        if part.citations is not None:
            document["citations"] = {"enabled": part.citations}
        return [{"document": document}]

    def _audio(self, part: Audio) -> list[Block]:
        return [{"audio": self._media(part.source, AUDIO, "audio (input_audio)")}]

    def _video(self, part: Video) -> list[Block]:
        return [{"video": self._media(part.source, VIDEOS, "video")}]

    def _media(self, source: Source, formats: dict[str, str], what: str) -> dict[str, Any]:
        """Write media as bytes, or as a location in S3."""
        if isinstance(source, Inline):
            known = formats.get(source.media_type) or (
                formats.get("text/*") if source.media_type.startswith("text/") else None
            )
            if known is None:
                raise self._unsupported(f"{what} of the type {source.media_type}")
            return {"format": known, "source": {"bytes": source.data}}
        address = source.id if isinstance(source, FileRef) else source.url
        if address.startswith(("http://", "https://")):
            message = f"this provider does not accept {what} by URL, only as data"
            raise BytesWanted(message, param=f"{self._place}.content")
        ending = formats.get("." + address.rsplit(".", 1)[-1].lower())
        if not address.startswith("s3://") or ending is None:
            raise self._unsupported(f"{what} by URL, only as data")
        return {"format": ending, "source": {"s3Location": {"uri": address}}}

    def _reasoning(self, part: Reasoning) -> list[Block]:
        """Write thinking if it is signed by this model's vendor; any other is rejected."""
        if not part.signature or part.format != self._vendor.signature_format:
            self.dropped["messages.reasoning"] = None
            return []
        signed = {"text": part.text, "signature": part.signature}
        return [{"reasoningContent": {"reasoningText": signed}}]

    def _redacted(self, part: RedactedReasoning) -> list[Block]:
        if part.format != self._vendor.signature_format:
            self.dropped["redacted_thinking"] = None
            return []
        return [{"reasoningContent": {"redactedContent": encode_redacted(part.data, part.format)}}]

    def _native(self, part: Native) -> list[Block]:
        """Write a native block. Another format's record of its server tools is left out; a block of the
        user's is refused.
        """
        if part.format == FORMAT:
            return [part.block]
        if self._role == "assistant":
            self.dropped[f"messages.content.{part.kind or part.format}"] = None
            return []
        raise self._unsupported(f"content of the type {part.kind or part.format}")

    # --- calls and results ---

    def _call(self, part: ToolCall) -> list[Block]:
        arguments = arguments_object(part)
        if not self._has_tools:
            return [{"text": f"I called the tool {part.name} with {bytes(arguments).decode()}"}]
        return [{"toolUse": {"toolUseId": _render_id(part.id), "name": part.name, "input": arguments}}]

    def _result(self, part: ToolResult) -> list[Block]:
        marks = [piece.cache for piece in part.content if not isinstance(piece, Native) and piece.cache]
        contents = [block for piece in part.content for block in self.PARTS[type(piece)](self, piece)]
        # A result cannot contain cache points.
        after = self._mark(marks[-1]) if marks and part.cache is None else []
        if not self._has_tools:
            outcome = "failed with" if part.is_error else "answered"
            return [{"text": f"The tool {part.name or part.call_id} {outcome}:"}, *contents, *after]
        media: list[Block] = []
        if not self._profile.tool_result_media:
            media = [block for block in contents if not _has(block, "text")]
            contents = [block for block in contents if _has(block, "text")]
        result: dict[str, Any] = {"toolUseId": _render_id(part.call_id), "content": contents}
        if part.is_error:
            result["status"] = "error"
            result["content"] = contents or [{"text": NO_OUTPUT}]
        return [{"toolResult": result}, *media, *after]

    PARTS: ClassVar[dict[type, Callable[["Conversation", Any], list[Block]]]] = {
        Text: _text,
        Refusal: _text,
        Image: _image,
        Document: _document,
        Audio: _audio,
        Video: _video,
        Reasoning: _reasoning,
        RedactedReasoning: _redacted,
        Native: _native,
        ToolCall: _call,
        ToolResult: _result,
    }

    def _unsupported(self, what: str) -> Unsupported:
        return Unsupported(f"this provider does not accept {what}", param=f"{self._place}.content")


def render_conversation(
    turn: Turn, profile: Profile, vendor: Vendor, has_tools: bool, continues: bool
) -> Conversation:
    """Convert the conversation. Raises Unsupported."""
    conversation = Conversation(profile, vendor, has_tools)
    for number, message in enumerate(turn.messages):
        conversation.add(number, message)
    conversation.close(continues)
    return conversation


def render_cache(cache: CacheControl) -> Block:
    """Write a cache point. Five minutes is the default."""
    lifetime = {"ttl": cache.ttl} if cache.ttl == "1h" else {}
    return {"cachePoint": {"type": "default", **lifetime}}


def _has(block: Block, kind: str) -> bool:
    return isinstance(block, dict) and kind in block


def _render_id(id_: str) -> str:
    """Return an id that AWS accepts: the same for a call and its result."""
    if _ID.fullmatch(id_):
        return id_
    return "tooluse_" + hashlib.sha256(id_.encode()).hexdigest()[:24]
