"""Conversion of the conversation to Anthropic's form.

Instructions are in `system`; user and assistant alternate, starting with the user; tool results come first in
the message after their calls, all in one message; no text is blank; no assistant message ends with thinking;
there are at most four cache breakpoints, of which the last ones matter most.
"""

import hashlib
import re
from collections.abc import Callable
from itertools import chain
from typing import Any

import msgspec
from msgspec import Raw

from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.errors import BytesWanted, Unsupported
from tidegate.protocols.functions import NO_OUTPUT
from tidegate.protocols.media import text_of
from tidegate.protocols.profile import Profile
from tidegate.protocols.turn import (
    Audio,
    CacheControl,
    Document,
    FileRef,
    Image,
    Inline,
    Link,
    Message,
    Native,
    Part,
    Reasoning,
    RedactedReasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Turn,
    Video,
)

from .tools import CUSTOM_INPUT, render_cache

__all__ = ["Conversation", "as_input", "require_no_links"]

OPENING = "."
"""The user message inserted before a conversation that starts with the assistant: Anthropic's must start with
the user."""
CONTINUE = "Continue."
"""The user message inserted after an assistant message that the model does not continue by itself."""
INVALID = "invalid_json"
"""The property that holds the arguments of an earlier call if they are not a JSON object."""
MOST_BREAKPOINTS = 4

Block = dict[str, Any] | Raw

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_TEXTUAL = re.compile(r"text/[\w.+-]+|application/(json|xml|yaml|x-yaml|javascript|x-ndjson)", re.ASCII)


