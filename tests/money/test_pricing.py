"""What usage costs, against examples that were calculated by hand."""

from datetime import UTC, datetime
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields

from running import parse_config
from tidegate.catalog import Rate, Tier, Tiered
from tidegate.money import PriceList, bill_of, nano_of
from tidegate.money.pricing import CHAINS, PRICED, bill_by, cost_of, parts_of, price_of_image, table_of
from tidegate.protocols.usage import Usage

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
KINDS = [
    "openai",
    "anthropic",
    "gemini",
    "deepseek",
    "xai",
    "qwen",
    "ai21",
    "deepinfra",
    "azure",
    "perplexity",
    "ollama",
    "mistral",
    "together",
]
FILE = "\n".join(
    f"[providers.{kind}]\nkind = '{kind}'\nbase_url = 'https://{kind}.example'\napi_key = 'x'"
    for kind in KINDS
)
PRICES = PriceList(parse_config(FILE))


def priced(more: str) -> PriceList:
    return PriceList(parse_config(f"{FILE}\n{more}"))


@pytest.mark.parametrize(
    ("model", "usage", "cost"),
    [
        # 1,000 × 2.50 + 500 × 10.00
        ("openai/gpt-4o", Usage(input=1_000, output=500), "0.0075"),
        # 76 × 2.50 + 1,024 × 1.25 + 500 × 10.00: cached tokens at half the price, once
        ("openai/gpt-4o", Usage(input=76, cache_read=1_024, output=500), "0.00647"),
        # 100 × 1.10 + (20 + 980) × 4.40: thinking costs as the answer does
        ("openai/o4-mini", Usage(input=100, output=20, reasoning=980), "0.00451"),
        # 10 × 2.50 + 40 × 10.00 for text, 20 × 32.00 + 30 × 64.00 for sound
        ("openai/gpt-audio", Usage(input=10, input_audio=20, output=40, output_audio=30), "0.002985"),
        (
            "anthropic/claude-sonnet-4-0",
            Usage(input=10_000, cache_read=20_000, cache_write=30_000, cache_write_1h=40_000, output=50_000),
            # 10 × 0.003 + 20 × 0.0003 + 30 × 0.00375 + 40 × 0.006 + 50 × 0.015
            "1.1385",
        ),
        # two searches at 10 USD a thousand, and 1,000 × 1.00 + 100 × 5.00
        ("anthropic/claude-haiku-4-5", Usage(input=1_000, output=100, searches=2), "0.0215"),
        # 200,000 × 1.25 + 1,000 × 10.00: the short prompt's price up to its last token
        ("gemini/gemini-2.5-pro", Usage(input=200_000, output=1_000), "0.26"),
        # 150,001 × 2.50 + 50,000 × 0.25 + 1,000 × 15.00: cached tokens make a prompt long as well
        ("gemini/gemini-2.5-pro", Usage(input=150_001, cache_read=50_000, output=1_000), "0.4025025"),
        # 1,000 × 0.30 + 100 × 1.00 for sound + (50 + 25) × 2.50
        (
            "gemini/gemini-2.5-flash",
            Usage(input=1_000, input_audio=100, output=50, reasoning=25),
            "0.0005875",
        ),
        # 1,000 × 2 + 500 × 8, by the catalog's own row
        ("ai21/jamba-large", Usage(input=1_000, output=500), "0.006"),
        # 1,000 × 1.20 + 100 × 6; then 40,000 × 2.40 + 100 × 12
        ("qwen/qwen3-max", Usage(input=1_000, output=100), "0.0018"),
        ("qwen/qwen3-max", Usage(input=40_000, output=100), "0.0972"),
        ("deepinfra/mistralai/Mixtral-8x7B-Instruct-v0.1", Usage(input=1, output=1), "0.00000108"),
        # the same models elsewhere: at Azure by OpenAI's price
        ("azure/gpt-35-turbo", Usage(input=1_000, output=1_000), "0.002"),
        ("mistral/ministral-3b-latest", Usage(input=1_000_000, output=0), "0.1"),
        ("openai/gpt-4o", Usage(input=0, output=0), "0"),
    ],
)
def test_usage_costs_what_was_computed_by_hand(model: str, usage: Usage, cost: str) -> None:
    provider, _, name = model.partition("/")
    assert PRICES.price(provider, name, usage, NOON) == Decimal(cost)


