"""Every row of the table of hedged requests: what is sent to whom and when, the record, and the bill."""

import pytest

from .hedges import HEDGES, PRICE, Hedge
from .playbook import Play, play
from .world import Clock

USUAL_S = 5.0
"""The time to first token that each provider usually has."""


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, look_s=0.0, timers=True)


def know(stage: Play) -> None:
    """Let the router know when a first token is late."""
    for name in stage.wires:
        figures = stage.gateway.router.endpoints.endpoint(name, "m").figures
        for _ in range(100):
            figures.first_token(USUAL_S)


@pytest.mark.parametrize("row", HEDGES, ids=[row.key for row in HEDGES])
async def test_two_attempts_end_as_the_table_says(clock: Clock, row: Hedge) -> None:
    record = await play(
        clock,
        row.begins + row.dialogue,
        names=row.names,
        routing=f"retries = 0\n{row.routing}",
        model="hedge = true",
        price=PRICE,
        know=know,
    )
    assert (record["provider"], record["ended"]) == (row.provider, row.ended)
    others = [
        (one["provider"], one["status"], one.get("hedge", False), one.get("cancelled", False))
        for one in record.get("attempts", ())
    ]
    assert others == [(one.provider, one.status, one.hedge, one.cancelled) for one in row.others]
    for one, other in zip(record.get("attempts", ()), row.others, strict=True):
        assert other.says in one["error"]
    billed = "nothing" if not record.get("cost") else "estimated" if record.get("estimated") else "reported"
    assert billed == row.billed
    if billed == "reported":  # three tokens and two, of one attempt
        assert record["cost"] == 5 * PRICE * 1000
