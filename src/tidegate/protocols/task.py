"""Tasks other than chat, and the contract of their wire formats.

A task (embeddings, images) is requested in OpenAI's dialect and answered in one piece. Its package in this
folder exports `TASK`: how to parse a client's request, and the formats for calling providers. A provider's
row says which format it uses, and how it differs from it.
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
        """The struct that describes how providers of this format may differ."""
        ...

    def plan(self, parsed: Any, target: Target) -> tuple[Call, Conduit]:
        """Return what to send, and the conduit of the answer. `parsed` is the result of the task's `parse`.

        Raises Unsupported naming what it cannot carry.
        """
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """A kind of request other than chat."""

    name: str
    parse: Callable[[bytes], Any]
    """Decodes and checks a client's request. The result has `model`, `stream`, `provider` and `fallbacks`.
    Raises InvalidRequest naming the parameter."""
    formats: Mapping[str, TaskFormat]
    words: Mapping[str, Callable[[str], Adaptation]] = field(default_factory=dict)
    """Conversions of another dialect's requests for the same task, by method: the model's name in the path →
    the conversion into OpenAI's dialect."""
    as_chat: AnswerDialect | None = None
    """How to write a chat's answer, for providers without a format of this task; requests then have a `turn`
    (see contract.ParsedRequest). None: such providers do not support the task."""


class Whole(BodyConduit):
    """The conduit of an answer that is converted as a whole."""

    __slots__ = ("_convert",)

    def __init__(self, convert: Callable[[bytes, Tally], bytes]) -> None:
        super().__init__()
        self._convert = convert
        """Converts the provider's body to the client's, and fills in the tally. Raises ProviderError; any
        other exception is the provider's failure too: an answer of an unexpected form."""

    def _take(self, body: bytes) -> bytes:
        """See BodyConduit."""
        check_utf8(body)
        return self._convert(body, self.tally)

    def abort(self, error: TidegateError) -> bytes:
        """Return nothing: no bytes have been written when such an answer fails."""
        return b""


# --- what the formats share ------------------------------------------------------------------

GATEWAY_FIELDS = ("provider", "models")
"""Fields addressed to Tidegate, which providers do not know unless their dialect says so."""


def read_answer(decoder: Decoder[T], body: bytes, tally: Tally, what: str) -> T:
    """Decode an answer, omitting optional fields that cannot be read; the tally names them. Raises
    ProviderBroke if the answer does not contain what was requested (`what`).
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
    """Raise Unsupported if a stream is requested for a task that is never streamed."""
    if stream:
        raise Unsupported(f"{what} are not streamed: leave out stream, or send false", param="stream")


def names_of(fields: Fields, known: frozenset[str]) -> list[str]:
    """The names of fields that the client set, other than known ones and Tidegate's own."""
    beyond = fields.keys() - known - set(GATEWAY_FIELDS)
    return [name for name in fields if name in beyond and is_set(fields[name])]


def drop(fields: Fields, names: Iterable[str]) -> list[str]:
    """Remove fields. Returns the names of those that the client had set."""
    taken = {name: fields.pop(name) for name in names if name in fields}
    return [name for name, value in taken.items() if is_set(value)]


def remove_gateway_fields(fields: Fields, provider: Any, own: tuple[str, ...]) -> None:
    """Remove the fields addressed to Tidegate, except for `own`, which the service understands itself. A
    `provider` that is only a name is always removed.
    """
    for name in GATEWAY_FIELDS:
        if name not in own or (name == "provider" and isinstance(provider, str)):
            fields.pop(name, None)


def render_path(path: str, model: str) -> str:
    """A path with the model's name inserted."""
    return path.replace("{model}", quote_segment(model))
