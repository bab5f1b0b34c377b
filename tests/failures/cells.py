"""The table of provider failures: what a provider does, and the consequences.

`FAULTS` is the table, `expect` the rules that make its cells: one for each fault, place in a chain of three
candidates, and kind of answer. `test_matrix.py` runs every cell, `scripts/render_docs.py` prints the
table as `docs/failures.md`. Nothing here knows the gateway.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

__all__ = [
    "DOWN",
    "FAULTS",
    "MIXED",
    "PAIRS",
    "PLACES",
    "STAGES",
    "WELL",
    "Breaks",
    "Cell",
    "Ending",
    "Expected",
    "Fails",
    "Fault",
    "Lasts",
    "Serves",
    "cells",
    "cells_of",
    "connecting_cells",
    "expect",
    "mixed_cells",
    "resumed_cells",
]

Usage = Mapping[str, int]
"""Tokens in the record, by class."""
ALL: Usage = {"input": 3, "output": 2}
BEGUN: Mapping[str, Usage] = {"anthropic": {"input": 3}}
"""What a stream has reported with its first event, in the wire formats that report anything there."""

Blame = Literal["rate", "provider", "account", "request"]


class Fails(NamedTuple):
    """The attempt fails before its answer has begun."""

    status: int
    """The client's, if nobody else serves."""
    says: str
    """In the record: part of the attempt's error."""
    blame: Blame = "provider"
    retry_after: str | None = None
    after: str = ""
    """The setting that ends the wait; empty: at once."""
    usage: Usage | None = None
    """What is reported all the same."""


class Breaks(NamedTuple):
    """The client has the beginning of the answer, and it ends in an error."""

    says: str
    """In the record: part of its error."""
    text: str = "Hel"
    after: str = ""
    usage: Usage | None = None
    """What was reported by then; see also BEGUN."""
    status: int = 502
    """In the record, if the stream is continued."""


class Serves(NamedTuple):
    """The answer is whole all the same."""

    usage: Usage | None = ALL
    """What is reported."""
    after: str = ""


class Lasts(NamedTuple):
    """It goes on until the client leaves."""

    after: str = "the client leaves"
    usage: Usage | None = None


Ending: TypeAlias = Fails | Breaks | Serves | Lasts


@dataclass(frozen=True, eq=False)
class Fault:
    """One thing that a provider does."""

    key: str
    words: str
    """Completes "the provider …"."""
    plain: Ending | None = None
    """For a request without a stream; None: there is no such thing."""
    streamed: Ending | None = None
    only: Sequence[str] = ()
    """The wire formats that have such a thing; empty: all."""
    at_last: Ending | None = None
    """How it ends where no other candidate follows, if that makes a difference."""
    doors: Sequence[str] = ()
    """The clients' dialects that show it; empty: all."""
    otherwise: Mapping[str, Ending] = field(default_factory=dict)
    """How it ends in wire formats that tell less or more than OpenAI's chat completions."""

    def ending(self, streamed: bool, speech: str) -> Ending | None:
        """How an attempt ends."""
        if self.only and speech not in self.only:
            return None
        ending = self.streamed if streamed else self.plain
        return self.otherwise.get(speech, ending) if ending is not None else None


def both(key: str, words: str, ending: Ending, **more: Any) -> Fault:
    return Fault(key, words, ending, ending, **more)


WELL = both("well", "answers", Serves())
DOWN = both("down", "answers 503", Fails(503, "503"))

TERMINATED = ("openai_chat", "anthropic", "openai_responses")
"""The wire formats whose streams have a last event that says so: Google's has none."""
DIALECTS = (*TERMINATED, "gemini")
OPENAI = ("openai_chat", "openai_responses")

FIRST_BYTE, WHOLE, IDLE, CONNECT = "first_byte_s", "attempt_s", "idle_s", "connect_s"
BROKE = "provider_broke"

ERRORS = {"anthropic": Fails(529, "529 overloaded_error"), "gemini": Fails(503, "503 UNAVAILABLE")}
"""Errors that are reported without a status, by their type."""


def marked(after: str = "") -> Mapping[str, Ending]:
    """Formats in which only the terminator says that an answer is whole."""
    return {
        "anthropic": Breaks("", "Hello", after, ALL),
        "openai_responses": Breaks("", "Hello", after),
    }


