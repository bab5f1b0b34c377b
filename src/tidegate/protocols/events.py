"""What an answer says, one small frozen value at a time.

Every answer, streamed or not, is the same sequence: `Started` once; then content of any kind,
per choice in the order in which the model wrote it; `Finished` once per choice; `UsageReported`
any number of times (the last one counts). `Failed` ends everything: nothing follows it.

Values are made for every delta of every stream, so they hold no more than what they say.
"""

from typing import Literal, TypeAlias

from msgspec import Raw, Struct

from .errors import ProviderError
from .served import Served
from .usage import Usage

__all__ = [
    "AudioDelta",
    "CitationAdded",
    "Event",
    "Failed",
    "FinishReason",
    "Finished",
    "ImageAdded",
    "LeftOut",
    "LogprobsDelta",
    "NativeBlock",
    "ReasoningDelta",
    "ReasoningEncrypted",
    "ReasoningSigned",
    "RefusalDelta",
    "Started",
    "TextDelta",
    "ToolCallDelta",
    "ToolCallStarted",
    "UsageReported",
]

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]
"""OpenAI's names. What a provider has beside them maps to the nearest and is kept in
`Finished.native`."""


class Started(Struct, frozen=True, gc=False):
    """The answer begins. Comes before anything else."""

    id: str
    """The provider's id of the answer; "" where it gives none (the writer then makes one)."""
    model: str
    """The model that answers, in the provider's own words."""
    created: int | None = None
    """Seconds since the epoch, where the provider says."""


class TextDelta(Struct, frozen=True, gc=False):
    """More text."""

    text: str
    choice: int = 0
    signature: str | None = None
    """A provider's signature on this text (Gemini's `thoughtSignature`), to be sent back with it."""


class ReasoningDelta(Struct, frozen=True, gc=False):
    """More of the model's thinking, in readable form."""

    text: str
    choice: int = 0


class ReasoningSigned(Struct, frozen=True, gc=False):
    """The signature of the thinking block that was just written; ends that block."""

    signature: str
    format: str
    """Whose signature it is: the wire format's name (`anthropic`, `gemini`, …)."""
    choice: int = 0


class ReasoningEncrypted(Struct, frozen=True, gc=False):
    """A whole thinking block that only the provider can read (Anthropic's `redacted_thinking`)."""

    data: str
    format: str
    choice: int = 0


class ToolCallStarted(Struct, frozen=True, gc=False):
    """The model calls a tool; its arguments follow in `ToolCallDelta`s."""

    index: int
    """Counts the calls of a choice from 0 without gaps."""
    id: str
    """Never empty: readers make one up where the provider gives none."""
    name: str
    choice: int = 0
    kind: Literal["function", "custom"] = "function"
    signature: str | None = None
    """A provider's signature on this call (Gemini's `thoughtSignature`)."""


class ToolCallDelta(Struct, frozen=True, gc=False):
    """More of a call's arguments: JSON text for functions, free text for custom tools. A function
    without arguments gets the delta `{}`, so that the text is always JSON when the call is whole.
    """

    index: int
    arguments: str
    choice: int = 0


class RefusalDelta(Struct, frozen=True, gc=False):
    """More of the sentence with which the model declines."""

    text: str
    choice: int = 0


class LogprobsDelta(Struct, frozen=True, gc=False):
    """Log probabilities of the tokens since the last one, as OpenAI's `logprobs.content` list."""

    content: Raw
    choice: int = 0


class CitationAdded(Struct, frozen=True, kw_only=True, gc=False):
    """A source for what was said."""

    url: str | None = None
    title: str | None = None
    quote: str | None = None
    """The words of the source, where the provider quotes them."""
    start: int | None = None
    end: int | None = None
    """Characters of the answer's text that the source supports, where known."""
    native: Raw | None = None
    """The citation in the provider's own form."""
    choice: int = 0


class ImageAdded(Struct, frozen=True, gc=False):
    """An image that the model made."""

    media_type: str
    data: str
    """Base64."""
    choice: int = 0
    signature: str | None = None


class AudioDelta(Struct, frozen=True, gc=False):
    """Audio that the model speaks, in OpenAI's form (`message.audio` or `delta.audio`)."""

    audio: Raw
    choice: int = 0


class NativeBlock(Struct, frozen=True, gc=False):
    """A block of one wire format that has no counterpart elsewhere (a server's own tool call and
    its result, executed code). Carried whole, and given back to the same format later.
    """

    format: str
    """The wire format's name."""
    block: Raw
    choice: int = 0


class Finished(Struct, frozen=True, gc=False):
    """A choice is complete."""

    reason: FinishReason
    choice: int = 0
    native: str | None = None
    """The provider's own reason, where it says more than `reason`."""
    stop_sequence: str | None = None
    """The sequence that ended the text, where the provider says which."""
    detail: str | None = None
    """The provider's explanation in words."""


class UsageReported(Struct, frozen=True, gc=False):
    """Tokens so far; replaces any earlier report."""

    usage: Usage
    served: Served | None = None
    """How the answer was served, where the provider says; adds to what was reported before."""


class LeftOut(Struct, frozen=True, gc=False):
    """A field beside the answer was of a form that cannot be read: the answer goes on without it."""

    name: str
    """The field's path in the provider's event, such as `usage.cost`."""


class Failed(Struct, frozen=True):
    """The provider says that it failed, in the middle of its answer. Nothing follows."""

    error: ProviderError


Event: TypeAlias = (
    Started
    | TextDelta
    | ReasoningDelta
    | ReasoningSigned
    | ReasoningEncrypted
    | ToolCallStarted
    | ToolCallDelta
    | RefusalDelta
    | LogprobsDelta
    | CitationAdded
    | ImageAdded
    | AudioDelta
    | NativeBlock
    | Finished
    | UsageReported
    | LeftOut
    | Failed
)
