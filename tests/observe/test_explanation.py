"""A record as an explanation: what was decided, and why, in words."""

from typing import Any

import pytest

from tidegate.exchange import planning
from tidegate.observe import Record, explanation
from tidegate.observe.explanation import ENDINGS, TOLD, explain
from tidegate.observe.record import Ending

RECORD: dict[str, Any] = {
    "time": "2026-11-29T00:00:00.000Z",
    "id": "req_0632fe6aeb1b0005fb29",
    "door": "openai",
    "path": "/v1/chat/completions",
    "status": 200,
    "ended": "complete",
    "model": "m",
    "provider": "a",
    "provider_model": "m1",
    "total_ms": 1234.5,
    "first_byte_ms": 432.1,
    "overhead_ms": 0.6,
    "began_ms": 0.4,
    "answered_ms": 432.0,
}


def lines_of(**fields: Any) -> list[str]:
    return explain({**RECORD, **fields})


def candidates(*given: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"provider": name, "model": "m1", **one} for name, one in zip("abc", given, strict=False)]


def test_a_plain_request_is_told_in_a_few_lines() -> None:
    usage = {"input": 1000, "cache_read": 4000, "output": 20, "reasoning": 10}
    assert lines_of(stream=True, usage=usage, finish="stop") == [
        "req_0632fe6aeb1b0005fb29, 2026-11-29T00:00:00.000Z",
        "requested: m, streamed (openai, /v1/chat/completions)",
        "ended: complete (status 200)",
        "provider: a, model m1",
        "time: 1,234 ms in total, first byte after 432 ms, 0.6 ms of it Tidegate's own",
        "tokens: 5,000 of the prompt (4,000 of them read from the prompt cache), 30 of the completion",
        "",
        "tried:",
        "   1. a/m1: answered; first byte after 432 ms, finish reason stop",
    ]


def test_a_record_of_the_books_names_who_answered_although_its_answer_had_not_left_yet() -> None:
    lines = lines_of(first_byte_ms=None, overhead_ms=None)
    assert lines[-2:] == ["tried:", "   1. a/m1: answered; first byte after 432 ms"]


def test_who_was_skipped_and_who_was_tried_is_told_with_the_reason_and_the_time() -> None:
    lines = lines_of(
        attempts=[{"provider": "b", "model": "m2", "status": 503, "error": "503 overloaded", "ms": 31.2}],
        skipped=[{"provider": "c", "model": "m3", "reason": "does not support vision"}],
        resent=1,
        paused_ms=187.0,
        routing={"order": "priority", "candidates": candidates({}, {})},
        began_ms=220.0,
        answered_ms=432.4,
    )
    start = lines.index("skipped:")
    assert lines[start:] == [
        "skipped:",
        "   c/m3: does not support vision",
        "",
        "tried:",
        "   1. b/m2: failed after 31 ms: 503 overloaded",
        "   2. a/m1: answered; first byte after 212 ms",
        "   sent again because a reused connection was dead: 1",
        "   between the attempts: 187 ms of waiting",
    ]


def test_hedges_and_streams_that_were_carried_on_are_told() -> None:
    overtaken = {"provider": "b", "model": "m2", "status": 499, "error": "another attempt answered first"}
    broken = {"provider": "c", "model": "m3", "status": 502, "error": "502 cut", "ms": 900.0}
    lines = lines_of(
        attempts=[
            {**overtaken, "ms": 700.0, "cancelled": True},
            {**broken, "delivered_tokens": 120, "usage": {"input": 10, "output": 130}},
        ],
        hedge=True,
        continued=1,
        routing={"order": "priority", "candidates": candidates({}, {})},
        began_ms=220.0,
        answered_ms=432.4,
    )
    assert lines[lines.index("tried:") + 1 :] == [
        "   1. b/m2: cancelled after 700 ms: another attempt answered first",
        "   2. c/m3: failed after 900 ms: 502 cut, 120 tokens of its answer had been delivered; "
        "tokens: 10 of the prompt, 130 of the completion",
        "   3. a/m1 (a hedge): answered; first byte after 212 ms",
        "   a stream that broke was carried on: 1",
    ]


def test_a_failure_names_its_error_and_no_answer() -> None:
    failed = {"provider": "a", "model": "m1", "status": 500, "error": "500 no", "ms": 5.0}
    lines = lines_of(
        status=500, ended="failed", error="500 no", attempts=[failed], first_byte_ms=9.0, answered_ms=None
    )
    assert "ended: no provider gave an answer (status 500): 500 no" in lines
    assert lines[-2:] == ["tried:", "   1. a/m1: failed after 5.0 ms: 500 no"]


def test_the_keys_are_told_where_there_are_several() -> None:
    failed = {"provider": "a", "model": "m1", "status": 401, "error": "401 no", "ms": 9.0, "key": "aa11"}
    lines = lines_of(attempts=[failed], provider_key="bb22")
    assert "provider: a, model m1, key bb22" in lines
    assert "   1. a/m1, key aa11: failed after 9.0 ms: 401 no" in lines


def test_the_bill_is_told() -> None:
    bill = [
        {"name": "input", "count": 1000, "rate": "3", "amount": 3_000_000},
        {"name": "output", "count": 20, "rate": "15", "amount": 300_000},
    ]
    lines = lines_of(cost=3_300_000, bill=bill, estimated=True, provider_cost=3_400_000, user="alice")
    assert lines[
        lines.index("cost: $0.0033, of usage that was estimated, because the provider reported none") :
    ] == [
        "cost: $0.0033, of usage that was estimated, because the provider reported none",
        "   input: 1,000 at 3 = $0.003",
        "   output: 20 at 15 = $0.0003",
        "cost that the provider reports: $0.0034",
        "user: alice",
    ]


