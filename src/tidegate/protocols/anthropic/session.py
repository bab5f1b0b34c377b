"""The session that Claude Code names in `metadata.user_id`."""

import re

import msgspec
from msgspec import Struct

__all__ = ["session_of_user"]

_SESSION = re.compile(r"_session_([A-Za-z0-9-]{1,64})\Z")
"""How the older form ends: `user_…_account_…_session_…`."""


class _User(Struct):
    """The newer form: JSON with the ids of the device, the account and the session."""

    session_id: str | None = None


_decode = msgspec.json.Decoder(_User).decode


def session_of_user(user_id: str | None) -> str | None:
    """The id of the session; None for any other user id."""
    if not user_id:
        return None
    if user_id.startswith("{"):
        try:
            return _decode(user_id).session_id or None
        except msgspec.MsgspecError:
            return None
    found = _SESSION.search(user_id)
    return found[1] if found is not None else None
