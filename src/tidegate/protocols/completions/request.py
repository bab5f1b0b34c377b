"""A client's request for a completion, and the same request as a chat."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from msgspec.json import Decoder

from tidegate.protocols.errors import InvalidRequest, Unsupported
from tidegate.protocols.fields import extensions_in, read_unique_body
from tidegate.protocols.needs import NOTHING, Need
from tidegate.protocols.openai_request import OpenAIRequest, SampledWire, biases_of, stops_of
from tidegate.protocols.turn import Message, Text, Turn

__all__ = ["NAME", "CompletionRequest", "Prompt", "parse_request"]

NAME = "openai_completions"
"""The dialect of the request, for a `Turn` made of it."""

Prompt: TypeAlias = str | list[str | int | list[int]]


class Wire(SampledWire, kw_only=True):
    """The body, as far as it is read."""

    prompt: Prompt | None = None
    suffix: str | None = None
    logprobs: int | bool | None = None
    echo: bool | None = None
    best_of: int | None = None


WIRE = Decoder(Wire)

KNOWN = frozenset(Wire.__struct_fields__)
"""Fields that a chat has too, that are rejected, or that are for Tidegate itself."""


class CompletionRequest(OpenAIRequest[Wire]):
    """A client's request: decoded and checked (see `contract.ParsedRequest`)."""

    __slots__ = ()

    def needs(self) -> frozenset[Need]:
        """See contract.ParsedRequest."""
        return NOTHING

    def searches(self) -> int | None:
        """See contract.ParsedRequest."""
        return 0

    def turn(self) -> Turn:
        """The request as a chat. Raises Unsupported for what a chat cannot do, and InvalidRequest."""
        wire = self.wire
        for name, wanted in CHAT_LACKS.items():
            if wanted(wire):
                raise Unsupported(
                    f'this provider has no text completions, and a chat cannot do what "{name}" requests; '
                    f"leave it out, or choose a provider with POST /v1/completions",
                    param=name,
                )
        return Turn(
            model=wire.model,
            messages=(Message("user", (Text(_only_text(wire.prompt)),)),),
            stream=self.stream,
            max_tokens=wire.max_tokens,
            temperature=wire.temperature,
            top_p=wire.top_p,
            top_k=wire.top_k,
            presence_penalty=wire.presence_penalty,
            frequency_penalty=wire.frequency_penalty,
            seed=wire.seed,
            stop=stops_of(wire),
            n=wire.n,
            logit_bias=biases_of(wire, self.fields),
            user=wire.user,
            origin=NAME,
            extensions=extensions_in(self.fields, KNOWN),
        )


CHAT_LACKS: Mapping[str, Callable[[Wire], bool]] = {
    "suffix": lambda wire: bool(wire.suffix),
    "echo": lambda wire: wire.echo is True,
    "logprobs": lambda wire: wire.logprobs is not None and wire.logprobs is not False,
    "best_of": lambda wire: wire.best_of is not None and wire.best_of > 1,
}
"""What only a text completion can do: parameter → whether a request uses it."""


def parse_request(body: bytes) -> CompletionRequest:
    """Decode and check a request. Raises InvalidRequest."""
    wire, fields = read_unique_body(WIRE, body)
    if isinstance(wire.prompt, list) and not wire.prompt:
        raise InvalidRequest("expected at least one text", param="prompt")
    return CompletionRequest(body, wire, fields)


def _only_text(prompt: Prompt | None) -> str:
    """The prompt, where it is one text. Raises Unsupported, and InvalidRequest for an empty one."""
    if isinstance(prompt, list):
        if not all(isinstance(one, str) for one in prompt):
            raise Unsupported("this provider accepts text as the prompt, not tokens", param="prompt")
        if len(prompt) > 1:
            raise Unsupported(
                "this provider accepts one prompt per request; send one request for each", param="prompt"
            )
        prompt = prompt[0] if isinstance(prompt[0], str) else ""
    if not prompt:
        raise InvalidRequest("expected a text that is not empty", param="prompt")
    return prompt
