"""A conversation stays where its prompt cache is warm."""

import pytest

from routing_world import DOWN, World
from tidegate.protocols.usage import Usage
from tidegate.routing import Outcome, session_key, wants_affinity
from tidegate.routing.affinity import Home, Homes

PRICES = ["input = 3\noutput = 15\ncache_read = 0.3"] * 3
KEY = session_key("alice", session_id="s")


HEADER = (b"x-session-id", b"1")
CLAUDE = (b"x-claude-code-session-id", b"2")
CODEX = (b"session_id", b"3")


def test_the_first_name_that_is_given_counts() -> None:
    by_header, by_body = session_key("a", dict([HEADER])), session_key("a", session_id="x")
    by_claude, by_codex = session_key("a", dict([CLAUDE])), session_key("a", dict([CODEX]))
    assert len({by_header, by_body, by_claude, by_codex}) == 4
    assert session_key("a", dict([CLAUDE, HEADER]), session_id="x") == by_header
    assert session_key("a", dict([CLAUDE]), session_id="x") == by_body
    assert session_key("a", dict([CODEX, CLAUDE])) == by_claude
    assert session_key("a", dict([CODEX]), prompt_cache_key="k") == by_codex
    by_key = session_key("a", prompt_cache_key="k")
    assert session_key("a", prompt_cache_key="k", opening=lambda: [b"m"]) == by_key


def test_a_key_belongs_to_its_caller_and_a_name_is_no_opening() -> None:
    assert session_key("a", session_id="s") != session_key("b", session_id="s")
    assert session_key(None, session_id="s") != session_key("s", session_id="s")
    assert session_key("a", session_id="m") != session_key("a", opening=lambda: [b"m"])
    assert session_key("a", opening=lambda: [b"ab", b"c"]) != session_key("a", opening=lambda: [b"a", b"bc"])
    assert session_key("a") is None


def test_a_client_can_switch_it_off() -> None:
    assert wants_affinity({b"x-tidegate-affinity": b"on"})
    assert not wants_affinity({b"x-tidegate-affinity": b" OFF"})


def turn(world: World, name: str | None = None, prompt: int = 10_000, outcome: Outcome | None = None) -> str:
    """One turn of the conversation, at the first choice or the one of this name. Returns who served."""
    facts = {"input_tokens": prompt, "session": KEY}
    name = name or world.order(**facts)[0]
    warm = [one for one in world.router.homes.of(KEY or b"", world.now) if one.service == name]
    read = min(warm[0].tokens, prompt) if warm else 0
    usage = Usage(input=prompt - read, cache_read=read, output=100)
    world.call(name, outcome or Outcome(usage=usage), **facts)
    world.now += 5
    return name


@pytest.mark.parametrize("order", ["balanced", "weighted", "cost"])
def test_a_conversation_stays(order: str) -> None:
    world = World(order, prices=PRICES)
    turn(world, "b")
    assert {turn(world, prompt=10_000 + 500 * number) for number in range(40)} == {"b"}
    assert world.plan(input_tokens=30_000, session=KEY).stayed
    assert not world.plan(input_tokens=30_000).stayed


def test_a_long_conversation_keeps_nearly_all_that_a_single_provider_would_have_cached() -> None:
    world = World("balanced", prices=PRICES)
    best, prompt = 0, 2_000
    turn(world, prompt=prompt)
    for number in range(200):
        best += prompt
        prompt += 300
        turn(world, prompt=prompt, outcome=DOWN if number == 100 else None)
        if number == 100:
            turn(world, prompt=prompt)
    assert world.router.savings.read_tokens >= 0.97 * best


def test_it_goes_where_it_is_cheaper_in_spite_of_the_cache() -> None:
    world = World("cost", prices=[PRICES[0], "input = 0.1\noutput = 0.5", PRICES[0]])
    turn(world, "a")
    assert turn(world) == "b"