STAGES: Mapping[str, Sequence[Fault]] = {
    "Connecting": (
        both("refused", "refuses the connection", Fails(502, "the connection was refused")),
        both("dns", "has a host name that DNS cannot resolve", Fails(502, "cannot be resolved (DNS)")),
        both("tls_none", "does not speak TLS at an `https://` address", Fails(502, "does not speak TLS")),
        both("tls_closed", "ends the TLS handshake", Fails(502, "the connection was closed while it was made")),
        both("tls_untrusted", "has an untrusted certificate", Fails(502, "the TLS certificate is not trusted")),
        both("tls_silent", "never completes the TLS handshake", Fails(504, "within 0.1 seconds", after=CONNECT)),
    ),
    "Before the headers": (
        both("closes", "closes the connection", Fails(502, "closed before it answered")),
        both("resets", "resets the connection", Fails(502, "closed before it answered")),
        both("cut_head", "closes in the middle of the headers", Fails(502, "closed in the head")),
        both("no_http", "sends something that is not HTTP", Fails(502, BROKE)),
        both("redirect", "redirects (307)", Fails(502, BROKE)),
        Fault(
            "silent",
            "sends nothing",
            Fails(504, "within 28 seconds", after=WHOLE),
            Fails(504, "begin its answer within 20 seconds", after=FIRST_BYTE),
        ),
        Fault(
            "slow_head",
            "sends headers, a byte at a time, endlessly",
            Fails(504, "within 28 seconds", after=WHOLE),
            Fails(504, "begin its answer within 20 seconds", after=FIRST_BYTE),
        ),
    ),
    "An error as the answer": (
        both("400", "answers 400", Fails(400, "400", "request")),
        both("413", "answers 413", Fails(413, "413", "request")),
        both("422", "answers 422", Fails(422, "422", "request")),
        both("401", "answers 401: the key is wrong", Fails(401, "401", "account")),
        both("402", "answers 402: no funds", Fails(402, "402", "account")),
        both("403", "answers 403: not allowed", Fails(403, "403", "account")),
        both("404", "answers 404: no such model", Fails(404, "404", "account")),
        both("quota", "answers 429 with `insufficient_quota`", Fails(429, "429 insufficient_quota", "account"), only=OPENAI),
        both("429", "answers 429", Fails(429, "429", "rate")),
        both("429_wait", "answers 429 with `Retry-After: 7`", Fails(429, "429", "rate", "7")),
        both("408", "answers 408", Fails(408, "408")),
        both("500", "answers 500", Fails(500, "500")),
        both("503_wait", "answers 503 with `Retry-After: 7`", Fails(503, "503", retry_after="7")),
        both("529", "answers 529: overloaded", Fails(529, "529")),
        both("html", "answers 502 with a page of HTML", Fails(502, "502")),
        both("endless_error", "answers 500, and the body of the error never arrives", Fails(500, "500")),
    ),
    "An invalid body": (
        Fault("cut_body", "closes in the middle of the body", Fails(502, BROKE)),
        Fault("reset_body", "resets the connection in the middle of the body", Fails(502, BROKE)),
        Fault("stalled_body", "falls silent in the middle of the body", Fails(504, "within 28 seconds", after=WHOLE)),
        Fault("drip_body", "sends spaces endlessly", Fails(504, "within 28 seconds", after=WHOLE)),
        Fault("failed", "ends the answer with the reason `error`", Fails(502, BROKE, usage=ALL), only=OPENAI, otherwise={"openai_responses": Fails(502, "")}),
        both("empty", "answers 200 with nothing", Fails(502, BROKE)),
        both("no_json", "answers 200 with half a line of JSON", Fails(502, BROKE)),
        both("page", "answers 200 with a page of HTML", Fails(502, BROKE)),
        both("no_answer", "answers 200 with JSON that is not an answer", Fails(502, BROKE)),
        both("error_body", "answers 200 with an error in the body", Fails(502, ""), otherwise=ERRORS),
    ),
    "A stream, before its first text": (
        Fault("stream_cut", "sends the headers and closes", None, Fails(502, BROKE)),
        Fault("stream_silent", "sends the headers and nothing more", None, Fails(504, "begin its answer within 20 seconds", after=FIRST_BYTE)),
        Fault("pings", "only sends comments, endlessly", None, Fails(504, "within its half of the request's deadline", after="half of `deadline_s`"), at_last=Breaks("no answer began before the request's deadline", "", after="`deadline_s`", status=504), only=OPENAI[:1], doors=OPENAI[:1]),
        Fault("dies_begun", "sends a first event without text, and closes", None, Breaks(BROKE, ""), only=OPENAI[:1], doors=OPENAI[:1]),
        Fault("garbage_first", "begins with an event that is not JSON", None, Fails(502, BROKE)),
        Fault("error_first", "begins with an error", None, Fails(502, ""), otherwise=ERRORS),
        Fault("failed_first", "begins with the reason `error`", None, Fails(502, ""), only=OPENAI),
    ),
    "A stream, after its first text": (
        Fault("dies", "closes the connection", None, Breaks(BROKE)),
        Fault("resets_stream", "resets the connection", None, Breaks(BROKE)),
        Fault("ends", "ends the body, without a finish", None, Breaks(BROKE, text="Hello")),
        Fault("dies_in_call", "closes within a tool call", None, Breaks(BROKE, ""), only=TERMINATED, doors=TERMINATED),
        Fault("stalls", "falls silent", None, Breaks("continue its answer within 12 seconds", after=IDLE, status=504)),
        Fault("endless", "sends text endlessly", None, Lasts(), doors=OPENAI[:1], only=OPENAI[:1]),
        Fault("garbage_later", "sends an event that is not JSON", None, Breaks(BROKE)),
        Fault("error_later", "sends an error", None, Breaks("")),
        Fault("failed_later", "ends the answer with the reason `error`", None, Breaks(""), only=OPENAI),
    ),
    "A stream, after its finish": (
        Fault("dies_finished", "closes before the terminator", None, Serves(usage=None), otherwise={"gemini": Serves(), **marked()}),
        Fault("stalls_finished", "falls silent before the terminator", None, Serves(usage=None, after=IDLE), otherwise={"gemini": Serves(after=IDLE), **marked(IDLE)}),
        Fault("open_after_end", "does not end the body after the terminator", None, Serves(), only=TERMINATED),
        Fault("garbage_after_end", "sends more after the terminator", None, Serves(), only=TERMINATED),
        Fault("dies_after_end", "closes without ending the body, after the terminator", None, Serves(), only=TERMINATED),
    ),
}  # fmt: skip

