"""What can be asked for beside chat, and the contract of its wire formats, on one screen.

A task (embeddings, images) is asked for in OpenAI's dialect and answered in one piece. Its package
of this folder offers `TASK`: how a client's request is read, and the formats in which providers are
asked. Which format a provider speaks, and how it differs from it, is a fact of the provider's row.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from typing import Protocol as Interface

from msgspec.json import Decoder

from .adapted import Adaptation
from .conduits import BodyConduit
from .contract import AnswerDialect, Call, Conduit, Tally, Target
from .decode import MALFORMED, check_utf8
from .errors import ProviderBroke, TidegateError, Unsupported
from .events import Event, LeftOut
from .fields import Fields, is_set
from .lenient import decode_leniently
from .paths import quote_segment

__all__ = [
    "Task",
    "TaskFormat",
    "Whole",
    "drop",
    "names_of",
    "read_answer",
    "remove_gateway_fields",
    "render_path",
]

T = TypeVar("T")


class TaskFormat(Interface):
    """One wire format of a task."""

    @property
    def dialect(self) -> type[Any]:
        """The struct of the differences that providers of this format may have."""
        ...

    def plan(self, parsed: Any, target: Target) -> tuple[Call, Conduit]:
        """What to send, and how the answer comes back; `asked` is what the task's `parse` returned.

        Raises Unsupported naming what cannot be carried.
        """
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """Something that can be asked for."""

    name: str
    parse: Callable[[bytes], Any]
    """Decodes and checks a client's request: an object with `model`, `stream`, `provider` and
    `fallbacks`. Raises InvalidRequest naming the parameter."""
    formats: Mapping[str, TaskFormat]
    words: Mapping[str, Callable[[str], Adaptation]] = field(default_factory=dict)
    """Requests of another dialect for the same, by the method that they call: the path's name of the model
    → how such a request is reworded into OpenAI's."""
    as_chat: AnswerDialect | None = None
    """How the answer of a chat is written, for providers that have no format of this task: requests then have
    a `turn` (see contract.ParsedRequest). None: such providers do not support the task."""


class Whole(BodyConduit):
    """The conduit of an answer that is converted as a whole."""

    __slots__ = ("_convert",)

    def __init__(self, convert: Callable[[bytes, Tally], bytes]) -> None:
        super().__init__()
        self._convert = convert
        """Provider's body in, client's body out; fills in the tally. Raises ProviderError; whatever else it
        raises is the provider's failure too: an answer that it is not prepared for."""

    def _take(self, body: bytes) -> bytes:
        """See BodyConduit."""
        check_utf8(body)
        return self._convert(body, self.tally)

    def abort(self, error: TidegateError) -> bytes:
        """Nothing: such an answer is never open when it fails."""
        return b""


# --- what the formats share ------------------------------------------------------------------

GATEWAY_FIELDS = ("provider", "models")
"""Tidegate's own fields, which a provider does not know unless its dialect says so."""


def read_answer(decoder: Decoder[T], body: bytes, tally: Tally, what: str) -> T:
    """What is read of an answer, without the fields beside it that cannot be read: the tally names them.
    Raises ProviderBroke where it holds none of `what` was asked for.
    """
    left_out: list[Event] = []
    try:
        answer = decode_leniently(decoder, body, left_out)
    except MALFORMED as error:
        raise ProviderBroke(f"the provider's answer contains no {what}") from error
    for event in left_out:
        if isinstance(event, LeftOut):
            tally.leave_out(event.name)
    return answer


def refuse_stream(stream: bool | None, what: str) -> None:
    """Raise Unsupported if a stream is requested where every answer is one piece."""
    if stream:
        raise Unsupported(f"{what} are not streamed: leave out stream, or send false", param="stream")


def names_of(fields: Fields, known: frozenset[str]) -> list[str]:
    """The fields beyond those known (and Tidegate's own) in which the client says something."""
    beyond = fields.keys() - known - set(GATEWAY_FIELDS)
    return [name for name in fields if name in beyond and is_set(fields[name])]


def drop(fields: Fields, names: Iterable[str]) -> list[str]:
    """Take fields out; the names of those in which the client says something."""
    taken = {name: fields.pop(name) for name in names if name in fields}
    return [name for name, value in taken.items() if is_set(value)]


def remove_gateway_fields(fields: Fields, provider: Any, own: tuple[str, ...]) -> None:
    """Take out what is for Tidegate. `own` are the fields that the service understands itself; a
    `provider` that is only a name is Tidegate's even there.
    """
    for name in GATEWAY_FIELDS:
        if name not in own or (name == "provider" and isinstance(provider, str)):
            fields.pop(name, None)


def render_path(path: str, model: str) -> str:
    """A path with the model in its place."""
    return path.replace("{model}", quote_segment(model))
