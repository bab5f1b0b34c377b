"""How prompts are estimated, and how far a wallet can be overdrawn because an estimate was too low."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.exchange.prompt_sizes import COLD, USUAL, PromptSizes


def test_a_model_is_learned_for_prompts_of_about_a_size() -> None:
    sizes = PromptSizes()
    assert sizes.tokens("one", "m", 1000) == 1000 * COLD
    sizes.observe("one", "m", 1000, 900)
    assert sizes.tokens("one", "m", 1000) == 900
    assert sizes.tokens("one", "m", 600) == 540
    assert sizes.tokens("one", "m", 100_000) == 100_000 * COLD  # a fixed prompt in front weighs less there
    assert sizes.tokens("two", "m", 1000) == 1000 * COLD


def test_a_surprise_is_forgotten_slowly_and_never_below_what_is_usual() -> None:
    sizes = PromptSizes()
    sizes.observe("one", "m", 1000, 900)
    sizes.observe("one", "m", 1000, 100)
    assert sizes.tokens("one", "m", 1000) == pytest.approx(860)
    for _ in range(200):
        sizes.observe("one", "m", 1000, 100)
    assert sizes.tokens("one", "m", 1000) == 1000 * USUAL


def test_an_empty_prompt_teaches_nothing() -> None:
    sizes = PromptSizes()
    sizes.observe("one", "m", 0, 900)
    assert sizes.tokens("one", "m", 0) == 0


@given(
    funds=st.integers(1_000, 1_000_000),
    size=st.integers(1, 4_000),
    tokens=st.lists(st.integers(0, 20_000), min_size=1, max_size=6),
    turns=st.lists(st.booleans(), min_size=1, max_size=300),
)
def test_a_wallet_is_overdrawn_at_most_by_surprises(
    funds: int, size: int, tokens: list[int], turns: list[bool]
) -> None:
    """A token costs one. Requests arrive and are answered in any order; each is held for by what was learned,
    and let in only if its hold fits into what is left.
    """
    sizes, held, spent, overdraft, number = PromptSizes(), [], 0.0, 0.0, 0
    greatest = 0
    for arrives in turns:
        if arrives:
            hold = sizes.tokens("one", "m", size)
            if spent + sum(held) + hold <= funds:
                held.append(hold)
        elif held:
            used, number = tokens[number % len(tokens)], number + 1
            hold = held.pop(0)
            spent += used
            overdraft += max(0.0, used - hold)
            sizes.observe("one", "m", size, used)
            greatest = max(greatest, used)
            # whoever comes next is held for by the greatest of late
            assert sizes.tokens("one", "m", size) >= used * 0.999_999
    assert spent <= funds + overdraft + 1e-6
    if len(set(tokens)) == 1:  # a steady provider surprises only those that are open at its first answer
        first = next((place for place, arrives in enumerate(turns) if not arrives and any(turns[:place])), 0)
        assert spent <= funds + sum(turns[: first + 1]) * greatest
