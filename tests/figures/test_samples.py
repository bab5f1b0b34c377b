"""The sample of a whole answer that is booked is the one that any request would have, made in fewer steps."""

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from running import parse_config
from tidegate.exchange.model_names import ModelNames
from tidegate.exchange.price_cards import PriceCards
from tidegate.exchange.sampling import answered_by, counts_of, is_plain, sample_of
from tidegate.exchange.tariff import Tariff
from tidegate.observe import Record
from tidegate.protocols.contract import Tally
from tidegate.protocols.usage import Usage
from tidegate.providers import ModelRegistry

CONFIG = parse_config("""
[providers.a]
kind = "openai_compatible"
base_url = "http://a.test/v1"
[models.m]
candidates = ["a/m"]
[prices."a/m"]
input = 2
output = 8
cache_read = 0.075
cache_write = 2.5
""")
REGISTRY, TARIFF = ModelRegistry(CONFIG), Tariff(CONFIG)
GATEWAY = SimpleNamespace(model_names=ModelNames(CONFIG, REGISTRY), price_cards=PriceCards(TARIFF))
(CANDIDATE,) = REGISTRY.resolve("m").candidates

USAGES = st.fixed_dictionaries(
    {"input": st.integers(0, 10**6), "output": st.integers(0, 10**6)},
    optional={
        name: st.none() | st.integers(0, 10**6)
        for name in Usage.__struct_fields__
        if name not in ("input", "output")
    },
)


def exchange(usage: Usage, finish: str, *, stream: bool) -> Any:
    attempt = SimpleNamespace(
        candidate=CANDIDATE, tally=Tally(usage=usage, finish=finish), error=None,
        started_at=1.0, first_byte_at=1.5, ended_at=2.5,
    )  # fmt: skip
    return SimpleNamespace(
        gateway=GATEWAY, attempt=attempt, attempts=[attempt], error=None, ended="complete", model="m",
        stream=stream,
    )  # fmt: skip


@given(USAGES, st.sampled_from(["stop", "tool_calls"]), st.booleans())
def test_a_plain_sample_is_the_sample(counts: dict[str, int | None], finish: str, stream: bool) -> None:
    usage = Usage(**counts)
    this = exchange(usage, finish, stream=stream)
    bill = TARIFF.bill(CANDIDATE, this.attempt.tally, usage, 2e9)
    record = Record(
        time="", id="i", door="openai", path="/", status=200, ended="complete", stream=stream,
        total_ms=5.0, first_byte_ms=2.0, cost=bill.total if bill is not None else None,
    )  # fmt: skip
    assert is_plain(this, record)
    bills = [(0, bill)] if bill is not None else []
    assert answered_by(this, record, counts_of(usage)).as_sample() == sample_of(this, record, bills)


@given(USAGES)
def test_the_classes_of_a_part_add_up_to_the_tokens_of_a_usage(counts: dict[str, int | None]) -> None:
    usage = Usage(**counts)
    own, read, written, output, reasoning = counts_of(usage)
    assert own + read + written == usage.prompt_tokens
    assert output + reasoning == usage.completion_tokens
