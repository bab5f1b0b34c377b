"""OpenAI's format, on both sides: the client's bytes with the model replaced, the provider's bytes back."""

from typing import Any

from msgspec import Raw, Struct
from msgspec.json import Decoder, Encoder

from tidegate.protocols.contract import Call, Conduit, Tally, Target
from tidegate.protocols.errors import ProviderBroke
from tidegate.protocols.openai_errors import error_inside
from tidegate.protocols.openai_usage import UsageIn, parse_usage
from tidegate.protocols.task import Whole, read_answer, remove_gateway_fields, render_path

from .request import ModerationsRequest

__all__ = ["FORMAT", "Dialect"]

ENCODE = Encoder().encode


class Dialect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one service differs from OpenAI."""

    path: str = "/moderations"
    """Where to send requests, behind the base URL; `{model}` stands for the model's name."""


class OpenAIFormat:
    """See TaskFormat."""

    dialect = Dialect

    def plan(self, parsed: ModerationsRequest, target: Target) -> tuple[Call, Conduit]:
        """See TaskFormat."""
        fields = dict(parsed.fields)
        fields["model"] = Raw(ENCODE(target.model))
        remove_gateway_fields(fields, parsed.provider, ())
        path = render_path(target.dialect.path, target.model)
        return Call(path, ENCODE(fields), stream=False), Whole(read_results)


FORMAT = OpenAIFormat()


class View(Struct):
    """What is read of an answer."""

    id: str | None = None
    model: str | None = None
    results: list[Raw] | None = None
    usage: UsageIn | None = None
    """Mistral's; OpenAI reports none, and charges nothing."""
    error: Any = None


VIEW = Decoder(View)


def read_results(body: bytes, tally: Tally) -> bytes:
    """The provider's own bytes, if they are results. Raises ProviderError."""
    view = read_answer(VIEW, body, tally, "results")
    if view.error:
        raise error_inside(view.error)
    if view.results is None:
        raise ProviderBroke("the provider's answer contains no results")
    tally.id, tally.model = view.id or "", view.model or ""
    tally.usage = None if view.usage is None else parse_usage(view.usage)
    return body
