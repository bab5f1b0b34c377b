"""Processes that tests end, and those that these have begun."""

import contextlib
import os
import signal
from collections.abc import Iterable
from pathlib import Path

__all__ = ["begun_by", "signal_each"]


def begun_by(pid: int) -> list[int]:
    """The processes that a process has begun and not yet waited for."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def signal_each(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to processes, of which some may have ended by now, with their parent for instance."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