@pytest.mark.parametrize(
    ("hour", "cost"), [(0, "0.0009"), (1, "0.0018"), (4, "0.0009"), (7, "0.0018"), (10, "0.0009")]
)
def test_deepseek_costs_twice_as_much_in_its_busy_hours(hour: int, cost: str) -> None:
    # 2,000 × 0.15 + 100,000 × 0.003 + 500 × 0.60; busy from 01:00 to 04:00 and from 06:00 to 10:00
    usage = Usage(input=2_000, cache_read=100_000, output=500, reasoning=0)
    at = datetime(2026, 11, 21, hour, 0, tzinfo=UTC)
    assert PRICES.price("deepseek", "deepseek-v4-flash", usage, at) == Decimal(cost)


@pytest.mark.parametrize(
    ("since", "cost"),
    [("2026-08-16", "0.14"), ("2026-08-17", "0.22"), ("2026-09-09", "0.22"), ("2026-09-10", "0.15")],
)
def test_a_price_is_that_of_the_day(since: str, cost: str) -> None:
    at = datetime.fromisoformat(f"{since}T23:30:00+00:00")
    million = Usage(input=1_000_000, output=0)
    assert PRICES.price("deepseek", "deepseek-v4-flash", million, at) == Decimal(cost)


# --- what is not known ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "usage"),
    [
        ("openai/gpt-nobody-knows", Usage(input=1, output=1)),
        ("openai/gpt-nobody-knows", Usage(input=0, output=0)),
        ("ollama/llama3", Usage(input=1, output=1)),
        ("nobody/gpt-4o", Usage(input=1, output=1)),
        ("qwen/qwen3.8-max", Usage(input=1, output=1)),
        ("openai/gpt-4o", Usage()),  # nothing was reported
        ("openai/gpt-4o", Usage(input=1_000)),  # an answer was given, and not counted
        ("openai/gpt-4o", Usage(output=1_000)),  # a prompt was sent, and not counted
        ("openai/gpt-4o", Usage(cache_read=1_000, output=1_000)),  # a part of the prompt is not the prompt
        ("openai/o4-mini", Usage(input=1_000, reasoning=1_000)),  # nor thinking the answer
        ("openai/text-embedding-3-small", Usage(input=5, output=1)),  # an answer that has no price
        ("ai21/jamba-large", Usage(input=5, output=1, searches=1)),  # a search that has none
        ("perplexity/sonar-deep-research", Usage(input=5, output=1)),  # cites, and bills the citations
        ("gemini/gemini-2.5-flash-image", Usage(input=5, output=1_290)),  # images and text not separated
    ],
)
def test_an_unknown_price_is_never_zero(model: str, usage: Usage) -> None:
    provider, _, name = model.partition("/")
    assert PRICES.price(provider, name, usage, NOON) is None


def test_images_that_are_distinguished_have_their_own_price() -> None:
    # 5 × 0.30 + 1,290 × 30.00 + 10 × 2.50
    usage = Usage(input=5, output=10, output_image=1_290)
    assert PRICES.price("gemini", "gemini-2.5-flash-image", usage, NOON) == Decimal("0.0387265")


def test_every_class_of_usage_has_its_rates() -> None:
    assert set(CHAINS) == {field.name for field in fields(Usage)}


# --- the operator's prices -----------------------------------------------------------------------


def test_the_operators_price_takes_the_place_of_what_is_known() -> None:
    prices = priced("[prices.'openai/gpt-4o']\ninput = 0.1\noutput = 0.2\ncache_read = '0.05'")
    usage = Usage(input=1_000_000, cache_read=2_000_000, cache_write=1_000_000, output=3_000_000)
    assert prices.price("openai", "gpt-4o", usage, NOON) == Decimal("0.9")
    assert prices.price("azure", "gpt-4o", Usage(input=1_000_000, output=0), NOON) == Decimal("2.5")


def test_the_operator_may_declare_a_model_free() -> None:
    prices = priced("[prices.'ollama/llama3']\ninput = 0\noutput = 0")
    assert prices.price("ollama", "llama3", Usage(input=7, output=9), NOON) == 0


def test_requests_and_searches_are_billed_by_the_thousand() -> None:
    prices = priced("[prices.'ollama/x']\ninput = 0\noutput = 0\nrequests = 5\nsearches = 10")
    assert prices.price("ollama", "x", Usage(input=1, output=1, searches=2), NOON) == Decimal("0.025")


