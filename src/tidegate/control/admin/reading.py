"""What a request for the admin API says: its body, and the parameters of its query."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import Query, Request
from msgspec import Meta

from tidegate.accounts import checks
from tidegate.accounts.checks import LONGEST_NAME
from tidegate.accounts.settings import KeySettings, TeamSettings
from tidegate.money import MOST_NANO, NANO, parse_usd
from tidegate.protocols.decode import decode
from tidegate.protocols.errors import BodyTooLarge, InvalidRequest

__all__ = [
    "After",
    "Limit",
    "Name",
    "Note",
    "Time",
    "Usd",
    "blaming",
    "check_name",
    "check_settings",
    "parse_amount",
    "read",
]  # fmt: skip

T = TypeVar("T")

MOST_BYTES = 1024 * 1024

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


@contextmanager
def blaming(param: str) -> Iterator[None]:
    """Report a ValueError as a mistake in a parameter. Raises InvalidRequest."""
    try:
        yield
    except ValueError as error:
        raise InvalidRequest(f"{param}: {error}", param=param) from None


def check_name(name: str, param: str) -> str:
    """A name that may be stored. Raises InvalidRequest."""
    with blaming(param):
        return checks.check_name(name)


def check_settings(settings: Any) -> None:
    """Check what the types do not say. Raises InvalidRequest."""
    if isinstance(settings, KeySettings):
        for place, network in enumerate(settings.addresses):
            with blaming(f"settings.addresses[{place}]"):
                checks.check_network(network)
    if isinstance(settings, TeamSettings):
        with blaming("settings.margin"):
            checks.check_margin(settings.margin)


def parse_amount(given: msgspec.Raw) -> int:
    """An amount in nano. Raises InvalidRequest."""
    text = bytes(given).decode()
    try:
        return parse_usd(msgspec.json.decode(given, type=str) if text.startswith('"') else text)
    except (ValueError, msgspec.DecodeError) as error:
        message = str(error) if len(text) < 40 else f"an amount is between 1e-9 and {MOST_NANO / NANO} USD"
        raise InvalidRequest(message, param="amount_usd") from None