def test_a_retired_name_is_told() -> None:
    assert "retired name: m; m1 takes its place" in lines_of(resolved_from="m")


def test_the_figures_of_the_candidates_are_told() -> None:
    one = {
        "weight": 0.61234,
        "cost_usd": 0.00123456,
        "ttft_s": 0.4321,
        "tokens_per_s": 88.1,
        "success": 0.987,
    }
    two = {"blocked_by": "rate", "wait_s": 12.34, "cost_usd": 1.2e-06, "slow": True, "cached_tokens": 4000}
    lines = lines_of(routing={"order": "balanced", "candidates": candidates(one, two)})
    assert "   1. a/m1: weight 0.612, $0.00123, first token 0.43 s, 88 tokens/s, success 98.7%" in lines
    assert (
        "   2. b/m1: is rate limited for 12.3 s, $0.0000012, slow: counts as half as successful, "
        "4,000 tokens cached" in lines
    )


BLOCKED = {"blocked_by": "breaker", "wait_s": 2.0}
WHY_FIRST: dict[str, tuple[dict[str, Any], list[dict[str, Any]], str]] = {
    "listed first": ({}, [{}, {}], "it is listed first"),
    "alone": ({}, [{}], "it is the only candidate"),
    "alone able": ({}, [{}, BLOCKED], "it alone can serve at the moment"),
    "nobody able": (
        {},
        [BLOCKED, BLOCKED],
        "no candidate can serve at the moment, and it is the next (in 2.0 s)",
    ),
    "warm": (
        {"stayed": True},
        [{"cached_tokens": 4000}, {}],
        "the conversation's prompt cache is warm there (4,000 tokens), and nobody is cheaper",
    ),
    "ranked": ({"tiers": [1, 1]}, [{}, {}], "the request ranks it first"),
    "ranked together": ({"tiers": [2, 1]}, [{}, {}, {}], "of those that the request ranks first"),
    "cheapest": (
        {"order": "cost"},
        [{"cost_usd": 0.1}, {"cost_usd": 0.2}],
        "its expected cost is the lowest",
    ),
    "of unknown cost": (
        {"order": "cost"},
        [{}, {"cost_usd": 0.2}],
        "its price is not known: it counts as the median of the others",
    ),
    "fastest": (
        {"order": "latency"},
        [{"ttft_s": 0.1}, {"ttft_s": 0.2}],
        "its time to first token is the shortest",
    ),
    "explored": (
        {"order": "throughput"},
        [{"tokens_per_s": 1}, {"tokens_per_s": 2}],
        "it was its turn: others come first now and then, so that their figures stay known",
    ),
    "nothing known": (
        {"order": "latency"},
        [{}, {}],
        "it is listed first; the figures of none are known yet",
    ),
    "drawn": (
        {"order": "balanced"},
        [{"weight": 0.3}, {"weight": 0.1}],
        "it was drawn: its share of the weights is 75%",
    ),
}


@pytest.mark.parametrize(("routing", "given", "reason"), WHY_FIRST.values(), ids=WHY_FIRST)
def test_why_the_first_is_first(routing: dict[str, Any], given: list[dict[str, Any]], reason: str) -> None:
    lines = lines_of(routing={"order": "priority", **routing, "candidates": candidates(*given)})
    assert f"first: a, because {reason}" in lines


WARM = {"cached_tokens": 4000}
LEFT: dict[str, tuple[dict[str, Any], list[dict[str, Any]], str]] = {
    "blocked": ({}, [{}, {**WARM, "blocked_by": "account"}], "it refuses its key, or has no funds"),
    "slow": ({}, [{}, {**WARM, "slow": True}], "it is slow at the moment"),
    "requested": ({"requested": True}, [{}, WARM], "the request chose the order itself"),
    "cheaper": (
        {},
        [{"cost_usd": 0.1}, {**WARM, "cost_usd": 0.2}],
        "a is cheaper even without it",
    ),
    "failed": ({}, [{}, WARM], "it failed there before, or reading that cache saves nothing"),
}


@pytest.mark.parametrize(("routing", "given", "reason"), LEFT.values(), ids=LEFT)
def test_why_a_conversation_left_its_warm_cache(
    routing: dict[str, Any], given: list[dict[str, Any]], reason: str
) -> None:
    routing = {"order": "priority", "conversation": True, **routing, "candidates": candidates(*given)}
    assert f"affinity: the conversation's prompt cache is warm at b, but {reason}" in lines_of(
        routing=routing
    )


def test_what_another_version_has_written_is_shown_as_it_is() -> None:
    lines = lines_of(caller="key_1", routed={"by": "b"}, ended="somehow")
    assert lines[-2:] == ["caller: key_1", 'routed: {"by":"b"}']
    assert "ended: somehow (status 200)" in lines


def test_nothing_that_a_client_chose_acts_on_a_terminal() -> None:
    assert "\x1b" not in "".join(lines_of(model="\x1b[2J", path="/\x1b]0;x"))


def test_the_sections_tell_fields_of_a_record() -> None:
    assert set(Record.__struct_fields__) >= TOLD


def test_every_ending_has_words() -> None:
    assert set(ENDINGS) == set(Ending.__args__)  # type: ignore[attr-defined]


def test_reasons_for_being_blocked_have_the_words_of_records() -> None:
    assert dict(planning.BLOCKED) == explanation.BLOCKED
