"""One table of finish reasons: the meaning of every provider's word, and every format's word for it.

Readers use `meaning_of`, whatever the format; writers take the word from `WORDS`. A reason that means that
the answer is incomplete is an `error` of the provider (`broken_finish`), never a normal end.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

from .errors import ProviderBroke
from .events import FinishReason

__all__ = [
    "MEANINGS",
    "WORDS",
    "Meaning",
    "broken_finish",
    "end_with",
    "finish_of",
    "is_broken",
    "meaning_of",
    "own_words",
]

Meaning: TypeAlias = FinishReason | Literal["error"]
"""The meaning of a provider's reason: one of the four ends of an answer, or `error` for an incomplete one."""

_BY_FORMAT: Mapping[str, Mapping[str, Meaning]] = MappingProxyType(
    {
        # OpenAI's own, and what leaks through servers that follow it: Together's older models (eos), DeepSeek
        # hosted by Azure (tool_call), Mistral (model_length, error), Z.ai (sensitive, network_error),
        # DeepSeek (insufficient_system_resource), SGLang and vLLM (abort, matched_stop).
        "openai_chat": {
            "stop": "stop",
            "length": "length",
            "tool_calls": "tool_calls",
            "content_filter": "content_filter",
            "function_call": "tool_calls",
            "eos": "stop",
            "eos_token": "stop",
            "matched_stop": "stop",
            "tool_call": "tool_calls",
            "model_length": "length",
            "sensitive": "content_filter",
            "error": "error",
            "network_error": "error",
            "insufficient_system_resource": "error",
            "abort": "error",
            "aborted": "error",
        },
        # Why a response is incomplete.
        "openai_responses": {
            "max_output_tokens": "length",
            "max_tokens": "length",
            "content_filter": "content_filter",
        },
        "anthropic": {
            "end_turn": "stop",
            "stop_sequence": "stop",
            "pause_turn": "stop",
            "max_tokens": "length",
            "model_context_window_exceeded": "length",
            "tool_use": "tool_calls",
            "refusal": "content_filter",
        },
        "gemini": {
            "STOP": "stop",
            "MAX_TOKENS": "length",
            "CONTINUATION": "length",
            "SAFETY": "content_filter",
            "RECITATION": "content_filter",
            "BLOCKLIST": "content_filter",
            "PROHIBITED_CONTENT": "content_filter",
            "SPII": "content_filter",
            "LANGUAGE": "content_filter",
            "MODEL_ARMOR": "content_filter",
            "IMAGE_SAFETY": "content_filter",
            "IMAGE_RECITATION": "content_filter",
            "IMAGE_PROHIBITED_CONTENT": "content_filter",
            # Google stopped it and does not say why; the block reason of prompts has the same word.
            "OTHER": "content_filter",
            "IMAGE_OTHER": "content_filter",
            "FINISH_REASON_UNSPECIFIED": "stop",
            "MALFORMED_FUNCTION_CALL": "error",
            "MALFORMED_RESPONSE": "error",
            "MISSING_THOUGHT_SIGNATURE": "error",
            "NO_IMAGE": "error",
            "TOO_MANY_TOOL_CALLS": "error",
            "UNEXPECTED_TOOL_CALL": "error",
        },
        "cohere": {
            "COMPLETE": "stop",
            "STOP_SEQUENCE": "stop",
            "MAX_TOKENS": "length",
            "ERROR_LIMIT": "length",
            "TOOL_CALL": "tool_calls",
            "ERROR_TOXIC": "content_filter",
            "ERROR": "error",
            "TIMEOUT": "error",
            "USER_CANCEL": "error",
        },
        "bedrock": {
            "end_turn": "stop",
            "stop_sequence": "stop",
            "max_tokens": "length",
            "model_context_window_exceeded": "length",
            "tool_use": "tool_calls",
            "guardrail_intervened": "content_filter",
            "content_filtered": "content_filter",
            "malformed_model_output": "error",
            "malformed_tool_use": "error",
        },
    }
)

MEANINGS: Mapping[str, Meaning] = {
    word.lower(): meaning for words in _BY_FORMAT.values() for word, meaning in words.items()
}
"""All known reasons, in lower case. Services often pass on the words of their own providers."""

_SIGNS: tuple[tuple[Meaning, tuple[str, ...]], ...] = (
    (
        "content_filter",
        ("filter", "safety", "recitation", "prohibited", "blocked", "blocklist", "sensitive", "moderation",
         "guardrail", "refus", "policy", "toxic", "violation"),
    ),
    (
        "error",
        ("error", "fail", "malformed", "invalid", "abort", "cancel", "timeout", "timed_out", "unavailable",
         "overload", "insufficient", "interrupt", "crash", "unexpected", "disconnect", "exception"),
    ),
    ("length", ("length", "max_", "maximum", "limit", "exceeded", "context_window", "truncat")),
    ("tool_calls", ("tool", "function")),
)  # fmt: skip
"""Word fragments for reasons that are newer than the table; the first match is used."""

WORDS: Mapping[str, Mapping[FinishReason, str]] = MappingProxyType(
    {
        "openai_chat": {
            "stop": "stop",
            "length": "length",
            "tool_calls": "tool_calls",
            "content_filter": "content_filter",
        },
        "anthropic": {
            "stop": "end_turn",
            "length": "max_tokens",
            "tool_calls": "tool_use",
            "content_filter": "refusal",
        },
        # Google ends a turn with calls on STOP.
        "gemini": {
            "stop": "STOP",
            "length": "MAX_TOKENS",
            "tool_calls": "STOP",
            "content_filter": "SAFETY",
        },
    }
)
"""Format → the word that its writer uses for each end."""


def own_words(protocol: str) -> frozenset[str]:
    """The reasons that clients of a format know; these are passed on unchanged."""
    return frozenset(_BY_FORMAT[protocol])


def meaning_of(reason: str) -> Meaning:
    """The meaning of a provider's reason. An unknown one counts as `stop`, because it ended the answer."""
    known = MEANINGS.get(reason)
    if known is not None:
        return known
    word = reason.strip().lower()
    known = MEANINGS.get(word)
    if known is not None:
        return known
    return next((meaning for meaning, signs in _SIGNS if any(sign in word for sign in signs)), "stop")


def finish_of(reason: str) -> FinishReason:
    """The end of a complete answer with this reason."""
    meaning = MEANINGS.get(reason) or meaning_of(reason)
    return "stop" if meaning == "error" else meaning


def end_with(reason: FinishReason, *, calls: bool) -> FinishReason:
    """The end of an answer with or without calls: clients run calls only on `tool_calls`, and wait for calls
    after it. Providers end answers with calls like any other (OpenAI where a tool was forced), or announce
    calls that are not the client's (of their own tools, of an empty stub).
    """
    if calls:
        return "tool_calls" if reason == "stop" else reason
    return "stop" if reason == "tool_calls" else reason


def is_broken(reason: str) -> bool:
    """Whether a reason means that the answer is incomplete."""
    return meaning_of(reason) == "error"


def broken_finish(reason: str, detail: str | None = None) -> ProviderBroke:
    """The error for an answer with such a reason, with the provider's explanation."""
    message = f"the provider ended its answer with the reason {reason!r}"
    error = ProviderBroke(f"{message}: {detail}" if detail else message)
    error.finish = reason
    return error
