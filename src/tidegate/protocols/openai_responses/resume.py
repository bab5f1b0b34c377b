"""What a client has received of a response whose stream broke, and the writer that goes on in it.

The writer's last event repeats the whole output, so the finished items are kept as they were delivered, and
the open message is opened again with its id, its parts and its text.
"""

from tidegate.protocols.continuation import CannotContinue, Delivered, delivered_text
from tidegate.protocols.contract import Writer
from tidegate.protocols.events import Event, Finished, Started

from .parse import Parsed
from .progress import Progress
from .reader import StreamReader
from .writer import ResponseWriter

__all__ = ["read_delivered"]


def read_delivered(request: Parsed, delivered: bytes) -> Delivered:
    """Read the events. Raises CannotContinue."""
    if request.compacts:
        raise CannotContinue("the conversation was being compacted")
    events: list[Event] = StreamReader().feed(delivered)
    progress = Progress(delivered)
    text = delivered_text([*events, Finished("stop")] if progress.ended else events)
    message = progress.message
    if progress.open and message is None:
        raise CannotContinue("the model was thinking")
    if message is not None and message.part is not None and message.part.done:
        raise CannotContinue("the message was ending")
    started = next((event for event in events if type(event) is Started), None)

    def resume(model: str) -> Writer:
        writer = ResponseWriter(request, model)
        if started is not None:
            writer.resume(started, progress)
        return writer

    return Delivered(text, resume, started=started is not None)
