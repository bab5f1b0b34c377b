"""The usual request is quoted and billed in fewer steps than others, and to the same nano."""

from collections.abc import Mapping
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.json import encode

from running import parse_config
from tidegate.accounts import ANONYMOUS
from tidegate.exchange.billing import bill_attempts, bill_each
from tidegate.exchange.prompt_sizes import PromptSizes
from tidegate.exchange.quoting import full_quote, quote_of
from tidegate.exchange.tariff import Tariff
from tidegate.protocols.contract import Tally
from tidegate.protocols.openai_chat.parse import parse_request
from tidegate.protocols.usage import Usage

CONFIG = parse_config("""
[providers.openai]
kind = "openai"
api_key = "k"
[prices."openai/by-request"]
input = 0.15
output = 0.6
requests = 5
[prices."openai/no-answer"]
input = 0.02
""")
GATEWAY: Any = SimpleNamespace(config=CONFIG, tariff=Tariff(CONFIG), prompt_sizes=PromptSizes())
MODELS = st.sampled_from(
    ["gpt-4o", "gpt-4o-search-preview", "gpt-image-1", "o3", "by-request", "no-answer", "nobody-knows"]
)
TEXTS = st.text(max_size=50) | st.sampled_from(['"priority"', "audio", "x" * 50_000])
COUNTS = st.none() | st.integers(0, 10**6)
USAGES = st.builds(Usage, input=COUNTS, cache_read=COUNTS, output=COUNTS, reasoning=COUNTS)


def candidate(model: str) -> Any:
    return SimpleNamespace(service=SimpleNamespace(name="openai"), model=model)


@given(
    MODELS,
    TEXTS,
    st.none() | st.integers(1, 10**6),
    st.none() | st.integers(1, 8),
    st.booleans(),
    st.integers(0, 500),
)
def test_a_quote_is_that_of_any_request(
    model: str, text: str, most: int | None, n: int | None, searches: bool, learned: int
) -> None:
    body: Mapping[str, Any] = {"model": model, "messages": [{"role": "user", "content": text}]}
    chosen = {
        name: value
        for name, value in (("max_tokens", most), ("n", n), ("web_search_options", {} if searches else None))
        if value is not None
    }
    parsed = parse_request(encode({**body, **chosen}))
    GATEWAY.prompt_sizes.observe("openai", model, len(parsed.body), learned)
    candidates = [candidate(model)]
    assert quote_of(ANONYMOUS, parsed, candidates, GATEWAY) == full_quote(
        ANONYMOUS, parsed, candidates, GATEWAY
    )


@given(
    MODELS, USAGES, st.none() | USAGES, st.booleans(),
    st.none() | st.integers(0, 10**9),
)  # fmt: skip
def test_a_bill_is_that_of_any_attempts(
    model: str, usage: Usage, billed: Usage | None, is_error: bool, reported: int | None
) -> None:
    tally = Tally(usage=usage, billed=billed, provider_cost=reported)
    attempt = SimpleNamespace(
        candidate=candidate(model), tally=tally, complete=True, first_byte_at=None,
        error=ValueError() if is_error else None,
    )  # fmt: skip
    this: Any = SimpleNamespace(
        ended="complete", attempts=[attempt], caller=ANONYMOUS, gateway=GATEWAY, parsed=None,
        ticket=SimpleNamespace(begun_at=4_000_000_000_000),
    )  # fmt: skip
    assert bill_attempts(this) == bill_each(this, 4_000_000_000.0, Decimal(0))
