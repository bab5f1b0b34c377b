"""The demo's answers as OpenAI writes them: a whole body, or the chunks of a stream."""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import cycle
from typing import Any

from . import tokens
from .answers import Answer, Call, Choice, Counts
from .models import MODELS

__all__ = [
    "CREATED",
    "Logprobs",
    "render_answer",
    "render_chunks",
    "render_error",
    "render_models",
]

CREATED = 1795219200
"""The time in every answer, fixed so that answers are reproducible: 2026-11-21."""

_FINGERPRINT = "fp_demo"


class Logprobs:
    """Invented probabilities, the same for the same token."""

    def __init__(self, alternatives: int) -> None:
        self._alternatives = alternatives

    def of(self, pieces: Iterable[str]) -> dict[str, Any]:
        """The `logprobs` of some tokens."""
        return {"content": [self._entry(token) for token in pieces], "refusal": None}

    def _entry(self, token: str) -> dict[str, Any]:
        likely = -hashlib.sha256(token.encode()).digest()[0] / 1000
        others = [one for one in _ALTERNATIVES if one != token]
        ranked = [(token, likely), *((one, likely - 2 - rank) for rank, one in enumerate(others))]
        top = [_logprob(text, logprob) for text, logprob in ranked[: self._alternatives]]
        return {**_logprob(token, likely), "top_logprobs": top}


_ALTERNATIVES = (
    " the", " a", " and", " of", " to", " in", " I", ",", ".", " is", " that", " it",
    " for", " as", " was", " with", " be", " by", " on", " not", " he",
)  # fmt: skip
"""Alternative tokens; OpenAI returns up to 20."""


def _logprob(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": round(logprob, 6), "bytes": list(token.encode())}


# --- a whole body ----------------------------------------------------------------------------


def render_answer(answer: Answer, counts: Counts, logprobs: Logprobs | None) -> dict[str, Any]:
    """The body of a `chat.completion`."""
    choices = [_render_choice(index, choice, logprobs) for index, choice in enumerate(answer.choices)]
    return {**_envelope(answer, "chat.completion"), "choices": choices, "usage": _render_usage(counts)}


def _render_usage(counts: Counts) -> dict[str, Any]:
    return {
        "prompt_tokens": counts.prompt,
        "completion_tokens": counts.completion,
        "total_tokens": counts.prompt + counts.completion,
        "prompt_tokens_details": {"cached_tokens": counts.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": counts.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _envelope(answer: Answer, kind: str) -> dict[str, Any]:
    return {
        "id": answer.id,
        "object": kind,
        "created": CREATED,
        "model": answer.model,
        "system_fingerprint": _FINGERPRINT,
    }


def _render_choice(index: int, choice: Choice, logprobs: Logprobs | None) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if choice.calls else choice.text,
        "refusal": None,
    }
    if choice.reasoning:
        message["reasoning_content"] = choice.reasoning
    if choice.calls:
        message["tool_calls"] = [_render_call(call, call.arguments) for call in choice.calls]
    entries = logprobs.of(tokens.split(choice.text)) if logprobs is not None and not choice.calls else None
    return {"index": index, "message": message, "logprobs": entries, "finish_reason": choice.finish}


def _render_call(call: Call, arguments: str) -> dict[str, Any]:
    if call.custom:
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": arguments}}
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


# --- a stream --------------------------------------------------------------------------------


def render_chunks(
    answer: Answer, counts: Counts | None, logprobs: Logprobs | None
) -> Iterator[dict[str, Any]]:
    """The chunks of a stream. With `counts`, the last chunk has the usage, and the others have a null
    instead.
    """
    envelope = _envelope(answer, "chat.completion.chunk")
    unknown = {} if counts is None else {"usage": None}
    for index, choice in enumerate(answer.choices):
        for delta, entries, finish in _deltas(choice, logprobs):
            part = {"index": index, "delta": delta, "logprobs": entries, "finish_reason": finish}
            yield {**envelope, "choices": [part], **unknown}
    if counts is not None:
        yield {**envelope, "choices": [], "usage": _render_usage(counts)}


Delta = tuple[dict[str, Any], "dict[str, Any] | None", "str | None"]
"""A delta, its logprobs, the finish reason."""


def _deltas(choice: Choice, logprobs: Logprobs | None) -> Iterator[Delta]:
    yield {"role": "assistant", "content": None if choice.calls else "", "refusal": None}, None, None
    for pieces in _portions(tokens.split(choice.reasoning)):
        yield {"reasoning_content": "".join(pieces)}, None, None
    for pieces in _portions(tokens.split(choice.text)):
        yield {"content": "".join(pieces)}, None if logprobs is None else logprobs.of(pieces), None
    for position, call in enumerate(choice.calls):
        yield from _call_deltas(position, call)
    yield {}, None, choice.finish


def _call_deltas(position: int, call: Call) -> Iterator[Delta]:
    yield {"tool_calls": [{"index": position, **_render_call(call, "")}]}, None, None
    field = "custom" if call.custom else "function"
    key = "input" if call.custom else "arguments"
    for start in range(0, len(call.arguments), 12):
        part = {"index": position, field: {key: call.arguments[start : start + 12]}}
        yield {"tool_calls": [part]}, None, None


def _portions(pieces: list[str]) -> Iterator[list[str]]:
    """Groups of one to three tokens, as models send them."""
    start = 0
    for size in cycle((1, 3, 2, 2, 3, 1, 2)):
        if start >= len(pieces):
            return
        yield pieces[start : start + size]
        start += size


# --- the rest --------------------------------------------------------------------------------


def render_error(
    message: str, kind: str, code: str | None = None, param: str | None = None
) -> dict[str, Any]:
    """An error's body."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def render_models() -> dict[str, Any]:
    """The list of models."""
    models = [
        {
            "id": name,
            "object": "model",
            "created": CREATED,
            "owned_by": "tidegate",
            "description": model.description,
        }
        for name, model in MODELS.items()
    ]
    return {"object": "list", "data": models}