class Conversation:
    """Collects the messages of a Turn in order."""

    def __init__(self, profile: Profile, tools: list[dict[str, Any] | Raw]) -> None:
        self.system: list[Block] = []
        self.turns: list[tuple[str, list[Block]]] = []
        self.dropped: dict[str, None] = {}
        """What is dropped, by the client's names."""
        self._profile = profile
        self._ids: dict[str, str] = {}
        """Call ids by the ids that the client uses; if several calls share an id, the last one's."""
        self._has_results = False
        self._breakpoints = [tool for tool in tools if isinstance(tool, dict) and "cache_control" in tool]

    def add(self, message: Message, index: int) -> None:
        """Add a message; `index` is its position in the request, for error messages."""
        if message.name:
            self.dropped["messages.name"] = None
        if message.role in ("system", "developer"):
            self._add_instructions(message, index)
        elif message.role == "assistant":
            self._add_assistant(message, index)
        else:
            self._append("user", self._render(message, index))

    def close(self, continues: bool) -> None:
        """Bring the conversation into valid order. `continues`: the model continues a final assistant
        message.
        """
        if not self.turns:  # with instructions only, they become the user message
            self.turns, self.system = [("user", self.system or [_text(OPENING)])], []
        if self.turns[0][0] != "user":
            self.turns.insert(0, ("user", [_text(OPENING)]))
        if self._has_results:
            for role, blocks in self.turns:
                if role == "user":
                    blocks.sort(key=_is_no_result)
        self._close_last(continues)
        for block in self._breakpoints[:-MOST_BREAKPOINTS]:
            del block["cache_control"]
            self.dropped["cache_control"] = None

    def _close_last(self, continues: bool) -> None:
        role, blocks = self.turns[-1]
        if role != "assistant":
            return
        if not continues:
            self._append("user", [_text(CONTINUE)])
        elif isinstance(blocks[-1], dict) and blocks[-1]["type"] == "text":
            blocks[-1]["text"] = blocks[-1]["text"].rstrip()  # refused otherwise

    def _add_instructions(self, message: Message, index: int) -> None:
        blocks = self._render(message, index)
        if self.turns and self._profile.system_messages:
            self._append("system", blocks)
        else:
            self.system += blocks

    def _add_assistant(self, message: Message, index: int) -> None:
        """Add an assistant message. Generated images are moved to a user message: Anthropic's assistant
        messages cannot contain any.
        """
        blocks = self._render(message, index)
        images = [block for block in blocks if _is_image(block)]
        if images:
            blocks = [block for block in blocks if not _is_image(block)]
        while (
            blocks
            and isinstance(blocks[-1], dict)
            and blocks[-1]["type"] in ("thinking", "redacted_thinking")
        ):
            blocks.pop()
            self.dropped["thinking"] = None
        self._append("assistant", blocks)
        self._append("user", images)

    def _name_lost(self, part: Part) -> None:
        """Report attributes of a part that this format cannot carry."""
        if isinstance(part, Text | Image | ToolCall) and part.signature is not None:
            self.dropped["thought_signature"] = None
        if isinstance(part, Image) and part.detail not in (None, "auto"):
            self.dropped["image_url.detail"] = None
        if isinstance(part, ToolResult):
            for piece in part.content:
                self._name_lost(piece)
                if isinstance(piece, Native) and piece.format != "anthropic":
                    self._leave_out(piece)

    def _leave_out(self, part: Part) -> None:
        """Report a part that is not sent, unless it is blank text, which loses nothing."""
        if isinstance(part, Native):
            self.dropped[f"messages.content.{part.kind or part.format}"] = None
        elif isinstance(part, Reasoning | RedactedReasoning):
            self.dropped["thinking" if isinstance(part, Reasoning) else "redacted_thinking"] = None

    def _append(self, role: str, blocks: list[Block]) -> None:
        if not blocks:
            return
        if self.turns and self.turns[-1][0] == role:
            self.turns[-1][1].extend(blocks)
        else:
            self.turns.append((role, blocks))

    def _render(self, message: Message, index: int) -> list[Block]:
        blocks: list[Block] = []
        for position, part in enumerate(message.parts):
            # The usual case:
            if type(part) is Text and part.cache is None and part.signature is None:
                if part.text and not part.text.isspace():
                    blocks.append(_text(part.text))
                continue
            self._name_lost(part)
            block = _RENDERERS[type(part)](part, self._profile, f"messages.{index}.content.{position}")
            if block is None:
                self._leave_out(part)
            else:
                blocks.append(block)
                self._make_id_unique(block)
                self._mark(block, getattr(part, "cache", None))
        return blocks

    def _make_id_unique(self, block: Block) -> None:
        """Replace the id of a call if an earlier call has the same one; later results refer to the later
        call.

        Services that follow OpenAI's format may restart call ids in every answer; Anthropic's ids are unique
        in a conversation.
        """
        if not isinstance(block, dict):
            return
        if block["type"] == "tool_use":
            given = block["id"]
            if given in self._ids:
                block["id"] = _render_id(f"{given} {len(self._ids)}")
                self._ids[block["id"]] = block["id"]
            self._ids[given] = block["id"]
        elif block["type"] == "tool_result":
            self._has_results = True
            block["tool_use_id"] = self._ids.get(block["tool_use_id"], block["tool_use_id"])

    def _mark(self, block: Block, cache: CacheControl | None) -> None:
        if cache is not None and isinstance(block, dict):
            block["cache_control"] = render_cache(cache)
            self._breakpoints.append(block)


def _is_no_result(block: Block) -> bool:
    return not (isinstance(block, dict) and block["type"] == "tool_result")


def _is_image(block: Block) -> bool:
    return isinstance(block, dict) and block["type"] == "image"


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


# --- parts -----------------------------------------------------------------------------------


def _render_text(part: Text | Refusal, profile: Profile, at: str) -> Block | None:
    return _text(part.text) if part.text and not part.text.isspace() else None


def _render_image(part: Image, profile: Profile, at: str) -> Block:
    return {"type": "image", "source": _render_source(part.source, profile, at)}


def _render_source(source: Inline | Link | FileRef, profile: Profile, at: str) -> dict[str, str]:
    if isinstance(source, Inline):
        kind = "image/jpeg" if source.media_type == "image/jpg" else source.media_type
        return {"type": "base64", "media_type": kind, "data": source.data}
    if isinstance(source, FileRef):
        return {"type": "file", "file_id": source.id}
    if not profile.remote_images and source.url.startswith("http"):
        raise BytesWanted("this provider does not accept media by URL", param=at)
    if not source.url.startswith("http"):
        raise Unsupported("this provider does not accept media by this URL", param=at)
    return {"type": "url", "url": source.url}


def require_no_links(turn: Turn) -> None:
    """Raise BytesWanted if a conversation links to media."""
    for number, message in enumerate(turn.messages):
        results = [part.content for part in message.parts if isinstance(part, ToolResult)]
        for part in chain(message.parts, *results):
            if isinstance(part, Image | Document):
                _render_source(part.source, NO_LINKS, f"messages.{number}")


