"""What stands beside an answer never ends it: what nobody can read is left out, and named."""

from typing import Any

import pytest
from msgspec import Raw

from cases import each
from tidegate.protocols.contract import Bridge, Call, Target
from tidegate.protocols.events import (
    AudioDelta,
    CitationAdded,
    Event,
    Finished,
    LogprobsDelta,
    NativeBlock,
    Started,
    TextDelta,
    UsageReported,
)
from tidegate.protocols.usage import Usage
from tidegate.providers import protocol_named

ASKED = {
    "openai_chat": b'{"model":"m","stream":%s,"messages":[{"role":"user","content":"Hi"}]}',
    "anthropic": b'{"model":"m","stream":%s,"max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}',
    "openai_responses": b'{"model":"m","stream":%s,"input":"Hi"}',
    "gemini": b'{"contents":[{"parts":[{"text":"Hi"}]}]}',
}
RAWS = (
    b"null",
    b"1",
    b"[]",
    b"[1]",
    b'[{"token":1}]',
    b"{}",
    b'{"a":"\xff"}',
    b'[{"token":"\xff"}]',
    b"{",
    b"",
)
ODD: list[tuple[str, Event]] = [
    *(("logprobs", LogprobsDelta(Raw(raw))) for raw in RAWS),
    *(("audio", AudioDelta(Raw(raw))) for raw in RAWS),
    *(("native block", NativeBlock(name, Raw(raw))) for raw in RAWS for name in ASKED),
    *(("citation", CitationAdded(native=Raw(raw))) for raw in RAWS),
    *(("citation", CitationAdded(url="u", start=place, end=place)) for place in (-1, 10**30)),
    *(("created", Started("", "", created)) for created in (-1, 10**18, int(1e308))),
    *(("usage", UsageReported(Usage(input=count, output=3))) for count in (-1, 10**400)),
]


class FixedReader:
    """A reader with fixed events."""

    done = False

    def __init__(self, events: list[Event]) -> None:
        self._events = events

    def feed(self, data: bytes) -> list[Event]:
        return self._events

    def close(self) -> list[Event]:
        return []


def bridge(name: str, stream: bool, events: list[Event]) -> Bridge:
    protocol: Any = protocol_named(name)
    if name == "gemini":
        request = protocol.parse_request(ASKED[name], "m", stream=stream)
    else:
        request = protocol.parse_request(ASKED[name] % (b"true" if stream else b"false"))
    return Bridge(FixedReader(events), protocol.writer(request, "m"))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ASKED)
@each("what, odd", ODD)
def test_the_text_arrives_whatever_the_other_fields_are(
    name: str, stream: bool, what: str, odd: Event
) -> None:
    started = odd if isinstance(odd, Started) else Started("a", "m")
    beside = [] if isinstance(odd, Started) else [odd]
    conduit = bridge(name, stream, [started, TextDelta("Hel"), *beside, TextDelta("lo"), Finished("stop")])
    result = conduit.feed(b"") + conduit.close()
    assert conduit.failure is None
    assert result.decode()
    assert b"Hel" in result
    assert b"lo" in result
    assert conduit.tally.left_out in ([], [what])


@pytest.mark.parametrize(("what", "odd"), [one for one in ODD if one[0] in ("created", "usage", "citation")])
def test_what_is_left_out_is_named_once(what: str, odd: Event) -> None:
    if isinstance(odd, CitationAdded) and odd.native is not None and bytes(odd.native) == b"{}":
        pytest.skip("it is a citation")
    conduit = bridge("openai_chat", True, [Started("a", "m"), odd, odd, TextDelta("Hi"), Finished("stop")])
    conduit.feed(b"")
    assert conduit.tally.left_out == [what]


def test_a_number_that_is_no_count_is_not_reported() -> None:
    usage = Usage(input=10**400, output=3, reasoning=-1)
    conduit = bridge("openai_chat", True, [Started("a", "m"), UsageReported(usage), Finished("stop")])
    conduit.feed(b"")
    assert conduit.tally.usage == Usage(output=3)


@pytest.mark.parametrize("name", ["anthropic", "gemini", "bedrock", "cohere", "openai_responses"])
def test_a_reader_that_is_not_prepared_is_the_providers_failure(name: str) -> None:
    class Unprepared(FixedReader):
        def feed(self, data: bytes) -> list[Event]:
            raise KeyError("words of the answer")

    protocol: Any = protocol_named("openai_chat")
    writer = protocol.writer(protocol.parse_request(ASKED["openai_chat"] % b"true"), "m")
    target = Target("m", protocol_named(name).dialect())
    assert protocol_named(name).reader(Call("/", b"", True), target).done is False
    conduit = Bridge(Unprepared([]), writer)
    assert conduit.feed(b"x") == b""
    assert conduit.failure is not None
    assert conduit.failure.status == 502
    assert "words" not in conduit.failure.message
