"""What recorded answers cost: classes add up to the provider's totals, bills to what rates say, and costs to
what providers say themselves.
"""

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
from tidegate.money import Bill, PriceList, Terms
from tidegate.money.pricing import CHAINS
from tidegate.protocols.contract import Call, Tally, Target
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
        for part in (value, value.get("response"), value.get("message"), value.get("delta")):
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
    if format_ == "cohere":
        read, images = raw["tokens"]["input_tokens"], raw["tokens"].get("image_tokens") or 0
        paid = raw["billed_units"]["input_tokens"]
        return read + (images if read < images or (images and paid > read) else 0), raw["tokens"][
            "output_tokens"
        ]
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
    "cohere": ("/v2/chat", "usage"),
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


def tally_of(format_: str, recording: Recording) -> Tally:
    """What our reader of the format makes of the answer."""
    protocol = protocol_named(format_)
    rows = kinds()
    row = rows.get(recording.provider)
    fields = row.dialect if row is not None and row.protocol == format_ else {}
    dialect = msgspec.convert(dict(fields), protocol.dialect)
    call = Call("", b"", recording.kind == "chat_stream")
    reader = protocol.reader(call, Target(recording.model, dialect, profile_of(recording.model)))
    tally = Tally()
    for event in [*reader.feed(recording.body), *reader.close()]:
        tally.usage = getattr(event, "usage", None) or tally.usage
        tally.note(getattr(event, "served", None))
    return tally


def terms_of(tally: Tally) -> Terms:
    return Terms(tally.service_tier, tally.speed, tally.inference_geo, tally.search_context_size)


@needs_recordings
@each("case", answers())
def test_the_classes_add_up_to_the_providers_totals(case: tuple[str, Recording, dict[str, Any]]) -> None:
    format_, recording, raw = case
    usage = tally_of(format_, recording).usage
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
    tally, prices = tally_of(format_, recording), price_list()
    usage, context = tally.billed or tally.usage, terms_of(tally).context()
    assert usage is not None
    bill = prices.bill(recording.provider, recording.model, usage, NOON, context)
    rates = prices.rates(recording.provider, recording.model, NOON, context)
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


def compared(provider: str) -> Iterator[tuple[Recording, Bill, int, dict[str, Any]]]:
    """The answers of a provider that say what they cost: our bill, their figure in nano, and their usage."""
    for format_, recording, raw in answers():
        if recording.provider != provider:
            continue
        tally = tally_of(format_, recording)
        assert tally.usage is not None
        context = terms_of(tally).context()
        bill = price_list().bill(provider, recording.model, tally.usage, NOON, context)
        if bill is not None and tally.provider_cost is not None:
            yield recording, bill, tally.provider_cost, raw


@needs_recordings
def test_bills_are_to_the_last_digit_what_xai_says() -> None:
    found = list(compared("xai"))
    assert len(found) >= 15
    for recording, bill, own, _ in found:
        assert bill.total == own, recording.id


OTHER_PRICES = frozenset(["openai/gpt-oss-120b", "x-ai/grok-3-beta"])
"""Models that OpenRouter had served by somebody who is cheaper or dearer than the price that it lists."""


@needs_recordings
def test_bills_are_to_the_last_digit_what_openrouter_says_unless_others_served() -> None:
    found = list(compared("openrouter"))
    assert len(found) >= 30
    for recording, bill, own, _ in found:
        assert (bill.total == own) is (recording.model not in OTHER_PRICES), recording.id
        assert bill.with_reported(own).total == own


@needs_recordings
def test_bills_are_what_perplexity_says_before_it_rounds() -> None:
    """Its figures are rounded to 10⁻³ or 10⁻⁵ USD for each part. The fee for the request is exact, and
    depends on the size of the search context.
    """
    found = list(compared("perplexity"))
    assert len(found) >= 25
    for recording, bill, own, raw in found:
        amounts = {line.name: line.amount for line in bill.lines}
        cost = raw["cost"]
        assert amounts["requests"] == round(cost["request_cost"] * NANO), recording.id
        for name, part in (("input", "input_tokens_cost"), ("output", "output_tokens_cost")):
            rounded = {round(amounts[name] / NANO, digits) for digits in (3, 5, 9)}
            assert cost[part] in rounded, recording.id
        assert abs(bill.total - own) <= NANO // 1000


@needs_recordings
def test_cohere_bills_what_it_says_that_it_bills() -> None:
    found = 0
    for format_, recording, raw in answers():
        if format_ == "cohere":
            billed = tally_of(format_, recording).billed
            assert billed is not None
            paid = raw["billed_units"]
            assert (billed.prompt_tokens, billed.completion_tokens) == (
                paid["input_tokens"], paid["output_tokens"],
            )  # fmt: skip
            found += 1
    assert found >= 30
