"""Prompts that are too long for a model: recognised in every provider's words, reported in every dialect's.

Agents react to this error (they compact the conversation and continue), but each client only knows its own
dialect's words: OpenAI's clients look for the code `context_length_exceeded`, Claude Code for "prompt is too
long: N tokens > M maximum", Gemini's for "exceeds the maximum number of tokens allowed".
"""

import re
from typing import NamedTuple

__all__ = ["CONTEXT_LENGTH_EXCEEDED", "anthropic_words", "gemini_words", "is_overflow"]

CONTEXT_LENGTH_EXCEEDED = "context_length_exceeded"
"""OpenAI's code, used for this error of every provider."""

STATUSES = frozenset((400, 413, 422))
"""The statuses that providers use. A 429 is a limit of tokens per minute, sometimes in similar words."""

CODES = frozenset(
    {
        CONTEXT_LENGTH_EXCEEDED,
        "exceed_context_size_error",  # llama.cpp
    }
)
"""Codes and types that identify the error without its message."""

LIMITS_OF_RATE = re.compile(r"per (minute|day|hour)|\bTP[MD]\b|rate limit", re.IGNORECASE)

PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # OpenAI, Azure, vLLM, DeepSeek, OpenRouter, Mistral, Fireworks
        r"maximum context length",
        r"exceeds? (the|this model'?s) (model'?s )?context (window|length|size)",
        r"longer than the (model'?s|maximum model|maximum context) (context )?length",
        r"exceeds the available context size",  # llama.cpp
        r"exceeded max(imum)? context length",  # Ollama
        r"maximum prompt length is \d+",  # xAI
        r"prompt is too long",  # Anthropic, also at Bedrock and Vertex
        r"exceed context limit",  # Anthropic, prompt and max_tokens together
        r"input is too long for (the )?requested model",  # Bedrock
        r"too many input tokens",  # Nova
        r"input token count.{0,40}exceeds the maximum number of tokens",  # Gemini
        r"too many tokens: .{0,80}prompt",  # Cohere
        r"too large for model with \d+ maximum context",  # Mistral
        r"range of input length should be",  # Qwen
        r"reduce the length of the (messages|prompt|input)",  # Groq
        r"`?inputs`? must have less than \d+ tokens",  # text-generation-inference
        r"`inputs` tokens \+ `max_new_tokens` must be",
    )
)

COUNTS: tuple[tuple[re.Pattern[str], tuple[int, int]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), places)
    for pattern, places in (
        (r"too long: (\d+) tokens > (\d+)", (1, 2)),
        (r"token count \((\d+)\) exceeds .{0,60}\((\d+)\)", (1, 2)),
        (r"context length is (\d+).{0,80}?(?:request|result|has|have|contain)\D{0,30}(\d+)", (2, 1)),
        (r"maximum prompt length is (\d+).{0,60}?contains (\d+)", (2, 1)),
        (r"Prompt contains (\d+) tokens.{0,60}?with (\d+) maximum", (1, 2)),
        (r"cannot exceed (\d+).{0,40}?received (\d+)", (2, 1)),
        (r"less than (\d+) tokens.{0,20}?Given: (\d+)", (2, 1)),
        (r"Max input tokens: (\d+).{0,60}?count: (\d+)", (2, 1)),
        (r"request \((\d+) tokens\) exceeds .{0,40}\((\d+) tokens\)", (1, 2)),
        (r"limit: (\d+) \+ \d+ > (\d+)", (1, 2)),
        (r"input \((\d+) tokens\) is longer .{0,60}\((\d+) tokens\)", (1, 2)),
        (r"too long: (\d+), model maximum context length: (\d+)", (1, 2)),
    )
)
"""The positions of the prompt's tokens and of the limit, if a message contains both."""


class Counts(NamedTuple):
    """Tokens of the prompt, and the model's limit."""

    tokens: int
    limit: int


def is_overflow(status: int, message: str, *words: str | None) -> bool:
    """Whether a provider's error says that the prompt is too long. `words` are its code and type."""
    if any(word in CODES for word in words):
        return True
    if status not in STATUSES or LIMITS_OF_RATE.search(message):
        return False
    return any(pattern.search(message) for pattern in PATTERNS)


def anthropic_words(message: str) -> str:
    """Start the message as Anthropic would, and keep the original."""
    if "prompt is too long" in message or "exceed context limit" in message:
        return message
    counts = _counts_in(message)
    numbers = "" if counts is None else f"{counts.tokens} tokens > {counts.limit} maximum "
    return f"prompt is too long: {numbers}({message})" if numbers else f"prompt is too long: {message}"


def gemini_words(message: str) -> str:
    """Start the message as Google would, and keep the original."""
    if "exceeds the maximum number of tokens" in message:
        return message
    counts = _counts_in(message)
    tokens, limit = ("", "") if counts is None else (f" ({counts.tokens})", f" ({counts.limit})")
    return f"The input token count{tokens} exceeds the maximum number of tokens allowed{limit}: {message}"


def _counts_in(message: str) -> Counts | None:
    for pattern, (tokens, limit) in COUNTS:
        found = pattern.search(message)
        if found is not None:
            return Counts(int(found[tokens]), int(found[limit]))
    return None
