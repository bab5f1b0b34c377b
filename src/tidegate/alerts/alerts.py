"""The alerts of a gateway: notices in, messages out.

Every worker hears the notices of all, and one sends the messages: the one that leads. The others
keep what is due until they hear that it was sent, so that one of them can take over.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from time import monotonic

import msgspec

from tidegate.bus import ALONE, Bus
from tidegate.routing import Transition

from .digest import Digest, Message
from .notice import Notice, notice_of
from .sender import Sender, is_installed

__all__ = ["Alerts"]

log = logging.getLogger("tidegate")

LAST_S = 10.0
"""How long shutdown waits for a message that is being sent, in seconds."""
CLAIM = "alerts"
"""What the one that sends messages leads."""
TAKE_OVER_S = 1.0
"""How often a worker that has something to send asks whether it leads, in seconds."""
SLACK_S = 2.0
"""How much later than the sender other workers may consider a message due, in seconds."""
LOW_BALANCE = "low_balance"
NOTICES, SENT = "alerts.notices", "alerts.sent"

_DECODE = msgspec.msgpack.Decoder(Notice).decode
_ENCODE = msgspec.msgpack.Encoder().encode


class Alerts:
    """Accepts notices on the event loop, and sends messages from a thread, one after another.

    Without URLs it does nothing.
    """

    def __init__(self, make_sender: Callable[[Sequence[str]], Sender] = Sender, bus: Bus = ALONE) -> None:
        self._make_sender = make_sender
        self._bus = bus
        bus.subscribe(NOTICES, self._hear)
        bus.subscribe(SENT, self._note_sent)
        self._sender: Sender | None = None
        self._urls: tuple[str, ...] = ()
        self._digest = Digest(0.0)
        self._timer: asyncio.TimerHandle | None = None
        self._sending: asyncio.Task[None] | None = None
        self._closed = False
        self._outages: set[str] = set()
        """What is known not to work."""

    def configure(self, urls: Sequence[str], repeat_s: float) -> None:
        """Send to these services from now on. Open problems are remembered."""
        self._digest.repeat_s = repeat_s
        if tuple(urls) == self._urls:
            return
        self._urls = tuple(urls)
        self._sender = self._make_sender(urls) if urls else None
        if urls and not is_installed():
            log.warning("alerts: nothing is sent, because Apprise is missing: install tidegate[alerts]")
            self._sender = None

    def on_transition(self, transition: Transition) -> None:
        """Accept a transition of the router."""
        if self._sender is not None:
            notice = notice_of(transition)
            if notice is not None:
                self.report(notice)

    def on_internal_error(self, request_id: str) -> None:
        """Accept a failure of the gateway itself."""
        text = f"the gateway failed to serve {request_id}; its log says why"
        self.report(Notice("internal_error", "tidegate", text))

    def on_low_balance(self, user: str, text: str, *, ended: bool) -> None:
        """Accept that a user's wallet has little left, or (`ended`) that it has more again."""
        kinds = (LOW_BALANCE,) if ended else ()
        self.report(Notice("balance_restored" if ended else LOW_BALANCE, user, text, kinds))

    def on_outage(self, kind: str, name: str, problem: str | None) -> None:
        """Accept that something the gateway works with has a problem, in words behind its name, or (None)
        that it works. Only what changes is reported.
        """
        if (problem is not None) == (kind in self._outages):
            return
        self._outages ^= {kind}
        if problem is None:
            self.report(Notice(f"{kind}_back", kind, f"{name} works again", ends=(f"{kind}_away",)))
        else:
            self.report(Notice(f"{kind}_away", kind, f"{name} {problem}"))

    def on_change(self, measure: str, subject: str, text: str, *, ended: bool) -> None:
        """Accept that a model has moved away from its own past, or (`ended`) is as it was again."""
        kind = f"changed_{measure}"
        self.report(Notice(f"settled_{measure}" if ended else kind, subject, text, (kind,) if ended else ()))

    def on_retirement(self, subject: str, day: str, left_days: int) -> None:
        """Accept that a model in use retires on a day (`YYYY-MM-DD`), or has retired."""
        when = f"retires on {day}" if left_days > 0 else f"was to retire on {day}"
        self.report(Notice("retirement", f"{subject} {left_days}", f"{subject} {when}, and is in use"))

    def report(self, notice: Notice) -> None:
        """Accept a notice, and share it with the other workers."""
        if self._sender is not None:
            self._add(notice)
            self._bus.publish(NOTICES, _ENCODE(notice))

    async def close(self) -> None:
        """Send pending messages, for a limited time, and stop."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._sending is None and self._bus.lead(CLAIM):
            last = self._digest.flush(monotonic())
            if last is not None:
                self._start(last)
        if self._sending is not None:
            await asyncio.wait([self._sending], timeout=LAST_S)

    def _hear(self, data: bytes) -> None:
        notice = _DECODE(data)
        if self._sender is not None:
            self._add(notice)

    def _note_sent(self, _: bytes) -> None:
        """Another worker has sent what is due."""
        self._digest.take(monotonic() + SLACK_S)
        self._arm()

    def _add(self, notice: Notice) -> None:
        self._digest.add(notice, monotonic())
        self._arm()

    def _arm(self, least_s: float = 0.0) -> None:
        """Schedule the next time when there may be something to send."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        at = self._digest.next_at()
        if at is not None and self._sending is None and not self._closed:
            delay = max(least_s, at - monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay, self._wake)

    def _wake(self) -> None:
        self._timer = None
        if not self._bus.lead(CLAIM):
            self._arm(TAKE_OVER_S)
            return
        message = self._digest.take(monotonic())
        if message is not None:
            self._start(message)
        else:
            self._arm()

    def _start(self, message: Message) -> None:
        self._bus.publish(SENT, b"")
        self._sending = asyncio.get_running_loop().create_task(self._send(message))

    async def _send(self, message: Message) -> None:
        sender = self._sender
        try:
            if sender is not None:
                await asyncio.to_thread(sender.send, message)
        except Exception:
            log.exception("alerts: a message could not be sent")
        finally:
            self._sending = None
            self._arm()
