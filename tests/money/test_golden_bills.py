"""What recorded answers cost: classes add up to the provider's totals, and bills to what rates say."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

import msgspec

from cases import each
from recordings import FOLDER, Recording, load, needs_recordings
from running import parse_config
from tidegate.catalog import Tiered
from tidegate.money import PriceList
from tidegate.money.pricing import CHAINS
from tidegate.protocols.contract import Call, Target
from tidegate.protocols.usage import Usage
from tidegate.providers import protocol_named
from tidegate.providers.families import profile_of
from tidegate.providers.rows import kinds

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
NANO = 1_000_000_000


def object_with_usage(body: bytes, name: str) -> dict[str, Any] | None:
    """The last usage in an answer or its stream, as the provider wrote it."""
    found = None
    for line in body.decode(errors="replace").splitlines() or [""]:
        text = line.removeprefix("data: ").strip()
        if not text.startswith("{"):
            continue
        try:
            value = json.loads(text)
        except ValueError:
            continue
        for part in (value, value.get("response"), value.get("message")):
            if isinstance(part, dict) and isinstance(part.get(name), dict):
                found = {**(found or {}), **part[name]}
    return found


def whole(body: bytes, name: str) -> dict[str, Any] | None:
    try:
        value = json.loads(body)
    except ValueError:
        return object_with_usage(body, name)
    return value.get(name) if isinstance(value, dict) else None


def totals_of(format_: str, raw: dict[str, Any]) -> tuple[int, int]:
    """Prompt and completion by the rule that the provider documents, from its own numbers."""
    if format_ == "anthropic":
        written, read = raw.get("cache_creation_input_tokens") or 0, raw.get("cache_read_input_tokens") or 0
        return raw["input_tokens"] + written + read, raw["output_tokens"]
    if format_ == "gemini":
        completion = raw.get("candidatesTokenCount", 0) + raw.get("thoughtsTokenCount", 0)
        return raw["totalTokenCount"] - completion, completion
    if format_ == "openai_responses":
        return raw["input_tokens"], raw["output_tokens"]
    prompt, completion = raw["prompt_tokens"], raw["completion_tokens"]
    thought = (
        (raw.get("completion_tokens_details") or {}).get("reasoning_tokens")
        or raw.get("reasoning_tokens")
        or 0
    )
    beside = raw.get("total_tokens") == prompt + completion + thought  # xAI counts thinking beside
    return prompt, completion + (thought if beside else 0)


FORMATS = {
    "openai_chat": ("/chat/completions", "usage"),
    "openai_responses": ("/responses", "usage"),
    "anthropic": ("/messages", "usage"),
    "gemini": ("enerateContent", "usageMetadata"),
}


FAILED = frozenset(["error_mid_stream", "prompt_blocked"])
"""Features of recordings that are no answers."""


@cache
def answers() -> tuple[tuple[str, Recording, dict[str, Any]], ...]:
    return tuple(_answers())


def _answers() -> Iterator[tuple[str, Recording, dict[str, Any]]]:
    for folder in sorted(FOLDER.iterdir()) if FOLDER.is_dir() else ():
        for recording in load(folder.name) if folder.is_dir() else ():
            for format_, (path, name) in FORMATS.items():
                if not recording.path.endswith(path) or recording.status != 200 or not recording.plain:
                    continue
                raw = whole(recording.body, name)
                if raw and recording.kind in ("chat", "chat_stream") and not FAILED & recording.features:
                    yield format_, recording, raw


def usage_of(format_: str, recording: Recording) -> Usage | None:
    """What our reader of the format makes of the answer."""
    protocol = protocol_named(format_)
    rows = kinds()
    row = rows.get(recording.provider)
    fields = row.dialect if row is not None and row.protocol == format_ else {}
    dialect = msgspec.convert(dict(fields), protocol.dialect)
    call = Call("", b"", recording.kind == "chat_stream")
    reader = protocol.reader(call, Target(recording.model, dialect, profile_of(recording.model)))
    usage = None
    for event in [*reader.feed(recording.body), *reader.close()]:
        usage = getattr(event, "usage", None) or usage
    return usage


@needs_recordings
@each("case", answers())
def test_the_classes_add_up_to_the_providers_totals(case: tuple[str, Recording, dict[str, Any]]) -> None:
    format_, recording, raw = case
    usage = usage_of(format_, recording)
    assert usage is not None
    prompt, completion = totals_of(format_, raw)
    assert (usage.prompt_tokens, usage.completion_tokens) == (prompt, completion)
    assert all(count is None or count >= 0 for count in msgspec.structs.astuple(usage))


@cache
def price_list() -> PriceList:
    recorded = {recording.provider for _, recording, _ in answers()}
    names = sorted(recorded & kinds().keys() - {"vertex", "bedrock"})
    section = '[providers.{0}]\nkind = "{0}"\napi_key = "k"\nbase_url = "https://x.example"'
    text = "\n".join(section.format(name) for name in names)
    return PriceList(parse_config(text))


@needs_recordings
@each("case", answers())
def test_a_bill_is_what_the_rates_say(case: tuple[str, Recording, dict[str, Any]]) -> None:
    """Computed here in another way: in fractions, and rounded by the definition."""
    format_, recording, _ = case
    usage, prices = usage_of(format_, recording), price_list()
    assert usage is not None
    bill = prices.bill(recording.provider, recording.model, usage, NOON)
    rates = prices.rates(recording.provider, recording.model, NOON)
    if bill is None:
        return
    total = 0
    for name, chain in CHAINS.items():
        count = getattr(usage, name) or 0
        rate = next((rates[key] for key in chain if key in rates), Decimal(0))
        if isinstance(rate, Tiered):
            above = [tier.price for tier in rate.tiers if (usage.prompt_tokens or 0) > tier.above]
            rate = above[-1] if above else rate.base
        exact = Fraction(rate) * count * NANO / (1000 if name == "searches" else 1_000_000)
        total += round(exact)  # Python rounds fractions half to even
    if "requests" in rates:
        flat = rates["requests"]
        total += round(Fraction(flat.base if isinstance(flat, Tiered) else flat) * NANO / 1000)
    assert bill.total == total == sum(line.amount for line in bill.lines)


def own_cost(raw: dict[str, Any]) -> Fraction | None:
    """What the provider says that the answer costs, in USD."""
    ticks, cost = raw.get("cost_in_usd_ticks"), raw.get("cost")
    if ticks is not None:
        return Fraction(ticks, 10**10)
    return None if cost is None else Fraction(str(cost))


@needs_recordings
def test_bills_agree_with_the_providers_own_figures() -> None:
    """xAI's. Perplexity's depend on the size of the search, and OpenRouter's on who served the answer, which
    only their own figure (`provider_cost`) says.
    """
    compared = 0
    for format_, recording, raw in answers():
        usage = usage_of(format_, recording) if recording.provider == "xai" else None
        bill = price_list().bill("xai", recording.model, usage, NOON) if usage is not None else None
        own = own_cost(raw) if bill is not None else None
        if not own or bill is None:
            continue
        compared += 1
        assert abs(Fraction(bill.total, NANO) - own) <= own / 1000, recording.id
    assert compared >= 15
