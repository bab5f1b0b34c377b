"""Conversion of Gemini's token counts.

`promptTokenCount` includes cached tokens but not those that tools added to the prompt
(`toolUsePromptTokenCount`); `candidatesTokenCount` does not include thoughts; the total is the sum of the
four. Google omits counts of 0.
"""

from collections.abc import Iterable

import msgspec

from tidegate.protocols.usage import Usage

from .wire import TokenCount, UsageMetadata

__all__ = ["parse_usage", "render_usage", "with_searches"]


def parse_usage(counts: UsageMetadata) -> Usage | None:
    """Return the token classes; None if there are no counts (only `{"trafficType": …}`)."""
    if (
        counts.candidates_token_count is None
        and counts.thoughts_token_count is None
        and not counts.prompt_token_count
    ):
        return None
    prompt = _prompt(counts)
    cached = counts.cached_content_token_count
    audio = _audio(counts.prompt_tokens_details)
    if audio and cached:
        audio = max(0, audio - (_audio(counts.cache_tokens_details) or 0))
    audio_out = _audio(counts.candidates_tokens_details)
    if prompt is not None:
        prompt = max(0, prompt - (cached or 0) - (audio or 0)) + (counts.tool_use_prompt_token_count or 0)
    return Usage(
        input=prompt,
        cache_read=cached,
        input_audio=audio,
        output=max(0, (counts.candidates_token_count or 0) - (audio_out or 0)),
        reasoning=counts.thoughts_token_count,
        output_audio=audio_out,
    )


def with_searches(usage: Usage | None, searches: int) -> Usage:
    """Return usage with the web searches that the answer's grounding reports: Google bills them in addition
    to tokens, and does not count them in `usageMetadata`.
    """
    return msgspec.structs.replace(usage or Usage(), searches=searches)


def render_usage(usage: Usage) -> UsageMetadata:
    """Write the usage in Gemini's form."""
    prompt = usage.prompt_tokens
    candidates = None if usage.completion_tokens is None else usage.completion_tokens - (usage.reasoning or 0)
    known = [count for count in (prompt, candidates, usage.reasoning) if count is not None]
    return UsageMetadata(
        prompt_token_count=prompt,
        candidates_token_count=candidates,
        thoughts_token_count=usage.reasoning,
        cached_content_token_count=usage.cache_read,
        total_token_count=sum(known) if known else None,
        prompt_tokens_details=_details(TEXT=_sum(prompt, usage.input_audio), AUDIO=usage.input_audio),
        candidates_tokens_details=_details(TEXT=usage.output, AUDIO=usage.output_audio),
    )


def _prompt(counts: UsageMetadata) -> int | None:
    """Return the prompt tokens. For prompts with documents, Google sometimes reports only the total
    (gemini-3.1-pro-preview).
    """
    if counts.prompt_token_count is not None or counts.total_token_count is None:
        return counts.prompt_token_count
    others = (counts.candidates_token_count, counts.thoughts_token_count, counts.tool_use_prompt_token_count)
    return max(0, counts.total_token_count - sum(count or 0 for count in others))


def _sum(count: int | None, audio: int | None) -> int | None:
    return None if count is None else count - (audio or 0)


def _audio(details: Iterable[TokenCount] | None) -> int | None:
    if details is not None:
        for detail in details:
            if detail.modality == "AUDIO":
                return detail.token_count
    return None


def _details(**counts: int | None) -> list[TokenCount] | None:
    """Return the token counts by modality, if they add anything to the sum."""
    if not counts["AUDIO"]:
        return None
    return [TokenCount(modality=name, token_count=count) for name, count in counts.items() if count]
