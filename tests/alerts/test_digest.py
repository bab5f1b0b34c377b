"""Many notices become few messages."""

from hypothesis import given
from hypothesis import strategies as st

from tidegate.alerts import Digest, Notice, notice_of
from tidegate.alerts.digest import GROUP_S, MAX_LINES, MAX_SUBJECTS, SETTLED_S
from tidegate.routing import Transition


def trouble(subject: str = "openai/gpt-4o", kind: str = "breaker_opened") -> Notice:
    return Notice(kind, subject, f"{subject} keeps failing")


def recovery(subject: str = "openai/gpt-4o") -> Notice:
    return Notice("breaker_closed", subject, f"{subject} answers again", ("breaker_opened",))


def test_notices_of_a_few_seconds_are_one_message() -> None:
    digest = Digest(900)
    digest.add(trouble("a/m"), 0)
    digest.add(trouble("a/n"), GROUP_S / 2)
    assert digest.next_at() == GROUP_S
    assert digest.take(GROUP_S / 2) is None
    message = digest.take(GROUP_S)
    assert message is not None
    assert (message.title, message.recovery) == ("Tidegate: attention", False)
    assert message.body.splitlines() == ["- a/m keeps failing", "- a/n keeps failing"]
    assert (digest.take(1000), digest.next_at()) == (None, None)


def test_a_repeated_problem_is_counted_and_sent_again_later() -> None:
    digest = Digest(900)
    digest.add(trouble(), 0)
    assert digest.take(GROUP_S) is not None
    for second in range(10, 20):
        digest.add(trouble(), second)
    assert digest.next_at() is None
    digest.add(trouble(), GROUP_S + 900)
    message = digest.take(2 * GROUP_S + 900)
    assert message is not None
    assert message.body == "openai/gpt-4o keeps failing (and 10 times since the last message)"


def test_different_problems_of_one_provider_do_not_hide_each_other() -> None:
    digest = Digest(900)
    digest.add(trouble(), 0)
    digest.add(trouble(kind="slowed_down"), 1)
    message = digest.take(GROUP_S)
    assert message is not None
    assert len(message.body.splitlines()) == 2


def test_a_recovery_is_reported_once_it_has_lasted() -> None:
    digest = Digest(900)
    digest.add(trouble(), 0)
    digest.take(GROUP_S)
    digest.add(recovery(), 20)
    assert digest.next_at() == 20 + SETTLED_S
    assert digest.take(20 + SETTLED_S - 1) is None
    message = digest.take(20 + SETTLED_S)
    assert message == ("Tidegate: recovered", "openai/gpt-4o answers again", True)


def test_a_provider_that_comes_and_goes_is_one_beginning_and_one_end() -> None:
    digest, sent = Digest(900), []
    for second in range(0, 600, 20):
        digest.add(trouble(), second)
        digest.add(recovery(), second + 10)
        sent += filter(None, map(digest.take, range(second, second + 20)))
    sent += filter(None, map(digest.take, range(600, 900)))
    assert [message.recovery for message in sent] == [False, True]


def test_a_recovery_from_nothing_is_no_message() -> None:
    digest = Digest(900)
    digest.add(recovery(), 0)
    assert digest.next_at() is None
    assert digest.take(1000) is None


def test_a_long_list_is_cut_and_the_rest_counted() -> None:
    digest = Digest(900)
    for number in range(MAX_LINES + 7):
        digest.add(trouble(f"p{number}/m" + "x" * 1000), 0)
    message = digest.take(GROUP_S)
    assert message is not None
    lines = message.body.splitlines()
    assert len(lines) == MAX_LINES + 1
    assert lines[-1] == "- and 7 more"
    assert max(map(len, lines)) < 400


def test_what_waits_at_the_end_is_sent_and_what_is_not_settled_is_not() -> None:
    digest = Digest(900)
    digest.add(trouble("a/m"), 0)
    digest.take(GROUP_S)
    digest.add(recovery("a/m"), 10)
    assert digest.flush(11) is None
    digest.add(trouble("b/m"), 12)
    message = digest.flush(12)
    assert message is not None
    assert message.body == "b/m keeps failing"


KINDS = st.sampled_from(["breaker_opened", "slowed_down"])


@given(st.lists(st.tuples(KINDS, st.integers(0, 3 * MAX_SUBJECTS), st.booleans(), st.floats(0, 50))))
def test_messages_are_never_more_than_the_groups_that_fit_and_memory_is_bounded(
    happenings: list[tuple[str, int, bool, float]],
) -> None:
    digest, now, sent = Digest(900), 0.0, 0
    for kind, number, ends, later in happenings:
        now += later
        digest.add(recovery(f"s{number}") if ends else trouble(f"s{number}", kind), now)
        sent += digest.take(now) is not None
        assert len(digest._troubles) <= MAX_SUBJECTS
    assert sent <= now / GROUP_S + len([one for one in happenings if one[2]])


def test_only_transitions_that_need_somebody_are_notices() -> None:
    opened = Transition(
        kind="breaker_opened", service="openai", model="gpt-4o", wait_s=5.0, detail="500 from openai"
    )
    notice = notice_of(opened)
    assert notice is not None
    assert notice.text == "openai/gpt-4o keeps failing, and is not called for 5 s: 500 from openai"
    closed = notice_of(Transition(kind="breaker_closed", service="openai", model="gpt-4o"))
    assert closed is not None
    assert (closed.subject, closed.ends) == (notice.subject, (notice.kind,))
    assert notice_of(Transition(kind="rate_limited", service="openai")) is None
    assert notice_of(Transition(kind="breaker_probing", service="openai")) is None
