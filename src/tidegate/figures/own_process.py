"""Figures of processes: memory, processor time, open files. Read from `/proc`; empty where there is none."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["ProcessFigures", "figures_of"]


class ProcessFigures(NamedTuple):
    """One process."""

    cpu_s: float
    """Processor time since it began, in user and system mode."""
    resident_bytes: int
    open_files: int


def figures_of(pid: int) -> ProcessFigures | None:
    """The figures of a process of this user; None if it has ended, or there is no `/proc`."""
    if sys.platform == "win32":
        return None
    try:
        fields = _fields_of(pid)
        memory = Path(f"/proc/{pid}/statm").read_text().split()
        files = len(os.listdir(f"/proc/{pid}/fd"))
    except (OSError, ValueError, IndexError):
        return None
    ticks = int(fields[11]) + int(fields[12])
    return ProcessFigures(
        ticks / os.sysconf("SC_CLK_TCK"), int(memory[1]) * os.sysconf("SC_PAGE_SIZE"), files
    )


def _fields_of(pid: int) -> Sequence[str]:
    """The fields of `stat` behind the process' name, which may contain blanks: the state is the first."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
