"""What is kept of a request that was refused before it was accounted for."""

from tidegate.accounts.api_keys import beginning_of

from .identity import key_of
from .state import Exchange

__all__ = ["note_refusal"]

SHOWN = frozenset(["account", "rate"])
"""Faults whose messages name the limit, permission or address, and quote nothing of the request's body."""


def note_refusal(this: Exchange) -> None:
    """Count a refusal, where there is a store."""
    refusals, error = this.gateway.refusals, this.error
    if refusals is None or error is None:
        return
    caller = this.caller
    known = caller.key is not None or caller.user is not None
    refusals.add(
        door=this.door.name,
        status=this.request.status or error.status,
        code=error.code or error.type,
        user=caller.user,
        key=caller.key,
        presented="" if known else beginning_of(key_of(this.request)),
        request=this.request.id,
        model=this.model,
        address=this.gateway.keyring.address_of(this.request),
        message=error.message if error.fault in SHOWN else error.summary,
    )
