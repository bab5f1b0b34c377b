"""Values as people write them on the command line, and as they read them."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = [
    "blaming", "check_note", "encode", "parse_amount", "parse_duration", "parse_moment", "parse_threshold",
    "show_amount", "show_moment", "split_names", "usd",
]  # fmt: skip

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
"""Unit of a duration → seconds."""
DURATION = re.compile(r"(\d{1,9})([smhdw])")


def parse_duration(text: str) -> int:
    """A duration such as `30m`, `1h` or `90d`, in milliseconds."""
    found = DURATION.fullmatch(text.strip().lower())
    if found is None:
        raise typer.BadParameter(f"{text!r} is not a duration, such as 30m, 1h or 90d")
    return int(found[1]) * UNITS[found[2]] * 1000


def parse_moment(text: str, now: int) -> int:
    """A date or time (UTC unless it says otherwise), or a duration from now on, in milliseconds since
    1970.
    """
    if DURATION.fullmatch(text.strip().lower()):
        return now + parse_duration(text)
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        message = f"{text!r} is not a time, such as 90d, 2027-01-31 or 2027-01-31T12:00:00Z"
        raise typer.BadParameter(message) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


@contextmanager
def blaming(option: str | None = None) -> Iterator[None]:
    """Report a ValueError as a mistake in an option, or in the value at hand. Raises typer.BadParameter."""
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def check_note(note: str) -> str:
    """A note that may be stored. Raises typer.BadParameter."""
    if len(note) > 1000:
        raise typer.BadParameter("a note has at most 1000 characters", param_hint="--note")
    return note


def parse_amount(text: str) -> int:
    """An amount in USD, as nano."""
    from tidegate.money import parse_usd

    with blaming():
        return parse_usd(text)


def parse_threshold(text: str) -> int:
    """An amount in USD that may be zero, as nano."""
    return 0 if re.fullmatch(r"0+(\.0*)?", text.strip()) else parse_amount(text)


def split_names(values: Sequence[str] | None) -> tuple[str, ...] | None:
    """The names in options that may be repeated, and may have several, separated by commas; None where the
    option is not given.
    """
    if not values:
        return None
    return tuple(name.strip() for value in values for name in value.split(",") if name.strip())


def show_moment(at: int | None) -> str:
    """A time in milliseconds since 1970 for people, in UTC to the second; empty for None."""
    return "" if at is None else f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M:%S}"


def show_amount(nano: int) -> str:
    """An amount in USD for people."""
    from tidegate.money import show_usd

    return show_usd(nano)


def usd(nano: int) -> "Decimal":
    """An amount in USD for JSON, exact to the last nano."""
    from tidegate import money

    return money.usd(nano)


def encode(value: object) -> str:
    """JSON for scripts."""
    import msgspec

    encoded = msgspec.json.Encoder(decimal_format="number").encode(value)
    return msgspec.json.format(encoded, indent=2).decode()
