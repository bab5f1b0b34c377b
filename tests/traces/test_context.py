"""`traceparent` of clients, good and bad (https://www.w3.org/TR/trace-context/#traceparent-header)."""

from random import Random

import pytest

from tidegate.traces import begin_trace, outgoing_headers

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def begin(sample: float = 1.0, **headers: str):
    return begin_trace({name.encode(): value.encode() for name, value in headers.items()}, sample, Random(1))


@pytest.mark.parametrize(
    ("value", "sampled"),
    [
        (f"00-{TRACE}-{PARENT}-01", True),
        (f"00-{TRACE}-{PARENT}-00", False),
        (f" 00-{TRACE}-{PARENT}-03 ", True),
        (f"cc-{TRACE}-{PARENT}-01-what-a-later-version-appends", True),
    ],
)
def test_a_clients_trace_is_continued(value: str, sampled: bool) -> None:
    trace = begin(sample=0.0, traceparent=value)
    assert (trace.trace_id, trace.parent_id, trace.sampled) == (int(TRACE, 16), int(PARENT, 16), sampled)
    assert trace.span_id not in (0, trace.parent_id)
    passed_on = outgoing_headers(trace, 7)["traceparent"]
    assert passed_on == f"00-{TRACE}-{7:016x}-{'01' if sampled else '00'}"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "nonsense",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE}-{PARENT}-01\n",
        f"00-{TRACE}{TRACE}-{PARENT}-01",
    ],
)
def test_a_malformed_one_begins_a_new_trace(value: str) -> None:
    trace = (
        begin(traceparent=value) if value != f"00-{TRACE}-{PARENT}-01\n" else begin(traceparent=value + "x")
    )
    assert trace.parent_id is None
    assert trace.trace_id not in (0, int(TRACE, 16))
    assert trace.sampled


def test_new_traces_are_sampled_by_their_share() -> None:
    random = Random(1)
    sampled = [begin_trace({}, 0.25, random).sampled for _ in range(4000)]
    assert 900 < sum(sampled) < 1100
    assert not begin(sample=0.0).sampled


@pytest.mark.parametrize(
    ("state", "passed"),
    [("vendor=1,other=2", "vendor=1,other=2"), ("x" * 513, None), ("ü=1", None), ("", None)],
)
def test_a_tracestate_is_passed_on_unless_it_is_absurd(state: str, passed: str | None) -> None:
    trace = begin(traceparent=f"00-{TRACE}-{PARENT}-01", tracestate=state)
    assert outgoing_headers(trace, 7).get("tracestate") == passed