NO_LINKS = Profile(remote_images=False)


def _render_document(part: Document, profile: Profile, at: str) -> Block:
    source = part.source
    block: dict[str, Any] = {"type": "document"}
    if isinstance(source, Inline) and _TEXTUAL.fullmatch(source.media_type):
        block["source"] = {"type": "text", "media_type": "text/plain", "data": text_of(source, at)}
    elif isinstance(source, Inline) and source.media_type != "application/pdf":
        raise Unsupported(f"this provider does not accept documents of type {source.media_type}", param=at)
    else:
        block["source"] = _render_source(source, profile, at)
    if part.name:
        block["title"] = part.name
    if part.context:
        block["context"] = part.context
    if part.citations is not None:
        block["citations"] = {"enabled": part.citations}
    return block


def _refuse_media(part: Audio | Video, profile: Profile, at: str) -> Block:
    raise Unsupported(f"this provider does not support {type(part).__name__.lower()} input", param=at)


def _render_call(part: ToolCall, profile: Profile, at: str) -> Block:
    given = {CUSTOM_INPUT: part.arguments} if part.kind == "custom" else as_input(part.arguments)
    return {"type": "tool_use", "id": _render_id(part.id), "name": part.name, "input": given}


def as_input(arguments: str) -> Any:
    """Return a call's arguments as the object that Anthropic requires.

    Arguments that are not a JSON object (such as those cut off by the length limit) are kept as one text
    property, so that the model sees what it wrote.
    """
    if not arguments.strip():
        return {}
    try:
        _OBJECT.decode(arguments)
    except MALFORMED:
        return {INVALID: arguments}
    return Raw(arguments)


def _render_id(id: str) -> str:  # noqa: A002 the dialects' own name for it
    """Return an id that Anthropic accepts: the same for a call and its result."""
    if _ID.fullmatch(id):
        return id
    return "toolu_" + hashlib.sha256(id.encode()).hexdigest()[:24]


def _render_result(part: ToolResult, profile: Profile, at: str) -> Block:
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": _render_id(part.call_id)}
    if len(part.content) == 1 and isinstance(part.content[0], Text) and part.content[0].cache is None:
        block["content"] = part.content[0].text
    elif part.content:
        pieces = [_render_piece(piece, profile, f"{at}.content.{i}") for i, piece in enumerate(part.content)]
        block["content"] = [piece for piece in pieces if piece is not None]
    if part.is_error is not None:
        block["is_error"] = part.is_error
    if part.is_error and not _says_something(block.get("content")):
        block["content"] = NO_OUTPUT
    return block


def _says_something(content: str | list[Block] | None) -> bool:
    if isinstance(content, str):
        return bool(content.strip())
    return any(not isinstance(piece, dict) or piece.get("text", "x").strip() for piece in content or ())


def _render_piece(piece: Text | Image | Document | Native, profile: Profile, at: str) -> Block | None:
    if isinstance(piece, Image | Document) and not profile.tool_result_media:
        raise Unsupported("this model does not accept media in tool results", param=at)
    return _RENDERERS[type(piece)](piece, profile, at)


def _render_thinking(part: Reasoning, profile: Profile, at: str) -> Block | None:
    """Write thinking signed by Anthropic; it rejects any other."""
    if part.format != "anthropic" or not part.signature:
        return None
    return {"type": "thinking", "thinking": part.text, "signature": part.signature}


def _render_redacted(part: RedactedReasoning, profile: Profile, at: str) -> Block | None:
    return {"type": "redacted_thinking", "data": part.data} if part.format == "anthropic" else None


def _render_native(part: Native, profile: Profile, at: str) -> Block | None:
    return part.block if part.format == "anthropic" else None


_RENDERERS: dict[type, Callable[..., Block | None]] = {
    Text: _render_text,
    Refusal: _render_text,
    Image: _render_image,
    Document: _render_document,
    Audio: _refuse_media,
    Video: _refuse_media,
    ToolCall: _render_call,
    ToolResult: _render_result,
    Reasoning: _render_thinking,
    RedactedReasoning: _render_redacted,
    Native: _render_native,
}