def test_a_failure_unbinds_and_a_client_that_leaves_does_not() -> None:
    world = World("priority", prices=PRICES)
    turn(world, "c")
    assert turn(world, "c", outcome=Outcome(abandoned=True)) == "c"
    assert turn(world) == "c"
    turn(world, "c", outcome=DOWN)
    assert turn(world) == "a"
    assert turn(world, prompt=11_000) == "a"


def test_two_homes_are_remembered_and_the_first_is_come_back_to() -> None:
    world = World("priority", prices=PRICES)
    turn(world, "b")
    world.calls("b", 5, DOWN, every=0)
    assert turn(world) == "a"
    world.now += 10
    world.call("b")
    world.call("b")
    assert [home.service for home in world.router.homes.of(KEY or b"", world.now)] == ["a", "b"]
    world.calls("a", 5, DOWN, every=0)
    assert turn(world) == "b"


def test_the_cache_is_forgotten_when_its_life_is_over() -> None:
    world = World("priority", prices=PRICES)
    turn(world, "c")
    world.now += 590
    assert turn(world) == "c"
    world.now += 601
    assert turn(world) == "a"


def test_no_cache_no_affinity() -> None:
    world = World("priority", prices=["input = 3\noutput = 15"] * 3)
    turn(world, "c")
    assert turn(world) == "a", "a cached prompt costs as much as another"
    short = World("priority", prices=PRICES)
    turn(short, "c", prompt=500)
    assert turn(short) == "a", "short prompts are not cached"


def test_a_cache_that_is_never_hit_is_not_relied_on() -> None:
    world = World("priority", prices=PRICES)
    cold = Outcome(usage=Usage(input=10_000, cache_read=0, output=10))
    for _ in range(3):
        turn(world, "c", outcome=cold)
    assert turn(world) == "a"


def test_a_move_pays_the_price_of_writing_again() -> None:
    """The other is a little cheaper, but would have to write the whole prompt to its cache."""
    rates = "input = {}\noutput = 15\ncache_read = 0.3\ncache_write = {}"
    world = World("cost", names="ab", prices=[rates.format(3, 3.75), rates.format(2.9, 3.6)])
    written = Outcome(usage=Usage(input=10, cache_read=0, cache_write=9_990, output=10))
    turn(world, "a", outcome=written)
    plan = world.plan(input_tokens=10_000, session=KEY)
    assert plan.choices[0].candidate.service.name == "a"
    assert plan.choices[1].cost == pytest.approx(10_000 * 3.6e-6 + 300 * 15e-6, rel=0.2)


def test_an_hour_is_an_hour() -> None:
    world = World("priority", prices=PRICES)
    turn(world, "c", outcome=Outcome(usage=Usage(input=10, cache_write=0, cache_write_1h=9_990, output=10)))
    world.now += 3000
    assert world.order(input_tokens=10_000, session=KEY)[0] == "c"


def test_hits_and_money_are_counted_with_the_premium_deducted() -> None:
    world = World(prices=["input = 3\noutput = 15\ncache_read = 0.3\ncache_write = 3.75"] * 3)
    world.call("a", Outcome(usage=Usage(input=0, cache_read=900_000, cache_write=100_000, output=10)))
    savings = world.router.savings.as_dict()
    assert savings["hit_rate"] == pytest.approx(0.9)
    assert savings["saved_usd"] == pytest.approx(0.9 * 2.7 - 0.1 * 0.75)


def test_the_quietest_conversation_is_forgotten_first() -> None:
    homes = Homes(most=2)
    for key in (b"1", b"2"):
        homes.settle(key, Home("a", "m", "x", 5000, 100, False))
    homes.settle(b"1", Home("a", "m", "x", 6000, 100, False))
    homes.settle(b"3", Home("a", "m", "x", 5000, 100, False))
    assert [bool(homes.of(key, 0)) for key in (b"1", b"2", b"3")] == [True, False, True]
    assert len(homes) == 2
