"""Conversion of Cohere's token counts.

`tokens` are what the model read and wrote, including Cohere's prompt template; `billed_units` are what is
billed, without the template, and often half as many or fewer: clients get the former, bills the latter
(https://docs.cohere.com/docs/how-does-cohere-pricing-work).

Cached tokens are included in the prompt, thinking in the output. Image tokens are included in `input_tokens`
for some models (command-a-vision) and not for others (command-a-plus), where more tokens are billed than the
model seems to have read.
"""

from tidegate.protocols.served import Served
from tidegate.protocols.usage import Usage

from .wire import Tokens, UsageIn

__all__ = ["parse_served", "parse_usage"]


def parse_usage(usage: UsageIn | None) -> Usage | None:
    """Return the token classes; None if there are no counts (`"usage": {}`)."""
    tokens = (usage.tokens or usage.billed_units) if usage is not None else None
    if usage is None or tokens is None or (tokens.input_tokens is None and tokens.output_tokens is None):
        return None
    prompt = _prompt(tokens, usage.billed_units)
    cached = _whole(usage.cached_tokens)
    output, reasoning = _whole(tokens.output_tokens), _whole(tokens.reasoning_tokens)
    return Usage(
        input=None if prompt is None else max(0, prompt - (cached or 0)),
        cache_read=cached if prompt is None or cached is None else min(cached, prompt),
        output=None if output is None else max(0, output - (reasoning or 0)),
        reasoning=reasoning if output is None or reasoning is None else min(reasoning, output),
    )


def parse_served(usage: UsageIn | None) -> Served | None:
    """Return what is billed; None if that is not reported. Cohere has no price of their own for cached
    tokens and for thinking, and bills images as tokens of the prompt.
    """
    billed = usage.billed_units if usage is not None else None
    if billed is None or (billed.input_tokens is None and billed.output_tokens is None):
        return None
    counted = Usage(input=_whole(billed.input_tokens) or 0, output=_whole(billed.output_tokens) or 0)
    return Served(billed=counted)


def _prompt(tokens: Tokens, billed: Tokens | None) -> int | None:
    prompt = _whole(tokens.input_tokens)
    images = _whole(tokens.image_tokens)
    if prompt is None or not images:
        return prompt
    paid = _whole(billed.input_tokens) if billed is not None else None
    separate = prompt < images or (paid is not None and paid > prompt)
    return prompt + images if separate else prompt


def _whole(count: float | None) -> int | None:
    return None if count is None else max(0, int(count))
