"""Numbers in sentences."""

__all__ = ["counted"]


def counted(number: float, noun: str) -> str:
    """A number and what it counts: `1 second`, `2.5 seconds`, `1,200 tokens`. The plural ends in s."""
    shown = f"{number:,}" if isinstance(number, int) else f"{number:g}"
    return f"{shown} {noun}" if number == 1 else f"{shown} {noun}s"
