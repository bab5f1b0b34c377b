"""Shortens values that are too long for a provider, or contain characters that it does not accept.

A value always has the same replacement, so related values still match (a call and its result, the requests of
one user). In answers, the names of tools are replaced by the client's original names.
"""

import hashlib
import re
from collections.abc import Mapping

from msgspec import Raw, Struct, structs
from msgspec.json import Decoder

from .decode import MALFORMED
from .turn import Message, Text, ToolCall, ToolResult, Turn

__all__ = [
    "ANY_NAME",
    "CLAUDES_PROPERTIES",
    "NameRule",
    "opaque_user",
    "short_tool_names",
    "short_value",
    "with_properties",
]


def short_value(value: str, limit: int | None) -> str:
    """A value of at most `limit` characters: the value itself, or the beginning of its SHA-256."""
    if limit is None or len(value) <= limit:
        return value
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:limit]


_OPAQUE = re.compile(r"[A-Za-z0-9_.:-]{1,256}", re.ASCII)
_NUMBER = re.compile(r"[0-9.:-]{6,}", re.ASCII)


def opaque_user(user: str) -> str:
    """An end user's id without personal data: e-mail addresses, phone numbers and names become a hash.
    Anthropic rejects them ("user_id appears to contain an email address"), and ids above 256 characters
    (platform.claude.com/docs/en/api/messages, `metadata.user_id`).
    """
    if _OPAQUE.fullmatch(user) and not _NUMBER.fullmatch(user):
        return user
    return hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()


_FIELDS = Decoder(dict[str, Raw])


def with_properties(schema: Raw) -> Raw:
    """Add `properties` to a function's parameters: OpenAI rejects an object schema without it."""
    if b'"properties"' in bytes(schema):
        return schema
    try:
        fields = _FIELDS.decode(schema)
    except MALFORMED:
        return schema
    if bytes(fields.get("type", b"")) not in (b'"object"', b"") or fields.keys() & COMBINED:
        return schema
    text = bytes(schema).strip()
    kind = b"" if "type" in fields else b'"type":"object",'
    comma = b"," if fields else b""
    return Raw(b"{" + kind + b'"properties":{}' + comma + text[1:].lstrip())


COMBINED = frozenset({"$ref", "anyOf", "oneOf", "allOf"})


class NameRule(Struct, frozen=True):
    """The tool names that a provider accepts."""

    longest: int | None = 64
    """Maximum length in characters; None if every name is accepted."""
    letters: str = "A-Za-z0-9_-"
    """A character class of a regular expression."""
    first: str = "A-Za-z0-9_-"
    """The same, for the first character."""

    def fits(self, name: str) -> bool:
        """Whether a name is accepted."""
        if self.longest is None:
            return True
        pattern = f"[{self.first}][{self.letters}]{{0,{self.longest - 1}}}"
        return re.fullmatch(pattern, name, re.ASCII) is not None

    def shorten(self, name: str) -> str:
        """An accepted name: the readable part of this one, and a hash that makes it unique."""
        mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        readable = re.sub(f"[^{self.letters}]", "_", name, flags=re.ASCII)
        if re.match(f"[{self.first}]", readable, re.ASCII) is None:
            readable = f"_{readable}"
        return f"{readable[: (self.longest or 64) - len(mark) - 1]}_{mark}"


ANY_NAME = NameRule(longest=None)
"""The rule for formats without restrictions."""

CLAUDES_PROPERTIES = NameRule(letters="A-Za-z0-9_.-", first="A-Za-z0-9_.-")
"""The rule of all Claude models for properties at the root of a tool's schema (see `property_names`)."""


CALLING = (ToolCall, ToolResult)
"""The parts that name a tool. A tuple: a union is made anew whenever it is written, and takes longer than all
else that is done for a part."""


def short_tool_names(turn: Turn, rule: NameRule) -> tuple[Turn, Mapping[str, str]]:
    """The Turn with tool names that a provider accepts, and the client's names by the new ones."""
    if rule.longest is None:
        return turn, {}
    names: set[str] = {tool.name for tool in turn.tools if tool.kind == "function"} if turn.tools else set()
    for message in turn.messages:
        for part in message.parts:
            if type(part) is not Text and isinstance(part, CALLING) and part.name:
                names.add(part.name)
    if not names:
        return turn, {}
    given = {name: rule.shorten(name) for name in names if not rule.fits(name)}
    if not given:
        return turn, {}
    tools = tuple(structs.replace(tool, name=given.get(tool.name, tool.name)) for tool in turn.tools)
    choice = turn.tool_choice
    if choice is not None and choice.names:
        choice = structs.replace(choice, names=tuple(given.get(name, name) for name in choice.names))
    messages = tuple(_renamed(message, given) for message in turn.messages)
    renamed = structs.replace(turn, tools=tools, tool_choice=choice, messages=messages)
    return renamed, {short: name for name, short in given.items()}


def _renamed(message: Message, given: Mapping[str, str]) -> Message:
    if not any(isinstance(part, CALLING) and part.name in given for part in message.parts):
        return message
    parts = tuple(
        structs.replace(part, name=given.get(part.name, part.name)) if isinstance(part, CALLING) else part
        for part in message.parts
    )
    return structs.replace(message, parts=parts)
