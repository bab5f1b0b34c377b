"""What all requests of one conversation begin with, and the names that clients give a conversation.

`ParsedRequest.opening()` and `session()` find them in the decoded body, without the work of a `Turn`. Only
texts and names count: markers for a prompt cache move from turn to turn.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

__all__ = ["Session", "opening_of"]


class Session(Struct, frozen=True, gc=False):
    """The names of a conversation in a request's body; None where the client gives none."""

    id: str | None = None
    """Tidegate's extension `session_id`, or the conversation's own id."""
    cache_key: str | None = None
    """`prompt_cache_key`."""


def opening_of(model: str, tools: Iterable[Any], instructions: Iterable[Any], user: Any) -> Iterator[bytes]:
    """The pieces that stay the same: the model, the names of the tools, the texts of the instructions and of
    the user's first message. A text is a string, a part with a `text`, or a list of these.
    """
    yield _encode(model)
    for tool in tools:
        name = getattr(tool, "name", None) or getattr(getattr(tool, "function", None), "name", None)
        yield _encode(name if isinstance(name, str) else type(tool).__name__)
    for instruction in instructions:
        yield from _texts(instruction)
    yield from _texts(user)


def _texts(content: Any) -> Iterator[bytes]:
    if isinstance(content, str):
        yield _encode(content)
        return
    for part in content or ():
        text = part if isinstance(part, str) else getattr(part, "text", None)
        yield _encode(text if isinstance(text, str) else type(part).__name__)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
