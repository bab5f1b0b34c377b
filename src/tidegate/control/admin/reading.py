"""What a request for the admin API says: its body, and the parameters of its query."""

from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import Query, Request
from msgspec import Meta

from tidegate.accounts.settings import KeySettings, TeamSettings
from tidegate.money import MOST_NANO, NANO, parse_usd
from tidegate.protocols.decode import decode
from tidegate.protocols.errors import BodyTooLarge, InvalidRequest
from tidegate.store.history import Position

__all__ = [
    "After", "Limit", "Name", "Note", "Time", "Usd", "check_name", "check_settings", "parse_amount",
    "parse_position", "parse_time", "read", "render_position", "wants_csv",
]  # fmt: skip

T = TypeVar("T")

MOST_BYTES = 1024 * 1024
LONGEST_NAME = 255

Name = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
Note = Annotated[str, Meta(max_length=1000)]
Time = Annotated[int, Meta(ge=0, le=2**53, description="In milliseconds since 1970, UTC.")]
Usd = Annotated[
    msgspec.Raw,
    Meta(
        description="In USD, as a number or a string, with at most nine decimals.",
        extra_json_schema={"anyOf": [{"type": "number"}, {"type": "string"}]},
    ),
]

Limit = Annotated[int, Query(ge=1, le=1000, description="The most rows of a page.")]
After = Annotated[str, Query(max_length=600, description="`next` of the page before.")]


async def read(request: Request, kind: type[T]) -> T:
    """The body of a request. Raises InvalidRequest naming the field, and BodyTooLarge."""
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > MOST_BYTES:
            raise BodyTooLarge("the body is larger than 1 MB")
    return decode(msgspec.json.Decoder(kind), bytes(data))


def check_name(name: str, param: str) -> str:
    """A name that may be stored. Raises InvalidRequest."""
    if not name.strip() or name != name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        message = f"{param} has 1 to {LONGEST_NAME} printable characters, and no blank at either end"
        raise InvalidRequest(message, param=param)
    return name


def check_settings(settings: Any) -> None:
    """Check what the types do not say. Raises InvalidRequest."""
    if isinstance(settings, KeySettings):
        for place, network in enumerate(settings.addresses):
            try:
                ip_network(network)
            except ValueError as error:
                raise InvalidRequest(str(error), param=f"settings.addresses[{place}]") from None
    if isinstance(settings, TeamSettings):
        try:
            share = float(settings.margin)
        except ValueError:
            share = float("nan")
        if not -1 <= share <= 100:
            raise InvalidRequest("a margin is a share between -1 and 100", param="settings.margin")


def parse_amount(given: msgspec.Raw) -> int:
    """An amount in nano. Raises InvalidRequest."""
    text = bytes(given).decode()
    try:
        return parse_usd(msgspec.json.decode(given, type=str) if text.startswith('"') else text)
    except (ValueError, msgspec.DecodeError) as error:
        message = str(error) if len(text) < 40 else f"an amount is between 1e-9 and {MOST_NANO / NANO} USD"
        raise InvalidRequest(message, param="amount_usd") from None


def parse_time(text: str | None, param: str) -> int | None:
    """A time as milliseconds since 1970: these themselves, a date or a time of ISO 8601 (UTC unless it says
    otherwise). Raises InvalidRequest.
    """
    if text is None:
        return None
    if text.isascii() and text.isdigit() and 10 <= len(text) <= 15:
        return int(text)
    try:
        moment = datetime.fromisoformat(text.strip())
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        message = f"{param} is a date (2026-11-29), a time (2026-11-29T12:00:00Z) or milliseconds since 1970"
        raise InvalidRequest(message, param=param) from None


def parse_position(text: str) -> Position | None:
    """Where a page begins; None at the beginning. Raises InvalidRequest."""
    if not text:
        return None
    at, dot, name = text.partition(".")
    if not (dot and name and at.isascii() and at.isdigit() and len(at) <= 15):
        raise InvalidRequest("after is not the `next` of a page", param="after")
    return Position(int(at), name)


def render_position(at: int, name: str) -> str:
    """Where the next page begins."""
    return f"{at}.{name}"


def wants_csv(accept: str | None) -> bool:
    """Whether a client prefers CSV to JSON."""
    return accept is not None and accept.partition(",")[0].partition(";")[0].strip().lower() == "text/csv"
