"""Cohere's token counts.

`tokens` are what the model saw and wrote, Cohere's own template included; `billed_units` are what is
paid and leave the template out. Cached tokens are inside the prompt, thinking is inside the output.
Tokens of images are inside `input_tokens` for some models (command-a-vision) and beside them for
others (command-a-plus), where more is then billed than the model seems to have seen.
"""

from tidegate.protocols.usage import Usage

from .wire import Tokens, UsageIn

__all__ = ["parse_usage"]


def parse_usage(told: UsageIn | None) -> Usage | None:
    """The tokens in disjoint classes; None where none are told (`"usage": {}`)."""
    tokens = (told.tokens or told.billed_units) if told is not None else None
    if told is None or tokens is None or (tokens.input_tokens is None and tokens.output_tokens is None):
        return None
    prompt = _prompt(tokens, told.billed_units)
    cached = _whole(told.cached_tokens)
    output, reasoning = _whole(tokens.output_tokens), _whole(tokens.reasoning_tokens)
    return Usage(
        input=None if prompt is None else max(0, prompt - (cached or 0)),
        cache_read=cached if prompt is None or cached is None else min(cached, prompt),
        output=None if output is None else max(0, output - (reasoning or 0)),
        reasoning=reasoning if output is None or reasoning is None else min(reasoning, output),
    )


def _prompt(tokens: Tokens, billed: Tokens | None) -> int | None:
    prompt = _whole(tokens.input_tokens)
    images = _whole(tokens.image_tokens)
    if prompt is None or not images:
        return prompt
    paid = _whole(billed.input_tokens) if billed is not None else None
    beside = prompt < images or (paid is not None and paid > prompt)
    return prompt + images if beside else prompt


def _whole(count: float | None) -> int | None:
    return None if count is None else max(0, int(count))
