"""Values that are too long for a provider, or of letters that it does not take: shortened, never refused.

The stand-in of a value is always the same, so that what belongs together stays together (a call and its
result, the requests of one user). Names of tools come back in answers, where the client's own name is put
in again (`ToolNames`).
"""

import hashlib
import re
from collections.abc import Mapping

from msgspec import Raw, Struct, structs
from msgspec.json import Decoder

from .decode import MALFORMED
from .turn import Message, ToolCall, ToolResult, Turn

__all__ = ["ANY_NAME", "NameRule", "opaque_user", "short_tool_names", "short_value", "with_properties"]


def short_value(value: str, limit: int | None) -> str:
    """A value of at most so many characters: itself, or the beginning of its SHA-256."""
    if limit is None or len(value) <= limit:
        return value
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:limit]


_OPAQUE = re.compile(r"[A-Za-z0-9_.:-]{1,256}", re.ASCII)
_NUMBER = re.compile(r"[0-9.:-]{6,}", re.ASCII)


def opaque_user(user: str) -> str:
    """An end user's id that says nothing about the person: e-mail addresses, phone numbers and names of
    people become a hash. Anthropic refuses them ("user_id appears to contain an email address"), and more
    than 256 characters (platform.claude.com/docs/en/api/messages, `metadata.user_id`).
    """
    if _OPAQUE.fullmatch(user) and not _NUMBER.fullmatch(user):
        return user
    return hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()


_FIELDS = Decoder(dict[str, Raw])


def with_properties(schema: Raw) -> Raw:
    """A function's parameters with the `properties` without which OpenAI refuses an object schema."""
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
    """Which names of tools a provider takes."""

    longest: int | None = 64
    """Characters; None where every name is taken."""
    letters: str = "A-Za-z0-9_-"
    """A class of characters of a regular expression."""
    first: str = "A-Za-z0-9_-"
    """The same, for the first character."""

    def fits(self, name: str) -> bool:
        """Whether a name is taken."""
        if self.longest is None:
            return True
        pattern = f"[{self.first}][{self.letters}]{{0,{self.longest - 1}}}"
        return re.fullmatch(pattern, name, re.ASCII) is not None

    def shorten(self, name: str) -> str:
        """A name that is taken: what is readable of this one, and a hash that tells it from others."""
        mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        readable = re.sub(f"[^{self.letters}]", "_", name, flags=re.ASCII)
        if re.match(f"[{self.first}]", readable, re.ASCII) is None:
            readable = f"_{readable}"
        return f"{readable[: (self.longest or 64) - len(mark) - 1]}_{mark}"


ANY_NAME = NameRule(longest=None)
"""The rule of formats that say nothing of names."""


def short_tool_names(turn: Turn, rule: NameRule) -> tuple[Turn, Mapping[str, str]]:
    """The Turn with names of tools that a provider takes, and the client's names by these."""
    if rule.longest is None:
        return turn, {}
    names = {tool.name for tool in turn.tools if tool.kind == "function"}
    names.update(
        part.name
        for message in turn.messages
        for part in message.parts
        if isinstance(part, ToolCall | ToolResult) and part.name
    )
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
    if not any(isinstance(part, ToolCall | ToolResult) and part.name in given for part in message.parts):
        return message
    parts = tuple(
        structs.replace(part, name=given.get(part.name, part.name))
        if isinstance(part, ToolCall | ToolResult)
        else part
        for part in message.parts
    )
    return structs.replace(message, parts=parts)
