"""Rules for what operators write, and what follows from rows of the store: the admin API and the command line
both go by them. They raise ValueError, with a message for people that names no parameter.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from ipaddress import ip_network
from typing import Any, Literal

from tidegate.money import decimal_of

__all__ = [
    "LONGEST_NAME",
    "Ambiguous",
    "State",
    "check_margin",
    "check_name",
    "check_network",
    "check_rotation",
    "only_key",
    "state_of",
]

LONGEST_NAME = 255
"""Characters of a name or an id."""
LONGEST_MARGIN = 20
"""Characters of a margin."""

State = Literal["active", "rotated", "revoked", "expired"]
"""Of a key: whether it works, and `rotated` while it still does beside the key in its place."""


class Ambiguous(ValueError):
    """Several have the name that was given."""


def check_name(name: str) -> str:
    """A name that may be stored."""
    if not name.strip() or name != name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise ValueError(f"a name has 1 to {LONGEST_NAME} printable characters, and no blank at either end")
    return name


def check_network(text: str) -> str:
    """A network, or an address."""
    try:
        ip_network(text)
    except ValueError as error:
        message = f"{error}; a network is written as 10.0.0.0/8, an address as 10.1.2.3"
        raise ValueError(message) from None
    return text


def check_margin(text: str) -> str:
    """A share that is added to costs, in decimal notation."""
    try:
        share = decimal_of(text[: LONGEST_MARGIN + 1])
    except ValueError:
        share = Decimal("NaN")
    if len(text) > LONGEST_MARGIN or share.is_nan() or not -1 <= share <= 100:
        raise ValueError(
            f"a margin is a share between -1 and 100, such as 0.2, of at most {LONGEST_MARGIN} characters"
        )
    return f"{share:f}"


def state_of(row: Mapping[str, Any], now: int) -> State:
    """The state of a key at a time in milliseconds since 1970, by its row."""
    if row["revoked_at"] is not None and row["revoked_at"] <= now:
        return "revoked"
    if row["expires_at"] is not None and row["expires_at"] <= now:
        return "expired"
    return "rotated" if row["revoked_at"] is not None else "active"


def check_rotation(row: Mapping[str, Any], now: int, remedy: str | None) -> None:
    """Refuse to rotate a key that has been replaced or revoked already, or has expired: the new one would
    have expired, too. `remedy` says how to give it an expiry of its own; None where it has one.
    """
    if row["revoked_at"] is not None:
        state = state_of(row, now)
        raise ValueError(
            f"{row['id']} is {state}: only a key that is neither rotated nor revoked can be rotated"
        )
    if state_of(row, now) == "expired" and remedy is not None:
        moment = datetime.fromtimestamp(row["expires_at"] / 1000, UTC)
        raise ValueError(
            f"{row['id']} expired at {moment:%Y-%m-%d %H:%M:%S} UTC, and so would the new key: {remedy}"
        )


def only_key(found: Sequence[dict[str, Any]], wanted: str) -> dict[str, Any]:
    """The only key that was found for an id or a name. Raises LookupError if there is none, and Ambiguous."""
    if not found:
        raise LookupError(f"there is no key with the id or name {wanted}")
    if len(found) > 1:
        ids = ", ".join(row["id"] for row in found)
        raise Ambiguous(f"several keys are named {wanted}: use an id, {ids}")
    return found[0]
