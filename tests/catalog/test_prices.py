"""What the package genai-prices says is what Tidegate charges by, to the last digit."""

import sys
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import genai_prices
import pytest
from genai_prices import data_snapshot, types

from tidegate.catalog import priced_model, prices, source
from tidegate.catalog.prices import PricedModel
from tidegate.money.pricing import cost_of
from tidegate.protocols.usage import Usage

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "scripts"))
script: Any = import_module("build_prices")

PACKAGE = {provider.id: provider for provider in data_snapshot.get_snapshot().providers}
KINDS = {seller: kind for kind, seller in prices.SELLERS.items() if kind != "vertex"}
MOMENTS = [datetime(2025, 6, 1, 2, 30, tzinfo=UTC), datetime(2026, 11, 21, 15, 0, tzinfo=UTC)]
USAGES = [
    Usage(input=1_000, output=100),
    Usage(input=7, cache_read=150_000, cache_write=40_000, cache_write_1h=33, output=11, reasoning=900),
    Usage(input=199_999, cache_read=2, output=1),
    Usage(input=1_100_000, output=0, searches=3),
]


def test_the_file_is_that_of_the_package() -> None:
    assert source() == f"genai-prices {genai_prices.__version__}"
    assert script.render_file() == script.TARGET.read_text("utf-8"), "uv run python scripts/build_prices.py"


def theirs(usage: Usage) -> types.Usage:
    """The same usage as the package counts it: cached tokens and reasoning inside the sums."""
    return types.Usage(
        input_tokens=usage.prompt_tokens or 0,
        cache_read_tokens=usage.cache_read or 0,
        cache_write_tokens=usage.cache_write_total or 0,
        cache_write_1h_tokens=usage.cache_write_1h or 0,
        output_tokens=usage.completion_tokens or 0,
        output_reasoning_tokens=usage.reasoning or 0,
        web_searches=usage.searches or 0,
    )


@cache
def comparable() -> tuple[tuple[str, PricedModel, types.ModelInfo], ...]:
    """Models whose own name leads to them, and whose classes we have."""
    return tuple(
        (kind, ours, model)
        for seller, kind in KINDS.items()
        for model in PACKAGE[seller].models
        if PACKAGE[seller].find_model(model.id) is model and (ours := priced_model(kind, model.id))
    )


@pytest.mark.parametrize("usage", USAGES, ids=str)
def test_every_model_costs_as_much_as_in_the_package(usage: Usage) -> None:
    compared = 0
    for kind, ours, model in comparable():
        for at in MOMENTS:
            cost = cost_of(usage, ours.rates(at))
            if cost is None:
                continue  # a class that occurs has no price: the package says zero, we say nothing
            price = model.calc_price(theirs(usage), PACKAGE[prices.SELLERS[kind]], genai_request_timestamp=at)
            assert cost == price.total_price, (kind, model.id, at)
            compared += 1
    assert compared > 100


def test_every_name_leads_where_it_leads_in_the_package() -> None:
    for seller, kind in KINDS.items():
        for model in PACKAGE[seller].models:
            found = priced_model(kind, model.id)
            there = PACKAGE[seller].find_model(model.id, all_providers=list(PACKAGE.values()))
            assert (found and found.id) == (there and there.id), (kind, model.id)


@pytest.mark.parametrize(
    ("kind", "name", "found"),
    [
        ("azure", "gpt-35-turbo", "gpt-3.5-turbo"),
        ("azure", "gpt-5.2-20251211", "gpt-5.2"),
        ("vertex", "claude-opus-4-8@20260528", "claude-opus-4-8"),
        (
            "bedrock",
            "us.anthropic.claude-haiku-4-5-20251001-v1:0",
            "regional.anthropic.claude-haiku-4-5-20251001-v1:0",
        ),
        ("openai", "GPT-4o", "gpt-4o"),
        ("openai", "gpt-nobody-knows", None),
        ("llamacpp", "gpt-4o", None),
    ],
)
def test_a_name_of_another_spelling_is_found(kind: str, name: str, found: str | None) -> None:
    model = priced_model(kind, name)
    assert (model and model.id) == found


def test_requests_of_another_sort_have_other_prices() -> None:
    o3 = priced_model("openai", "o3")
    assert o3 is not None
    at = datetime(2026, 10, 15, tzinfo=UTC)
    million = Usage(input=1_000_000, output=1_000_000)
    flex = cost_of(million, o3.rates(at, {"service_tier": "flex"}))
    assert flex == 5  # as the package's own page says
    assert cost_of(million, o3.rates(at)) == cost_of(million, o3.rates(at, {"service_tier": "default"})) == 10


@pytest.mark.parametrize(
    "context",
    [
        {"service_tier": "flex"},
        {"service_tier": "priority"},
        {"processing": "batch"},
        {"speed": "fast"},
        {"service_tier": "unheard-of"},
    ],
    ids=str,
)
def test_every_sort_of_request_costs_as_much_as_in_the_package(context: dict[str, str]) -> None:
    usage, at = USAGES[0], MOMENTS[1]
    for kind, ours, model in comparable():
        cost = cost_of(usage, ours.rates(at, context))
        if cost is not None:
            price = model.calc_price(
                theirs(usage),
                PACKAGE[prices.SELLERS[kind]],
                genai_request_timestamp=at,
                price_context=context,
            )
            assert cost == price.total_price, (kind, model.id)


def test_special_rates_are_those_of_their_own_seller_only() -> None:
    flex = {"service_tier": "flex"}
    at_openai, at_azure = priced_model("openai", "gpt-5"), priced_model("azure", "gpt-5")
    assert at_openai is not None
    assert at_azure is not None
    assert at_openai.rates(MOMENTS[1], flex) != at_azure.rates(MOMENTS[1], flex)
    assert at_openai.rates(MOMENTS[1]) == at_azure.rates(MOMENTS[1], flex)


@pytest.mark.parametrize(
    ("hour", "minute", "holds"), [(0, 29, False), (0, 30, True), (16, 29, True), (16, 30, False)]
)
def test_a_price_of_some_hours_counts_in_them(hour: int, minute: int, holds: bool) -> None:
    price = prices.Price(rates={}, between=("00:30", "16:30"))
    assert price.holds(datetime(2026, 1, 1, hour, minute, tzinfo=UTC)) is holds


def test_hours_may_go_past_midnight_and_are_those_of_utc() -> None:
    price = prices.Price(rates={}, between=("16:30", "00:30"))
    assert [price.holds(datetime(2026, 1, 1, hour, tzinfo=UTC)) for hour in (0, 1, 16, 17)] == [
        True,
        False,
        False,
        True,
    ]
    tokyo = datetime.fromisoformat("2026-01-02T02:00:00+09:00")
    assert price.holds(tokyo)


def test_a_price_of_a_date_counts_from_its_first_moment() -> None:
    price = prices.Price(rates={}, since=date(2026, 8, 17))
    first = datetime(2026, 8, 17, tzinfo=UTC)
    assert (price.holds(first - timedelta(seconds=1)), price.holds(first)) == (False, True)
