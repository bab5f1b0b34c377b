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
    "From",
    "Limit",
    "Name",
    "Note",
    "Text",
    "Time",
    "To",
    "Usd",
    "blaming",
    "check_name",
    "check_settings",
    "parse_amount",
    "read",
    "refuse_nul",
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
Text = Annotated[str | None, Query(max_length=255)]
From = Annotated[str | None, Query(alias="from", description="A date, a time, or milliseconds since 1970.")]
To = Annotated[str | None, Query(description="The end, which is not included.")]


async def read(request: Request, kind: type[T]) -> T:
    """The body of a request. Raises InvalidRequest naming the field, and BodyTooLarge."""
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > MOST_BYTES:
            raise BodyTooLarge("the body is larger than 1 MB")
    body = decode(msgspec.json.Decoder(kind), bytes(data))
    if rb"\u0000" in data and (param := _param_with_nul(msgspec.json.decode(data))):
        raise InvalidRequest(f"{param} has a NUL character", param=param)
    return body


async def refuse_nul(request: Request) -> None:
    """Refuse a path or a query with a NUL character, which no store accepts. Raises InvalidRequest."""
    for name, value in (*request.path_params.items(), *request.query_params.multi_items()):
        if "\x00" in name or "\x00" in value:
            shown = name.replace("\x00", "\\0")
            raise InvalidRequest(f"{shown} has a NUL character", param=shown)


def _param_with_nul(value: Any, path: str = "") -> str:
    """The first string with a NUL character, as `settings.tags[0]`; empty if there is none."""
    match value:
        case str():
            return path if "\x00" in value else ""
        case list():
            found = (_param_with_nul(one, f"{path}[{place}]") for place, one in enumerate(value))
        case dict():
            found = (
                (path or "the body") if "\x00" in name else _param_with_nul(one, f"{path}.{name}".lstrip("."))
                for name, one in value.items()
            )
        case _:
            return ""
    return next(filter(None, found), "")


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
