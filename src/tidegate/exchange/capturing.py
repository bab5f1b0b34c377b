"""The bodies of an exchange, if they are kept: from the request to those who write them."""

from functools import partial
from typing import Any

from tidegate.observe import Recorder
from tidegate.observe.interaction import NO_WORDS, Conversation
from tidegate.observe.record import Record
from tidegate.protocols.contract import Call, Target
from tidegate.protocols.profile import Profile
from tidegate.protocols.turn import Text

from .delivered import text_of
from .identity import key_of
from .state import Exchange

__all__ = ["start_capture", "submit_capture"]


def start_capture(this: Exchange, body: bytes) -> None:
    """Begin to keep the bodies of a request, if they are kept."""
    recorder = this.gateway.recorder
    assert recorder is not None, "the caller looks first"
    if not recorder.keeps(this.caller.bodies):
        return
    this.capture = recorder.capture(this.caller.bodies, key_of(this.request))
    if this.capture is not None:
        this.capture.request.add(body)


def submit_capture(this: Exchange, record: Record, recorder: Recorder) -> None:
    """Hand over what is kept of a request that has ended."""
    if not hasattr(this, "operation"):
        return
    attempts = [segment.attempt for segment in this.segments]
    if this.attempt is not None and this.attempt not in attempts:
        attempts.append(this.attempt)
    numbers = [this.attempts.index(one) for one in attempts]
    talk = NO_WORDS if this.capture is None else conversation_of(this)
    recorder.submit(record, this.capture, numbers, talk, stored=this.ticket is not None)
    this.capture = None


def conversation_of(this: Exchange) -> Conversation:
    """How the words of a request and its answer are read, later and in another thread."""
    protocol = this.door.protocol
    return Conversation(
        partial(_asked, protocol), partial(_answered, protocol, this.stream is True, this.model or "")
    )


def _asked(protocol: Any, body: bytes) -> str | None:
    """The user's last words in a request; None if it cannot be read."""
    try:
        messages = protocol.parse_request(body).turn().messages
        user = next(one for one in reversed(messages) if one.role == "user")
        return "\n".join(part.text for part in user.parts if isinstance(part, Text))
    except Exception:  # noqa: BLE001 words are shown, and decide nothing
        return None


def _answered(protocol: Any, stream: bool, model: str, body: bytes) -> str | None:
    """The text of an answer; None if it cannot be read."""
    try:
        reader = protocol.reader(Call("", b"", stream), Target(model, protocol.dialect(), Profile()))
        return "".join(map(text_of, [*reader.feed(body), *reader.close()]))
    except Exception:  # noqa: BLE001 as above
        return None
