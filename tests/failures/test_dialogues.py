"""What is sent to whom, and when: dialogues between a client, the gateway and its providers.

The matrix has the ends of all failures; here is what it cannot show: the order of things.
"""

import pytest

from .playbook import play
from .world import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, look_s=0.0)


async def test_each_candidate_is_asked_when_the_one_before_has_failed(clock: Clock) -> None:
    record = await play(
        clock,
        """
        a: refuses
        client: a request
        gateway > b: request
        b: 500
        gateway > c: request
        c: "Hello"
        gateway > client: 200 "Hello" from c, attempt 3
        """,
    )
    assert [(one["provider"], one["status"]) for one in record["attempts"]] == [("a", 502), ("b", 500)]


async def test_the_client_hears_of_nothing_before_somebody_answers(clock: Clock) -> None:
    await play(
        clock,
        """
        client: a stream
        gateway > a: request
        a: stream
        a: cut
        gateway > b: request
        b: stream
        b: "Hel"
        gateway > client: 200 from b, attempt 2
        gateway > client: "Hel"
        b: "lo" finish done end
        gateway > client: "lo"
        gateway > client: stop
        gateway > client: done
        gateway > client: end
        """,
    )


async def test_an_error_in_the_same_read_as_the_first_text_comes_before_the_first_byte(clock: Clock) -> None:
    await play(
        clock,
        """
        client: a stream
        gateway > a: request
        a: stream "Hel" error
        gateway > a: hangs up
        gateway > b: request
        b: stream "Hel"
        gateway > client: 200 from b, attempt 2
        gateway > client: "Hel"
        b: error
        gateway > client: error overloaded
        gateway > client: end
        gateway > b: hangs up
        """,
    )


async def test_one_connection_is_closed_before_the_next_candidate_is_asked(clock: Clock) -> None:
    record = await play(
        clock,
        """
        client: a stream
        gateway > a: request
        clock: 19 s
        clock: 2 s
        gateway > a: hangs up
        gateway > b: request
        b: stream
        clock: 11 s
        b: "Hello" finish done end
        gateway > client: 200 from b, attempt 2
        gateway > client: "Hello"
        gateway > client: stop
        gateway > client: done
        gateway > client: end
        """,
        routing="retries = 0\nfirst_byte_s = 20\nidle_s = 12",
    )
    assert "within 20 seconds" in record["attempts"][0]["error"]


async def test_a_candidate_that_hangs_leaves_half_of_the_deadline_to_the_others(clock: Clock) -> None:
    await play(
        clock,
        """
        client: a request
        gateway > a: request
        clock: 41 s
        gateway > a: hangs up
        gateway > b: request
        clock: 20 s
        gateway > b: hangs up
        gateway > c: request
        clock: 18 s
        c: "Hello"
        gateway > client: 200 "Hello" from c, attempt 3
        """,
        routing="retries = 0\ndeadline_s = 80",
    )


async def test_comments_are_no_answer_while_others_can_give_one(clock: Clock) -> None:
    await play(
        clock,
        """
        client: a stream
        gateway > a: request
        a: stream comment
        a: comment comment
        a: error
        gateway > a: hangs up
        gateway > b: request
        b: stream comment
        clock: 11 s
        b: comment
        clock: 11 s
        b: comment
        clock: 11 s
        gateway > b: hangs up
        gateway > c: request
        c: stream comment
        gateway > client: 200 from c, attempt 3
        gateway > client: comment
        c: "Hello" finish done end
        gateway > client: "Hello"
        gateway > client: stop
        gateway > client: done
        gateway > client: end
        """,
        routing="retries = 0\ndeadline_s = 60\nidle_s = 12",
    )


async def test_a_client_that_leaves_ends_the_attempt_and_the_chain(clock: Clock) -> None:
    record = await play(
        clock,
        """
        client: a request
        gateway > a: request
        a: 500
        gateway > b: request
        client: leaves
        gateway > b: hangs up
        """,
    )
    assert (record["ended"], record["status"]) == ("client_left", 499)


async def test_a_client_that_leaves_a_stream_ends_it(clock: Clock) -> None:
    await play(
        clock,
        """
        client: a stream
        gateway > a: request
        a: stream "Hel"
        gateway > client: 200 from a, attempt 1
        gateway > client: "Hel"
        client: leaves
        gateway > a: hangs up
        """,
    )


async def test_a_finish_without_the_end_mark_is_the_end_when_the_connection_is_gone(clock: Clock) -> None:
    record = await play(
        clock,
        """
        client: a stream
        gateway > a: request
        a: stream "Hello"
        gateway > client: 200 from a, attempt 1
        gateway > client: "Hello"
        a: finish
        gateway > client: stop
        a: cut
        gateway > client: done
        gateway > client: end
        """,
    )
    assert record["ended"] == "complete_without_usage"


async def test_a_kept_connection_that_is_dead_costs_no_attempt_at_another(clock: Clock) -> None:
    await play(
        clock,
        """
        client: a request
        gateway > a: request
        a: "Hello"
        gateway > client: 200 "Hello" from a, attempt 1
        client: a request
        gateway > a: request
        a: cut
        gateway > a: request
        a: "Hello"
        gateway > client: 200 "Hello" from a, attempt 2
        """,
    )


async def test_nobody_is_asked_while_everybody_is_rate_limited(clock: Clock) -> None:
    await play(
        clock,
        """
        client: a request
        gateway > a: request
        a: 429 retry-after 50
        gateway > b: request
        b: 429 retry-after 40
        gateway > client: 429 overloaded from b, attempt 2, retry-after 40
        client: a request
        gateway > client: 429 rate_limit_exceeded
        clock: 41 s
        client: a request
        gateway > b: request
        b: "Hello"
        gateway > client: 200 "Hello" from b, attempt 1
        """,
        names="ab",
    )


async def test_a_broken_stream_is_continued_by_the_next_candidate_if_that_is_configured(clock: Clock) -> None:
    record = await play(
        clock,
        """
        client: a stream
        gateway > a: request
        a: stream "Hel"
        gateway > client: 200 from a, attempt 1
        gateway > client: "Hel"
        a: cut
        gateway > b: request
        b: stream "lo" finish done end
        gateway > client: : tidegate: continued by b/m
        gateway > client: "lo"
        gateway > client: stop
        gateway > client: done
        gateway > client: end
        """,
        routing="retries = 0\nresume = true",
    )
    assert (record["ended"], record["continued"]) == ("complete", 1)


async def test_a_stream_that_nobody_continues_ends_in_an_error(clock: Clock) -> None:
    await play(
        clock,
        """
        client: a stream
        gateway > a: request
        a: stream "Hel"
        gateway > client: 200 from a, attempt 1
        gateway > client: "Hel"
        a: cut
        gateway > b: request
        b: 500
        gateway > client: error provider_broke
        gateway > client: end
        """,
        names="ab",
        routing="retries = 0\nresume = true",
    )
