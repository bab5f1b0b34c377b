"""Condenses many notices into few messages.

- The first notice waits `GROUP_S` for others: an outage of a provider is one message, not one per model.
- A notice of the same kind and subject is sent again after `repeat_s` at the earliest; until then repetitions
  are counted, and the next message contains the count.
- A recovery is sent if the problem was, and once it has lasted for `SETTLED_S`. A provider that fails
  intermittently thus causes one message at the beginning and one at the end.

Times are arguments, in seconds of any clock.
"""

from typing import NamedTuple

from tidegate.wording import counted

from .notice import Notice

__all__ = ["GROUP_S", "SETTLED_S", "Digest", "Message"]

GROUP_S = 5.0
SETTLED_S = 60.0
MAX_LINES = 20
"""Maximum number of lines in a message; the others are counted."""
MAX_LINE = 300
"""Maximum length of a line, in characters."""
MAX_SUBJECTS = 1000
"""Maximum number of remembered problems. Subjects come from the configuration, so there are rarely as
many."""


class Message(NamedTuple):
    """A message to send."""

    title: str
    body: str
    recovery: bool
    """Whether it only reports recoveries."""


class _Trouble:
    """The state of one kind of problem with one subject."""

    __slots__ = ("ended_at", "ending", "repeated", "sent_at")

    def __init__(self) -> None:
        self.sent_at: float | None = None
        """When it was last sent; None: its line is still waiting."""
        self.repeated = 0
        """How often it has happened since."""
        self.ended_at: float | None = None
        self.ending = ""
        """The line to send once the recovery has lasted."""


class Digest:
    """Collects notices and decides what is sent, and when."""

    def __init__(self, repeat_s: float) -> None:
        self.repeat_s = repeat_s
        self._troubles: dict[tuple[str, str], _Trouble] = {}
        self._lines: list[str] = []
        self._new: list[tuple[str, str]] = []
        """The problems whose lines are waiting."""
        self._left_out = 0
        self._send_at: float | None = None

    def add(self, notice: Notice, now: float) -> None:
        """Take a notice."""
        for kind in notice.ends:
            if (ended := self._troubles.get((kind, notice.subject))) is not None:
                ended.ended_at, ended.ending = now, notice.text
        if notice.ends:
            return
        key = (notice.kind, notice.subject)
        trouble = self._troubles.get(key)
        if trouble is None:
            self._make_room(now)
            trouble = self._troubles[key] = _Trouble()
        elif trouble.sent_at is None or now - trouble.sent_at < self.repeat_s:
            trouble.repeated += 1
            trouble.ended_at = None
            return
        self._queue(notice.text + _times(trouble.repeated), now)
        self._new.append(key)
        trouble.sent_at = trouble.ended_at = None
        trouble.repeated = 0

    def next_at(self) -> float | None:
        """When `take` may next return a message; None: not before another notice."""
        ends = [one.ended_at + SETTLED_S for one in self._troubles.values() if one.ended_at is not None]
        return min([*ends, *(() if self._send_at is None else (self._send_at,))], default=None)

    def take(self, now: float) -> Message | None:
        """The message that is due, if there is one."""
        recovery = not self._lines
        for key, trouble in list(self._troubles.items()):
            if trouble.ended_at is not None and now - trouble.ended_at >= SETTLED_S:
                del self._troubles[key]
                if trouble.sent_at is not None:
                    self._queue(trouble.ending, now)
                    self._send_at = now
        if self._send_at is None or now < self._send_at:
            return None
        return self._render(now, recovery)

    def flush(self, now: float) -> Message | None:
        """All waiting lines as a message, at shutdown."""
        return self._render(now, recovery=False) if self._lines else None

    def _render(self, now: float, recovery: bool) -> Message:
        for key in self._new:
            if (trouble := self._troubles.get(key)) is not None:
                trouble.sent_at = now
        lines, more = self._lines, self._left_out
        self._lines, self._new, self._left_out, self._send_at = [], [], 0, None
        title = f"Tidegate: {'recovered' if recovery else 'attention'}"
        body = lines[0] if len(lines) == 1 else "\n".join(f"- {line}" for line in lines)
        return Message(title, body + (f"\n- and {more} more" if more else ""), recovery)

    def _queue(self, line: str, now: float) -> None:
        if self._send_at is None:
            self._send_at = now + GROUP_S
        if len(self._lines) < MAX_LINES:
            self._lines.append(line if len(line) <= MAX_LINE else line[: MAX_LINE - 1] + "…")
        else:
            self._left_out += 1

    def _make_room(self, now: float) -> None:
        """Forget problems that would be sent again anyway; if that is not enough, the oldest."""
        if len(self._troubles) < MAX_SUBJECTS:
            return
        for key, trouble in list(self._troubles.items()):
            if trouble.sent_at is not None and now - trouble.sent_at >= self.repeat_s:
                del self._troubles[key]
        if len(self._troubles) >= MAX_SUBJECTS:
            del self._troubles[next(iter(self._troubles))]


def _times(repeated: int) -> str:
    return f" (and {counted(repeated, 'time')} since the last message)" if repeated else ""
