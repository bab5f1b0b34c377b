"""Edits that adapt messages to a service that does not accept them unchanged.

Used only for spliced requests: the renderer writes translated requests correctly in the first place. Messages
are edited as JSON, so that fields unknown to Tidegate are preserved.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from msgspec import Raw
from msgspec.json import Decoder

from tidegate.protocols.contract import Target
from tidegate.protocols.conversation import CallIds
from tidegate.protocols.decode import decode
from tidegate.protocols.fields import ENCODE

from .dialect import Dialect
from .render import is_web, join_neighbours, links_refused, short_id
from .wire import ChatRequest, MessageIn

__all__ = ["MESSAGES", "MessageEdits", "make_ids_unique"]

Json = dict[str, Any]
MESSAGES = Decoder(list[Json])

EXTENSION_FIELDS = (
    "reasoning_content", "reasoning", "reasoning_details", "extra_content", "native_blocks", "images",
    "citations",
)  # fmt: skip
"""Extension fields of assistant messages, for data of other formats that OpenAI's format has no field for."""

KEPT = {
    "none": (),
    "reasoning_content": ("reasoning_content",),
    "reasoning": ("reasoning",),
    "either": ("reasoning", "reasoning_content"),
    "reasoning_details": ("reasoning", "reasoning_details"),
    "thinking": (),
}
"""The extension fields that a service accepts, by the form in which thinking is sent back to it."""


class MessageEdits:
    """The message edits that a target needs."""

    __slots__ = ("_alternates", "_edits", "_prefill", "_target", "spares_bare")

    def __init__(self, target: Target) -> None:
        dialect: Dialect = target.dialect
        self._target = target
        self._edits = tuple(edit for applies, edit in EDITS if applies(dialect, target))
        self._prefill = dialect.prefill_field
        self._alternates = dialect.alternation
        others = self._alternates or self._prefill is not None or target.profile.system_role == "user"
        self.spares_bare = not others
        """Whether messages that are nothing but texts never need any (see `check.are_bare`)."""

    def __bool__(self) -> bool:
        """Return whether the target may need any edits."""
        return bool(self._edits) or self._prefill is not None or self._alternates

    def edit(self, wire: ChatRequest, raw: Raw, dropped: list[str]) -> Raw | None:
        """Return the messages in the form that the service accepts; None if they need no edits."""
        needed = [edit for edit, needs in self._edits if any(map(needs, wire.messages))]
        prefill = self._prefill if wire.messages[-1].role == "assistant" else None
        if not needed and prefill is None and not self._alternates:
            return None
        messages = decode(MESSAGES, raw, "messages")
        for edit in needed:
            for message in messages:
                edit(message, self._target, dropped)
        if prefill is not None:
            messages[-1].setdefault(prefill, True)
        if self._alternates:
            joined = join_neighbours(messages)
            if len(joined) == len(messages) and not needed and prefill is None:
                return None
            messages = joined
        return Raw(ENCODE(messages))


def make_ids_unique(raw: Raw) -> Raw:
    """Give every call a unique id, and each result the id of its call."""
    ids = CallIds()
    messages = decode(MESSAGES, raw, "messages")
    for message in messages:
        for call in message.get("tool_calls") or ():
            call["id"] = ids.call(call["id"])
        if message.get("tool_call_id"):
            message["tool_call_id"] = ids.result(message["tool_call_id"])
    return Raw(ENCODE(messages))


# --- the edits: when one applies to a service, which messages need it, what it does ----------


def _remove_extensions(message: Json, target: Target, dropped: list[str]) -> None:
    """Remove the fields that the service does not know; thinking stays, in the form that it accepts."""
    form = target.dialect.reasoning_back
    kept = KEPT[form]
    thought = message.get("reasoning_content") or message.get("reasoning")
    removed = [name for name in EXTENSION_FIELDS if name not in kept and message.pop(name, None)]
    for call in message.get("tool_calls") or ():
        call.pop("extra_content", None)
    if thought and form == "thinking":
        _add_thinking_part(message, thought)
    elif thought and kept:
        if not (message.get(kept[0]) or message.get("reasoning_details")):
            message[kept[0]] = thought
    elif removed and "thinking" not in dropped:
        dropped.append("thinking")


