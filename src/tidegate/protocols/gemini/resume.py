"""What a client has received of a stream of this format that broke, and the writer that goes on in it."""

from collections.abc import Callable

from msgspec import Raw
from msgspec.json import Decoder

from tidegate.protocols.continuation import CannotContinue, Delivered, delivered_text
from tidegate.protocols.contract import Writer
from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.events import Failed, Started, TextDelta

from .reader import GeminiReader
from .writer import StreamWriter

__all__ = ["read_delivered"]

_ELEMENTS = Decoder(list[Raw])


def read_delivered(delivered: bytes, *, is_array: bool, writer: Callable[[str], StreamWriter]) -> Delivered:
    """Read the events, or the elements of the array. Raises CannotContinue.

    Every chunk of this format names its model, so the client sees where another one goes on. Its clients do
    not expect comments: Google's SDKs read every line that is not empty as data.
    """
    reader = GeminiReader(stream=True)
    events = reader.feed(_as_events(delivered) if is_array else delivered)
    # A finish reason waits for the end in the reader; without one, the end is a failure, as it was.
    text = delivered_text([*events, *(end for end in reader.close() if type(end) is not Failed)])
    started = next((event for event in events if type(event) is Started), None)

    def resume(model: str) -> Writer:
        resumed = writer(model)
        if started is not None:
            resumed.resume(Started(started.id, model, started.created), TextDelta(text))
        return resumed

    return Delivered(text, resume, started=started is not None, comments=False)


def _as_events(delivered: bytes) -> bytes:
    """Return the elements of an array that has not ended, as events."""
    try:
        elements = _ELEMENTS.decode(delivered + b"]")
    except MALFORMED:
        raise CannotContinue("what was delivered cannot be read") from None
    return b"".join([b"data: " + element + b"\r\n\r\n" for element in elements])
