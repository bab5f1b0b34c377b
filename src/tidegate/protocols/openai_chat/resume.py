"""What a client has received of a stream of this format that broke, and the writer that goes on in it."""

from collections.abc import Callable

from tidegate.protocols.continuation import CannotContinue, Delivered, delivered_text
from tidegate.protocols.contract import Call, ParsedRequest, Target, Writer
from tidegate.protocols.events import Failed, Started

from .dialect import PLAIN
from .reader import StreamReader
from .writer import StreamWriter

__all__ = ["read_delivered"]

CALL = Call("", b"", stream=True)
TARGET = Target("", PLAIN)


def read_delivered(
    request: ParsedRequest, delivered: bytes, writer: Callable[[ParsedRequest, str], Writer]
) -> Delivered:
    """Read the chunks. Raises CannotContinue."""
    reader = StreamReader(CALL, TARGET)
    events = reader.feed(delivered)
    # A finish reason waits for the end in the reader; without one, the end is a failure, as it was.
    text = delivered_text([*events, *(end for end in reader.close() if type(end) is not Failed)])
    if reader.has_calls:
        raise CannotContinue("it contains a tool call")
    started = next((event for event in events if type(event) is Started), None)

    def resume(model: str) -> Writer:
        resumed = writer(request, model)
        if started is not None:
            assert isinstance(resumed, StreamWriter)
            resumed.resume(started, reader.choices)
        return resumed

    return Delivered(text, resume, started=started is not None)