# --- images --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "size", "quality", "count", "cost"),
    [
        ("dall-e-2", "1024x1024", None, 1, "0.02"),
        ("dall-e-2", "512x512", None, 3, "0.054"),
        ("dall-e-2", "256x256", "standard", 1, "0.016"),
        ("dall-e-3", "1024x1024", "standard", 1, "0.04"),
        ("dall-e-3", "1792x1024", "standard", 1, "0.08"),
        ("dall-e-3", "1024x1024", "hd", 2, "0.16"),
        ("dall-e-3", "1792x1024", "hd", 1, "0.12"),
        ("dall-e-3", "640x480", "hd", 1, None),
        ("dall-e-3", "1024x1024", "best", 1, None),
        ("gpt-4o", "1024x1024", None, 1, None),
    ],
)
def test_an_image_costs_by_size_and_quality(
    model: str, size: str, quality: str | None, count: int, cost: str | None
) -> None:
    bill = bill_by(PRICES.find("azure", model, NOON), None, count, size, quality)
    assert (bill.total if bill is not None else None) == (nano_of(Decimal(cost)) if cost else None)


@pytest.mark.parametrize(
    ("model", "size", "quality", "cost"),
    [
        ("dall-e-3", None, None, "0.04"),
        ("dall-e-3", "auto", "auto", "0.04"),
        ("dall-e-3", None, "hd", "0.08"),
        ("dall-e-3", "1024x1792", None, "0.08"),
        ("dall-e-2", None, None, "0.02"),
    ],
)
def test_what_is_left_to_the_provider_costs_as_its_default(
    model: str, size: str | None, quality: str | None, cost: str
) -> None:
    assert price_of_image(PRICES.image_prices("azure", model, NOON), size, quality) == Decimal(cost)


def test_the_operators_prices_of_images_take_their_place() -> None:
    prices = priced("[prices.'azure/dall-e-2']\nimages = [{ price = 0.01 }]")
    assert price_of_image(prices.image_prices("azure", "dall-e-2", NOON), "any", "any") == Decimal("0.01")


# --- exactness -----------------------------------------------------------------------------------

COUNTS = st.none() | st.integers(0, 10_000_000)
RATES = st.decimals(min_value=0, max_value=1_000, places=6)


@given(
    st.fixed_dictionaries(dict.fromkeys(CHAINS, COUNTS)), st.fixed_dictionaries(dict.fromkeys(CHAINS, RATES))
)
def test_a_cost_is_exact(counts: dict[str, int | None], rates: dict[str, Decimal]) -> None:
    cost = cost_of(Usage(**counts), rates)
    if counts["input"] is None or counts["output"] is None:
        assert cost is None
        return
    if cost is None:
        assert counts["output_image"] is None
        return
    with localcontext(prec=100):
        scales = {name: Decimal(1_000 if name == "searches" else 1_000_000) for name in CHAINS}
        assert cost == sum((rates[name] * (counts[name] or 0) / scales[name] for name in CHAINS), Decimal(0))


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(CHAINS, COUNTS)),
    st.fixed_dictionaries({}, optional=dict.fromkeys(sorted(PRICED - {"output_image"}), RATES)),
)
def test_a_bill_by_a_table_is_that_of_its_parts(
    counts: dict[str, int | None], rates: dict[str, Decimal]
) -> None:
    usage, table = Usage(**counts), table_of(rates)
    parts = parts_of(usage, rates)
    expected = None if parts is None else bill_of(parts)
    assert (table.bill(usage) if table is not None else None) == expected


@given(
    st.fixed_dictionaries(dict.fromkeys(("input", "output"), COUNTS), optional={"cache_read": COUNTS}),
    st.fixed_dictionaries(
        dict.fromkeys(("input", "output"), st.decimals(min_value=0, max_value=1_000, places=3)),
        optional={"cache_read": RATES, "requests": RATES},
    ),
)
def test_so_is_that_of_the_usual_usage_at_the_usual_prices(
    counts: dict[str, int | None], rates: dict[str, Decimal]
) -> None:
    usage, table = Usage(**counts), table_of(rates)
    parts = parts_of(usage, rates)
    assert table is not None
    assert table.bill(usage) == (None if parts is None else bill_of(parts))


@pytest.mark.parametrize(
    "rates",
    [
        {},
        {"input": Decimal(1), "output": Decimal(2), "output_image": Decimal(30)},
        {"input": Tiered(Decimal(1), (Tier(200_000, Decimal(2)),)), "output": Decimal(2)},
    ],
)
def test_prices_that_depend_on_more_than_the_class_have_no_table(rates: dict[str, Rate]) -> None:
    assert table_of(rates) is None
