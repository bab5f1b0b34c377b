"""What is sent to a candidate, and how its answer is translated."""

from typing import Any

from tidegate.protocols.contract import Call, Conduit
from tidegate.protocols.depth import too_deep
from tidegate.protocols.errors import BytesWanted, Unsupported
from tidegate.protocols.noise import without_noise
from tidegate.providers import Candidate

from .operation import Operation
from .state import Exchange

__all__ = ["refuse_dropped", "render_for", "requires_parameters"]


def render_for(this: Exchange, candidate: Candidate) -> tuple[Call, Conduit]:
    """The call to a candidate, and the way back.

    Raises Unsupported; as BytesWanted where the request's links have to be fetched first (see `linked`).
    """
    try:
        call, conduit = render(this.operation, this.parsed, candidate)
    except BytesWanted:
        if this.fetched is None:
            raise
        call, conduit = render(this.operation, this.fetched, candidate)
    if call.dropped and requires_parameters(this):
        refuse_dropped(call, candidate)
    return call, conduit


def render(operation: Operation[Any], parsed: Any, candidate: Candidate) -> tuple[Call, Conduit]:
    """The operation's plan; a refusal names the candidate."""
    try:
        return operation.plan(parsed, candidate)
    except Unsupported as error:
        error.name_provider(candidate.service.name)
        raise
    except RecursionError as error:
        raise too_deep() from error


def requires_parameters(this: Exchange) -> bool:
    """Whether a candidate that would drop one of the request's parameters is passed over."""
    if this.gateway.config.routing.unsupported == "strict":
        return True
    return this.resolution.preferences.require_parameters


def refuse_dropped(call: Call, candidate: Candidate) -> None:
    """Raise Unsupported if a parameter that would change the answer is dropped."""
    if missing := without_noise(call.dropped):
        named = ", ".join(missing)
        raise Unsupported(f"{candidate.service.name} does not support {named}", param=missing[0])
