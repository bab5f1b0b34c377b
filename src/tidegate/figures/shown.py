"""Sums as they are shown: rates, percentiles and amounts in USD. None means not known."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from tidegate.meters import quantiles_of

from .sums import Sums

__all__ = ["Percentiles", "Shown", "Tokens", "fields_of", "show"]

NANO = 1_000_000_000
SHARES = (0.5, 0.95, 0.99)


class Tokens(Struct, frozen=True, kw_only=True):
    """Tokens by class; the classes do not overlap."""

    input: int
    """Of prompts, neither read from a cache nor written to one."""
    cache_read: int
    cache_write: int
    output: int
    reasoning: int


class Percentiles(Struct, frozen=True):
    """Of times in milliseconds, within 2 %; null without any."""

    p50: float | None
    p95: float | None
    p99: float | None


class Shown(Struct, frozen=True, kw_only=True):
    """What some requests add up to."""

    requests: int
    errors: int
    """Those whose client got an error, whoever was at fault."""
    success_rate: float | None
    """Of the requests (by model: of the attempts) that say something about providers and the gateway, the
    share that did not fail: requests that were refused or whose client left say nothing."""
    errors_by_kind: Mapping[str, int]
    """Failed attempts by kind of error; a request may have several."""
    cost_usd: float
    unpriced: int
    """Answers whose cost is not known, which `cost_usd` leaves out."""
    tokens: Tokens
    cache_hit_rate: float | None
    """The share of the prompts' tokens that was read from a cache."""
    cache_saving_usd: float
    """Discounts for reading from caches less premiums for writing to them; negative where that cost more."""
    latency_ms: Percentiles
    """From the request's head to the end of the response, where there was no error."""
    ttft_ms: Percentiles
    """From the request's head to the first byte of a streamed answer."""
    tokens_per_s: float | None
    """Completion tokens per second of generation: after the first token, of plain answers altogether."""
    tool_calls: int
    """Answers that ended in tool calls."""
    tool_call_errors: int
    """Answers whose tool calls the provider reported as malformed."""


def show(sums: Sums) -> Shown:
    """Sums, as they are shown."""
    return Shown(**fields_of(sums))


def fields_of(sums: Sums) -> dict[str, Any]:
    """The fields of Shown."""
    prompt = sums.input + sums.cache_read + sums.cache_write
    seconds = sums.generated_ms / 1e3
    return {
        "requests": sums.requests,
        "errors": sums.errors,
        "success_rate": round(1 - sums.failures / sums.rated, 6) if sums.rated else None,
        "errors_by_kind": dict(sorted(sums.kinds.items())),
        "cost_usd": sums.cost / NANO,
        "unpriced": sums.unpriced,
        "tokens": Tokens(
            input=sums.input, cache_read=sums.cache_read, cache_write=sums.cache_write, output=sums.output,
            reasoning=sums.reasoning,
        ),
        "cache_hit_rate": round(sums.cache_read / prompt, 6) if prompt else None,
        "cache_saving_usd": (sums.discount - sums.premium) / NANO,
        "latency_ms": _percentiles(sums.latency),
        "ttft_ms": _percentiles(sums.ttft),
        "tokens_per_s": round(sums.generated / seconds, 3) if seconds else None,
        "tool_calls": sums.tool_calls,
        "tool_call_errors": sums.bad_tool_calls,
    }  # fmt: skip


def _percentiles(counts: Mapping[int, int]) -> Percentiles:
    return Percentiles(*map(_milliseconds, quantiles_of(counts, SHARES)))


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1e3, 3)
