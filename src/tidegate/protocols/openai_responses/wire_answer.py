"""The fields of a provider's answer that Tidegate reads: the response object, its items, and the events of a
stream.
"""

from typing import Any

from msgspec import Raw, Struct
from msgspec.json import Decoder

from tidegate.protocols.served import Served, nano_usd, served
from tidegate.protocols.usage import Count

from .usage import UsageIn
from .wire import TextPart

__all__ = [
    "ANNOTATION",
    "CALL",
    "EVENT",
    "ID",
    "IMAGE",
    "MESSAGE",
    "PART",
    "REASONING",
    "RESPONSE",
    "TEXT",
    "CallOut",
    "ContentOut",
    "EventOut",
    "MessageOut",
    "ReasoningOut",
    "ResponseOut",
    "TextOut",
]


class ContentOut(Struct):
    """A part of a message."""

    type: str = ""
    text: str | None = None
    refusal: str | None = None
    annotations: list[Raw] | None = None
    logprobs: list[Raw] | None = None


class MessageOut(Struct):
    """A message."""

    content: list[ContentOut] | None = None
    text: str | None = None
    """Where an item is a part without its message."""


class IdOut(Struct, gc=False):
    """The id of an item."""

    id: str | None = None


class ReasoningOut(Struct):
    """A reasoning item."""

    summary: list[TextPart] | None = None
    content: list[TextPart] | None = None
    encrypted_content: str | None = None


class CallOut(Struct, gc=False):
    """A function call, or a call to a custom tool."""

    call_id: str | None = None
    name: str = ""
    arguments: str | None = None
    input: str | None = None


class ImageOut(Struct, gc=False):
    """An image that the model generated."""

    result: str | None = None
    output_format: str | None = None


class AnnotationOut(Struct, gc=False):
    """A citation; those without a URL are only forwarded."""

    type: str | None = None
    url: str | None = None
    title: str | None = None
    start_index: int | None = None
    end_index: int | None = None


class IncompleteOut(Struct, gc=False):
    """Why a response is not complete."""

    reason: str | None = None


class WebSearchOut(Struct, gc=False):
    """OpenAI's count of billable searches."""

    num_requests: Count | None = None


class ToolUsageOut(Struct, gc=False):
    """`tool_usage`: the cost of the provider's built-in tools."""

    web_search: WebSearchOut | None = None


class ResponseOut(Struct):
    """A response, at its start or at its end."""

    id: str | None = None
    model: str | None = None
    created_at: float | None = None
    status: str | None = None
    error: Any = None
    incomplete_details: IncompleteOut | None = None
    output: list[Raw] | None = None
    output_text: str | None = None
    """The whole text, which OpenAI's SDKs add and some servers send."""
    usage: UsageIn | None = None
    tool_usage: ToolUsageOut | None = None
    service_tier: Any = None

    @property
    def served(self) -> Served | None:
        """How the response was served."""
        cost = None if self.usage is None else nano_usd(self.usage.cost, self.usage.cost_in_usd_ticks)
        return served(self.service_tier, cost=cost)

    @property
    def searches(self) -> int | None:
        """Billable web searches, if the provider counts them."""
        used = self.tool_usage
        return used.web_search.num_requests if used is not None and used.web_search is not None else None


class EventOut(Struct):
    """An event of a stream. `type` determines which fields it has."""

    type: str = ""
    output_index: int = 0
    content_index: int = 0
    summary_index: int = 0
    item_id: str | None = None
    delta: str | None = None
    logprobs: list[Raw] | None = None
    text: str | None = None
    refusal: str | None = None
    arguments: str | None = None
    input: str | None = None
    part: Raw = Raw()
    item: Raw = Raw()
    annotation: Raw = Raw()
    response: ResponseOut | None = None
    error: Any = None
    code: Any = None
    message: str | None = None
    param: str | None = None


class TextOut(Struct, gc=False):
    """The fields of most events of a stream: a text delta."""

    delta: str
    output_index: int = 0
    content_index: int = 0
    logprobs: Raw = Raw()


ID = Decoder(IdOut)
MESSAGE = Decoder(MessageOut)
PART = Decoder(ContentOut)
REASONING = Decoder(ReasoningOut)
CALL = Decoder(CallOut)
IMAGE = Decoder(ImageOut)
ANNOTATION = Decoder(AnnotationOut)
RESPONSE = Decoder(ResponseOut)
EVENT = Decoder(EventOut)
TEXT = Decoder(TextOut)
