"""Work that is repeated: failures end a round and nothing else."""

import asyncio
import logging

import pytest

from tidegate.periodic import Periodic


class Away(Exception):
    pass


def rounds_of(
    *outcomes: Exception | None, expected_level: int = logging.WARNING
) -> tuple[asyncio.Event, Periodic]:
    """What is set after rounds with these outcomes, in turn, and who runs them."""
    left, done = list(outcomes), asyncio.Event()

    async def work() -> None:
        if not left:
            done.set()
            return
        outcome = left.pop(0)
        if outcome is not None:
            raise outcome

    periodic = Periodic("test", 0, work, problem="it waits", expected=Away, expected_level=expected_level)
    return done, periodic


async def run(periodic: Periodic, done: asyncio.Event) -> None:
    periodic.start()
    await asyncio.wait_for(done.wait(), 60)
    await periodic.close()


async def test_no_exception_ends_the_rounds(caplog: pytest.LogCaptureFixture) -> None:
    done, periodic = rounds_of(Away("gone"), KeyError("a field"), None, ValueError("a number"))
    await run(periodic, done)
    assert not periodic.failing


async def test_a_row_of_failures_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    done, periodic = rounds_of(Away("gone"), Away("gone"), None, Away("gone again"))
    await run(periodic, done)
    assert [one.getMessage() for one in caplog.records] == ["it waits: gone", "it waits: gone again"]
    assert not any(one.exc_info for one in caplog.records)


async def test_an_expected_failure_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    away, odd = Away("gone"), ValueError("odd")
    done, periodic = rounds_of(away, odd, odd, away, expected_level=logging.DEBUG)
    with caplog.at_level(logging.INFO, "tidegate"):
        await run(periodic, done)
    assert [one.getMessage() for one in caplog.records] == ["it waits: odd"]


async def test_what_is_not_expected_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    done, periodic = rounds_of(ValueError("odd"), expected_level=logging.DEBUG)
    await run(periodic, done)
    (one,) = caplog.records
    assert one.levelno == logging.ERROR
    assert one.exc_info is not None


async def test_what_is_expected_is_logged_as_quietly_as_wanted(caplog: pytest.LogCaptureFixture) -> None:
    done, periodic = rounds_of(Away("gone"), expected_level=logging.DEBUG)
    with caplog.at_level(logging.INFO, "tidegate"):
        await run(periodic, done)
    assert not caplog.records


async def test_closing_cancels_a_round_under_way_and_may_be_repeated() -> None:
    began, cancelled = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    periodic = Periodic("test", 3600, work, problem="it waits", at_once=True)
    periodic.start()
    await asyncio.wait_for(began.wait(), 60)
    await periodic.close()
    await periodic.close()
    assert cancelled.is_set()