FAULTS: Mapping[str, Fault] = {fault.key: fault for stage in STAGES.values() for fault in stage}

SLOW_TO_CONNECT = FAULTS["tls_silent"]

PLACES = ("first", "second", "last", "every")
"""Where the fault is in a chain of three candidates. Those before it answer 503, those after it answer."""

PAIRS = (
    ("openai_chat", "openai_chat"),
    ("openai_chat", "anthropic"),
    ("anthropic", "anthropic"),
    ("anthropic", "openai_chat"),
    ("openai_responses", "openai_responses"),
    ("openai_responses", "openai_chat"),
    ("gemini", "gemini"),
    ("gemini", "openai_chat"),
)
"""The client's dialect, and that of the providers: the same, where bytes are passed on, or another."""


@dataclass(frozen=True, eq=False)
class Cell:
    """One request through a chain of candidates."""

    chain: tuple[Fault, ...]
    streamed: bool
    door: str = "openai_chat"
    speech: str = "openai_chat"
    place: str = ""
    """Where the fault is, in a chain that has one."""
    resumed: bool = False
    """Whether broken streams are continued: `routing.resume`."""

    def __repr__(self) -> str:
        keys = ", ".join(fault.key for fault in self.chain)
        return f"{self.door} via {self.speech}, {'streamed' if self.streamed else 'plain'}: {keys}"


class Expected(NamedTuple):
    """What has to follow."""

    status: int
    text: str
    ended: Literal["finish", "error", "left"]
    """How the client sees the answer end."""
    provider: int
    """The number of the candidate that the client's answer or error comes from, from 1."""
    attempts: int
    record: str
    """`ended` in the record."""
    failed: tuple[tuple[int, int, str], ...]
    """Failed attempts in the record: number of the candidate, status, part of the error."""
    says: str
    """Part of the record's own error."""
    retry_after: str | None
    usage: Usage | None
    """Tokens in the record."""
    continued: int = 0
    """How often the stream was continued; the last part is that of the candidate so many places on."""

    @property
    def billed(self) -> Literal["nothing", "reported", "estimated"]:
        """What is billed: an answer that has begun always, by the reported usage if that has any output."""
        if self.record == "failed":
            return "nothing"
        if self.continued:
            return "estimated"  # the parts before, at least
        return "reported" if self.usage is not None and "output" in self.usage else "estimated"


TELLING: Sequence[Blame] = ("request", "rate", "provider", "account")
"""Whose failure the client gets, the most useful first; what the request itself caused is the end."""


