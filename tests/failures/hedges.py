"""The table of hedged requests: two attempts at once, and the consequences.

Each row is a dialogue after its beginning (see `playbook.py`): the first candidate, `a`, has been asked and
is late after five seconds. `test_hedges.py` plays every row, `scripts/render_docs.py` prints the table as
part of `docs/failures.md`. Nothing here knows the gateway.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

__all__ = ["HEDGES", "PRICE", "Hedge", "Other"]

PRICE = 2
"""USD per million tokens, of every candidate."""

Billed = Literal["nothing", "reported", "estimated"]

LATE = "client: a stream\ngateway > a: request\nclock: 6 s\ngateway > b: request\n"
"""The beginning of a stream that is hedged."""
SILENT = "client: a stream\ngateway > a: request\nclock: 6 s\n"
"""The beginning of one that is not."""


class Other(NamedTuple):
    """An attempt in the record whose answer the client does not get."""

    provider: str
    status: int
    says: str
    hedge: bool = False
    cancelled: bool = False


@dataclass(frozen=True, eq=False)
class Hedge:
    """One way in which two attempts can end."""

    key: str
    first: str
    """Completes "the first …"."""
    second: str
    """Completes "the second …"."""
    client: str
    """What the client gets."""
    attempts: int
    provider: str
    """Of the answer or the error."""
    ended: str
    """In the record."""
    others: Sequence[Other]
    billed: Billed
    """What the request costs: all of it, over both attempts."""
    dialogue: str
    begins: str = LATE
    names: str = "abc"
    routing: str = ""


OVERTAKEN = "another attempt answered first"
GIVEN_UP = "the request ended before it answered"


def answers(who: str, attempt: int, *then: str) -> str:
    """A candidate answers in two parts; `then` follows the first one."""
    lines = (
        f'{who}: stream "Hel"',
        f"gateway > client: 200 from {who}, attempt {attempt}",
        'gateway > client: "Hel"',
        *then,
        f'{who}: "lo" finish done end',
        'gateway > client: "lo"',
        "gateway > client: stop",
        "gateway > client: done",
        "gateway > client: end",
    )
    return "\n".join(lines)


HEDGES: Sequence[Hedge] = (
    Hedge(
        "second_first", "stays silent", "answers", "the 2nd's answer", 2, "b", "complete",
        [Other("a", 499, OVERTAKEN, cancelled=True)], "reported",
        answers("b", 2, "gateway > a: hangs up"),
    ),
    Hedge(
        "first_first", "answers just after the second was called", "stays silent", "the 1st's answer", 2, "a",
        "complete", [Other("b", 499, OVERTAKEN, hedge=True, cancelled=True)], "reported",
        answers("a", 2, "gateway > b: hangs up"),
    ),
    Hedge(
        "first_begun", "answers after that", "sends its headers and a comment", "the 1st's answer", 2, "a",
        "complete", [Other("b", 499, OVERTAKEN, hedge=True, cancelled=True)], "reported",
        'b: stream comment\na: stream "Hel"\ngateway > b: hangs up\n'
        + answers("a", 2).removeprefix('a: stream "Hel"\n'),
    ),
    Hedge(
        "first_fails", "fails: 500", "answers after that", "the 2nd's answer", 2, "b", "complete",
        [Other("a", 500, "500")], "reported", "a: 500\n" + answers("b", 2),
    ),
    Hedge(
        "first_limited", "answers 429", "answers after that", "the 2nd's answer", 2, "b", "complete",
        [Other("a", 429, "429")], "reported", "a: 429 retry-after 7\n" + answers("b", 2),
    ),
    Hedge(
        "first_cut", "closes the connection", "answers after that", "the 2nd's answer", 2, "b", "complete",
        [Other("a", 502, "closed before it answered")], "reported", "a: cut\n" + answers("b", 2),
    ),
    Hedge(
        "second_fails", "answers after that", "fails: 500", "the 1st's answer", 2, "a", "complete",
        [Other("b", 500, "500", hedge=True)], "reported", "b: 500\n" + answers("a", 2),
    ),
    Hedge(
        "second_refuses", "answers after that", "rejects the request: 400", "the 1st's answer", 2, "a",
        "complete", [Other("b", 400, "400", hedge=True)], "reported", "b: 400\n" + answers("a", 2),
    ),
    Hedge(
        "unreachable", "answers after that", "refuses the connection", "the 1st's answer", 2, "a", "complete",
        [Other("b", 502, "the connection was refused", hedge=True)], "reported",
        answers("a", 2), "b: refuses\nclient: a stream\ngateway > a: request\nclock: 6 s\n",
    ),
    Hedge(
        "first_refuses", "rejects the request: 400", "stays silent", "**400**, that of the 1st", 2, "a",
        "failed", [Other("a", 400, "400"), Other("b", 499, GIVEN_UP, hedge=True, cancelled=True)], "nothing",
        "a: 400\ngateway > client: 400 overloaded from a, attempt 2\ngateway > b: hangs up",
    ),
    Hedge(
        "both_fail", "fails: 500", "fails: 503", "the next candidate's answer", 3, "c", "complete",
        [Other("a", 500, "500"), Other("b", 503, "503", hedge=True)], "reported",
        "a: 500\nb: 503\ngateway > c: request\n" + answers("c", 3),
    ),
    Hedge(
        "all_fail", "fails: 500, and nobody else is left", "answers 429", "**429**, that of the 2nd", 2, "b",
        "failed", [Other("a", 500, "500"), Other("b", 429, "429", hedge=True)], "nothing",
        "b: 429 retry-after 7\na: 500\n"
        "gateway > client: 429 overloaded from b, attempt 2, retry-after 7",
        names="ab",
    ),
    Hedge(
        "winner_breaks", "stays silent", "answers, and closes in the middle", "“Hel”, then an error", 2, "b",
        "provider_broke", [Other("a", 499, OVERTAKEN, cancelled=True)], "estimated",
        'b: stream "Hel"\ngateway > client: 200 from b, attempt 2\n'
        'gateway > client: "Hel"\ngateway > a: hangs up\nb: cut\n'
        "gateway > client: error provider_broke\ngateway > client: end",
    ),
    Hedge(
        "winner_resumed", "stays silent", "answers, and closes in the middle, with `routing.resume`",
        "“Hello” by the 2nd and, asked again, the 1st", 2, "a", "complete",
        [Other("a", 499, OVERTAKEN, cancelled=True), Other("b", 502, "provider_broke", hedge=True)],
        "estimated",
        'b: stream "Hel"\ngateway > client: 200 from b, attempt 2\n'
        'gateway > client: "Hel"\ngateway > a: hangs up\nb: cut\n'
        'gateway > a: request\na: stream "lo" finish done end\n'
        "gateway > client: : tidegate: continued by a/m\n"
        'gateway > client: "lo"\ngateway > client: stop\ngateway > client: done\ngateway > client: end',
        routing="resume = true",
    ),
    Hedge(
        "both_silent", "stays silent until its time is over", "answers after that", "the 2nd's answer", 2,
        "b", "complete", [Other("a", 504, "within 20 seconds")], "reported",
        "clock: 15 s\ngateway > a: hangs up\n" + answers("b", 2),
        routing="first_byte_s = 20",
    ),
    Hedge(
        "client_leaves", "stays silent", "stays silent, and the client leaves", "nothing: it has left", 2,
        "a", "client_left", [Other("b", 499, GIVEN_UP, hedge=True, cancelled=True)], "nothing",
        "client: leaves\ngateway > a: hangs up\ngateway > b: hangs up",
    ),
    Hedge(
        "in_time", "answers before it is late", "is not called", "the 1st's answer", 1, "a", "complete", [],
        "reported", answers("a", 1), "client: a stream\ngateway > a: request\nclock: 3 s\n",
    ),
    Hedge(
        "too_expensive", "is late; the prompt costs more than `hedge_max_usd`", "is not called",
        "the 1st's answer", 1, "a", "complete", [], "reported", answers("a", 1), SILENT,
        routing="hedge_max_usd = 0.000001",
    ),
    Hedge(
        "plain", "is late with a plain answer", "is not called", "the 1st's answer", 1, "a", "complete", [],
        "reported", 'a: "Hello"\ngateway > client: 200 "Hello" from a, attempt 1',
        "client: a request\ngateway > a: request\nclock: 6 s\n",
    ),
    Hedge(
        "plain_fails", "is late with a plain answer, and fails: 500", "is called after that",
        "the 2nd's answer", 2, "b", "complete", [Other("a", 500, "500")], "reported",
        'a: 500\ngateway > b: request\nb: "Hello"\ngateway > client: 200 "Hello" from b, attempt 2',
        "client: a request\ngateway > a: request\nclock: 6 s\n",
    ),
)  # fmt: skip
"""How two attempts can end, one row for each."""