def _add_thinking_part(message: Json, thought: str) -> None:
    content = message.get("content") or []
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    message["content"] = [{"type": "thinking", "thinking": [{"type": "text", "text": thought}]}, *parts]


def _has_other_fields(kept: tuple[str, ...]) -> "Needs":
    """Return a check for messages that have other extension fields than these, or lack the first of them."""
    others = [name for name in EXTENSION_FIELDS if name in MessageIn.__struct_fields__ and name not in kept]
    read, nothing = attrgetter(*others), (None,) * len(others)
    either = kept == KEPT["either"]

    def has_other(message: MessageIn) -> bool:
        if read(message) != nothing:
            return True
        if message.tool_calls and any(call.extra_content is not None for call in message.tool_calls):
            return True
        return either and bool(message.reasoning_content) and not message.reasoning

    return has_other


def _gives_back(form: str) -> "Applies":
    return lambda dialect, target: dialect.reasoning_back == form


def _set_role(message: Json, target: Target, dropped: list[str]) -> None:
    if message["role"] in ("system", "developer"):
        role = target.profile.system_role or message["role"]
        message["role"] = "system" if role == "developer" and not target.dialect.developer_role else role


def _take_name(message: Json, target: Target, dropped: list[str]) -> None:
    if message["role"] not in ("tool", "function") and message.pop("name", None) and "name" not in dropped:
        dropped.append("name")


def _shorten_ids(message: Json, target: Target, dropped: list[str]) -> None:
    for call in message.get("tool_calls") or ():
        call["id"] = short_id(call["id"])
    if message.get("tool_call_id"):
        message["tool_call_id"] = short_id(message["tool_call_id"])


def _long_id(message: MessageIn) -> bool:
    ids = [call.id for call in message.tool_calls or ()]
    if message.tool_call_id:
        ids.append(message.tool_call_id)
    return any(short_id(one) != one for one in ids)


def _join_texts(message: Json, target: Target, dropped: list[str]) -> None:
    content = message.get("content")
    if isinstance(content, list) and all(part.get("type") == "text" for part in content):
        message["content"] = "\n\n".join(part["text"] for part in content)


def _join_results(message: Json, target: Target, dropped: list[str]) -> None:
    if message["role"] == "tool":
        _join_texts(message, target, dropped)


def _set_documents(message: Json, target: Target, dropped: list[str]) -> None:
    for part in message["content"] if isinstance(message.get("content"), list) else ():
        file = part.pop("file", None) if part.get("type") == "file" else None
        if file is not None:
            part.update(type="document_url", document_url=file.get("file_data") or file.get("file_id"))


def _refuse_link(message: Json, target: Target, dropped: list[str]) -> None:
    for part in message["content"] if isinstance(message.get("content"), list) else ():
        image = part.get("image_url")
        if is_web(image.get("url") if isinstance(image, dict) else image):
            raise links_refused()


def _has_link(message: MessageIn) -> bool:
    images = [part.image_url for part in message.content or ()] if isinstance(message.content, list) else []
    return any(is_web(image if isinstance(image, str | None) else image.url) for image in images)


def _has_list(message: MessageIn) -> bool:
    return isinstance(message.content, list)


Applies = Callable[[Dialect, Target], bool]
EditMessage = Callable[[Json, Target, list[str]], None]
Needs = Callable[[MessageIn], bool]

EDITS: tuple[tuple[Applies, tuple[EditMessage, Needs]], ...] = (
    *((_gives_back(form), (_remove_extensions, _has_other_fields(kept))) for form, kept in KEPT.items()),
    (
        lambda dialect, target: not dialect.developer_role,
        (_set_role, lambda message: message.role == "developer"),
    ),
    (
        lambda dialect, target: target.profile.system_role == "user",
        (_set_role, lambda message: message.role in ("system", "developer")),
    ),
    (
        lambda dialect, target: not dialect.participant_names,
        (_take_name, lambda message: bool(message.name) and message.role not in ("tool", "function")),
    ),
    (lambda dialect, target: dialect.short_call_ids, (_shorten_ids, _long_id)),
    (lambda dialect, target: dialect.string_contents, (_join_texts, _has_list)),
    (lambda dialect, target: dialect.string_results, (_join_results, _has_list)),
    (lambda dialect, target: not dialect.image_links, (_refuse_link, _has_link)),
    (lambda dialect, target: dialect.document_form != "file", (_set_documents, _has_list)),
)