def expect(cell: Cell) -> Expected:
    """The rules: a failure before the first byte moves on, unless the request is at fault; after it, nothing
    moves on, unless streams are continued and there is text to continue. If all fail, the client gets the
    most useful failure, of several such the first.
    """
    failures: list[tuple[int, Fails]] = []
    parts: list[tuple[int, Breaks]] = []
    for number, fault in enumerate(cell.chain, 1):
        ending = fault.ending(cell.streamed, cell.speech)
        assert ending is not None
        if number == len(cell.chain) and fault.at_last is not None:
            ending = fault.at_last
        failed = tuple((at, one.status, one.says) for at, one in (*failures, *parts))
        first = parts[0][0] if parts else number
        if isinstance(ending, Serves):
            record, usage = "complete" if ending.usage else "complete_without_usage", ending.usage
            return Expected(200, "Hello", "finish", first, first, record, failed, "", None, usage, len(parts))
        if isinstance(ending, Breaks):
            if cell.resumed and ending.text and number < len(cell.chain):
                parts.append((number, ending))
                continue
            text = "".join(part.text for _, part in parts) + ending.text
            usage, says = ending.usage or BEGUN.get(cell.speech), ending.says
            return Expected(
                200, text, "error", first, first, "provider_broke", failed, says, None, usage, len(parts)
            )
        if isinstance(ending, Lasts):
            return Expected(200, "", "left", number, number, "client_left", failed, "", None, None)
        failures.append((number, ending))
        if ending.blame == "request":
            break
    best = min(failures, key=lambda one: usefulness(one[1]))
    return Expected(
        status=best[1].status,
        text="",
        ended="error",
        provider=best[0],
        attempts=len(failures),
        record="failed",
        failed=tuple((at, one.status, one.says) for at, one in failures),
        says=best[1].says,
        retry_after=best[1].retry_after,
        usage=best[1].usage,
    )


def usefulness(failure: Fails) -> tuple[int, float]:
    """The most useful has the least: of rate limits the one that is lifted first."""
    wait = failure.retry_after if failure.blame == "rate" else None
    return TELLING.index(failure.blame), math.inf if wait is None else float(wait)


def chain_of(fault: Fault, place: str) -> tuple[Fault, ...]:
    """The three candidates."""
    chains = {
        "first": (fault, WELL, WELL),
        "second": (DOWN, fault, WELL),
        "last": (DOWN, DOWN, fault),
        "every": (fault, fault, fault),
    }
    return chains[place]


def cells(door: str, speech: str) -> list[Cell]:
    """The cells of a pair of dialects. Only the first pair needs every place: which candidate is next does
    not depend on the dialect.
    """
    places = PLACES if (door, speech) == PAIRS[0] else ("first", "every")
    faults = [fault for fault in FAULTS.values() if fault is not SLOW_TO_CONNECT]
    return [cell for fault in faults for cell in cells_of(fault, places, door, speech)]


def connecting_cells() -> list[Cell]:
    """The cells that need a short `connect_s`."""
    return cells_of(SLOW_TO_CONNECT, PLACES, *PAIRS[0])


def resumed_cells() -> list[Cell]:
    """The cells of streams that break, where they are continued."""
    return [
        Cell(chain_of(fault, place), True, place=place, resumed=True)
        for fault in STAGES["A stream, after its first text"]
        if isinstance(fault.streamed, Breaks)
        for place in ("first", "second", "every")
    ]


def cells_of(fault: Fault, places: Sequence[str], door: str, speech: str) -> list[Cell]:
    """The cells of a fault."""
    if fault.doors and door not in fault.doors:
        return []
    return [
        Cell(chain_of(fault, place), streamed, door, speech, place)
        for streamed in (False, True)
        if fault.ending(streamed, speech) is not None
        for place in places
    ]


MIXED: Sequence[tuple[str, ...]] = (
    ("refused", "500", "silent"),
    ("silent", "429_wait", "401"),
    ("401", "404", "402"),
    ("401", "dns", "429"),
    ("429", "429_wait", "503_wait"),
    ("429", "400", "well"),
    ("error_body", "closes", "well"),
    ("quota", "tls_untrusted", "no_http"),
)
"""Chains of three different failures."""


def mixed_cells() -> list[Cell]:
    """Each of them, plain and streamed."""
    named = {**FAULTS, "well": WELL}
    return [Cell(tuple(named[key] for key in keys), streamed) for keys in MIXED for streamed in (False, True)]
