"""Tables: on a terminal they fit the width if possible, elsewhere they are as wide as necessary.

Cells are never truncated: a number without its last digits is a different number.
"""

import sys
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Row", "print_table"]

LEAST_FOLDED = 20
"""The minimum width of the folded column, however narrow the terminal is."""


class Row(NamedTuple):
    """The cells of a line, and its style."""

    cells: Sequence[str]
    style: str | None = None


def print_table(headings: Sequence[str], rows: Sequence[Row], *, fold: str, gap: int = 2) -> None:
    """Print rows below their headings. Only the column `fold` wraps."""
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
    widths = [
        max(map(cell_len, column)) for column in zip(headings, *(row.cells for row in rows), strict=True)
    ]
    for heading, width in zip(headings, widths, strict=True):
        table.add_column(heading, overflow="fold", min_width=None if heading == fold else width)
    for row in rows:
        table.add_row(*map(Text, row.cells), style=row.style)
    whole = sum(widths) + gap * len(widths)
    least = whole - widths[list(headings).index(fold)] + LEAST_FOLDED
    width = max(Console().width, least) if sys.stdout.isatty() else max(whole, 1)
    Console(width=width).print(table, soft_wrap=False, crop=False)
