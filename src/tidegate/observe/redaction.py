"""What is taken out of bodies before anybody keeps them: keys always, and what the operator names."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

__all__ = ["BUILT_IN", "Redacted", "Redactor", "without_tail"]

MARK = "[redacted]"

_PREFIXES = "sk|pk|rk|gsk|xai|pplx|csk|nvapi|fw|hf|ghp|gho|glpat|tgp|r8|tg"
_KEYS = re.compile(
    rf"(?:\b(?:{_PREFIXES})[-_][A-Za-z0-9_-]{{16,}}"
    r"|\bAIza[A-Za-z0-9_-]{30,}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"
    r"|(?<=Bearer )[A-Za-z0-9._~+/=-]{16,}"
    r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\s\S]{0,8000}?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z))"
)
"""Keys and tokens by their usual forms."""
_HINTS = (
    *{f"{one[-2:]}{separator}" for one in _PREFIXES.split("|") for separator in "-_"},
    "AIza", "AKIA", "ASIA", "eyJ", "Bearer ", "-----BEGIN ",
)  # fmt: skip
"""A text has a key only if it has one of these, which is found several times as fast: bodies are as long as
conversations.
"""

BUILT_IN = (
    r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4}",
    r"\b(?:\d[ -]?){12,18}\d\b",
    r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b",
)
"""What `redacted` takes out in addition to the operator's patterns: e-mail addresses, numbers of cards and
accounts.
"""

LEAST_SECRET = 8
"""Characters of a secret that is looked for: a shorter one would be found everywhere."""
_TAIL = re.compile(r"[^\s\"'<>,;(){}\[\]]{1,256}\Z")


class Redacted(NamedTuple):
    """A text, and whether something in it was replaced."""

    text: str
    changed: bool


class Redactor:
    """Takes keys, patterns and fields out of texts."""

    def __init__(
        self, secrets: Iterable[str] = (), patterns: Sequence[str] = (), fields: Sequence[str] = ()
    ) -> None:
        """`secrets` are taken out wherever they are; `patterns` are regular expressions, `fields` names of
        JSON fields.
        """
        self._secrets = sorted({one for one in secrets if len(one) >= LEAST_SECRET}, key=len, reverse=True)
        self._patterns = [re.compile(one) for one in (*BUILT_IN, *patterns)]
        self._fields = frozenset(fields)

    def without_keys(self, text: str, secret: str | None = None) -> Redacted:
        """The text without keys; `secret` is another one."""
        found = _KEYS.sub(MARK, text) if _may_have_key(text) else text
        for one in (*self._secrets, *((secret,) if secret and len(secret) >= LEAST_SECRET else ())):
            if one in found:
                found = found.replace(one, MARK)
        return Redacted(found, found != text)

    def without_all(self, text: str, secret: str | None = None) -> Redacted:
        """The text without keys and patterns. In JSON, they are looked for in the values, and the fields are
        taken out; what cannot be read as JSON, although there are fields to take out, is left out as a whole.
        """
        try:
            value = msgspec.json.decode(text)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            if self._fields and text.lstrip().startswith(("{", "[")):
                return Redacted(MARK, True)
            return self._in_text(text, secret)
        try:
            changed = self._in_value(value, secret)
            found = msgspec.json.encode(changed).decode()
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return Redacted(MARK, True)
        return Redacted(found if changed != value else text, changed != value)

    def _in_text(self, text: str, secret: str | None) -> Redacted:
        found = self.without_keys(text, secret).text
        for pattern in self._patterns:
            found = pattern.sub(MARK, found)
        return Redacted(found, found != text)

    def _in_value(self, value: Any, secret: str | None) -> Any:
        if isinstance(value, str):
            return self._in_text(value, secret).text
        if isinstance(value, list):
            return [self._in_value(one, secret) for one in value]
        if isinstance(value, dict):
            return {
                self._in_text(name, secret).text: MARK
                if name in self._fields
                else self._in_value(one, secret)
                for name, one in value.items()
            }
        return value


def _may_have_key(text: str) -> bool:
    for hint in _HINTS:  # noqa: SIM110 a generator would cost as much as the search
        if hint in text:
            return True
    return False


def without_tail(text: str) -> str:
    """A truncated text without its last word, which may be the beginning of a key."""
    return _TAIL.sub("", text)
