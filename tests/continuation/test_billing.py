"""Every part of a stream that was carried on is billed at its own provider."""

from pathlib import Path
from typing import Any

import pytest

from continuation.models import TEXT, Writing
from continuation.world import PROVIDERS, World, world
from simulator import refusal

TOKENS = len(TEXT) // 4


def writing(provider: str, **how: Any) -> Writing:
    return Writing(PROVIDERS[provider][2], **how)


@pytest.fixture
def store(tmp_path: Path) -> str:
    return (
        f'[store]\nurl = "sqlite:///{tmp_path}/tidegate.db"\n[auth]\nkeys = ["sk-client-0123456789"]\n'
        '[prices."a/claude-haiku-4-5"]\ninput = 1\noutput = 1000\n'
        '[prices."b/gemini-2.5-flash"]\ninput = 1\noutput = 1000\n'
        '[prices."c/llama-3.3"]\ninput = 1\noutput = 1000\n'
    )


def completions(record: Any) -> list[int]:
    """Completion tokens of the bill's lines, in order."""
    return [line["count"] for line in record["bill"] if line["name"] == "output"]


async def record_of(asked: World) -> Any:
    await asked.ask("chat", key="sk-client-0123456789")
    return await asked.gateway.record()


async def test_each_part_is_billed(store: str) -> None:
    async with world(
        ("anthropic", writing("anthropic", keep=9)),
        ("gemini", writing("gemini", keep=3)),
        ("vllm", writing("vllm")),
        more=store,
    ) as asked:
        record = await record_of(asked)
    first, second, last = completions(record)
    assert [first, second] == [one["delivered_tokens"] for one in record["attempts"]]
    assert 0 < first < TOKENS
    assert 0 < second < TOKENS
    assert last == 7  # as its provider reports it
    assert record["estimated"] is True
    assert record["cost"] == sum(line["amount"] for line in record["bill"])


async def test_a_part_that_nobody_carries_on_is_billed_once(store: str) -> None:
    async with world(
        ("anthropic", writing("anthropic", keep=9)),
        ("gemini", refusal(400)),
        ("vllm", refusal(400)),
        more=store,
    ) as asked:
        record = await record_of(asked)
    assert record["ended"] == "provider_broke"
    [tokens] = completions(record)
    assert tokens == len(TEXT[: 5 * 6]) // 4  # six deltas of five characters, not the one that is reported


async def test_the_last_part_breaks_as_well(store: str) -> None:
    async with world(
        ("anthropic", writing("anthropic", keep=9)),
        ("gemini", writing("gemini", keep=3)),
        ("vllm", refusal(400)),
        more=store,
    ) as asked:
        record = await record_of(asked)
    first, second = completions(record)
    assert first == len(TEXT[: 5 * 6]) // 4
    assert first + second == len(TEXT[: len(TEXT[: 5 * 6].rstrip()) + 5 * 3]) // 4
