"""Which candidates are tried, in which order: the router's decision for one exchange."""

from collections.abc import Mapping
from time import perf_counter
from types import MappingProxyType

from msgspec import structs

from tidegate.protocols.depth import too_deep
from tidegate.protocols.errors import Unsupported
from tidegate.providers.preferences import ANY
from tidegate.routing import (
    LEAST_CACHED,
    BlockedBy,
    Choice,
    Pick,
    Plan,
    RequestFacts,
    SessionKey,
    session_key,
    wants_affinity,
)

from .facts import MEDIA
from .state import Exchange

__all__ = ["is_last", "leave_out", "note_passed_over", "plan_attempts", "without"]

PLAIN, STREAMED = RequestFacts(), RequestFacts(stream=True)
"""The facts of all requests that only one candidate with one credential may serve: nothing has to be
chosen.
"""


BLOCKED: Mapping[BlockedBy, str] = MappingProxyType(
    {
        "breaker": "fails too often",
        "rate": "is rate limited",
        "account": "refuses its key, or has no funds",
        "model": "has no such model",
        "cap": "is close to its rate limit",
    }
)
"""Why a candidate is passed over, for records."""


def plan_attempts(this: Exchange) -> None:
    """Fill in the facts and the plan. Raises Unsupported: the request excludes every candidate."""
    this.explains = this.request.named.get(b"x-tidegate-explain") == b"1"
    this.facts = facts_of(this)
    plan = plan_of(this)
    if not plan.choices and this.facts.needs:
        # Where all candidates are known to lack something, their refusals say best what it is.
        this.facts = structs.replace(this.facts, needs=frozenset())
        plan = plan_of(this)
    this.plan = plan
    if this.resolution.excluded or plan.skipped:
        for candidate, reason in (*this.resolution.excluded, *plan.skipped):
            this.skip(candidate, reason)
    if not plan.choices:
        reasons = (f"{one.service.name}/{one.model} {reason}" for one, reason in plan.skipped)
        raise Unsupported(f"no provider can serve this request: {'; '.join(reasons)}", param="provider")


def note_passed_over(this: Exchange) -> None:
    """Record the candidates that could not serve when the plan was made, and were not tried."""
    if this.plan.places:
        return
    for choice in this.plan.choices:
        if choice.blocked_by is not None and all(
            one.candidate is not choice.candidate for one in this.attempts
        ):
            wait = f"; available in {choice.wait_s:.1f} s" if choice.wait_s else ""
            this.skip(choice.candidate, BLOCKED[choice.blocked_by] + wait)


def is_last(this: Exchange) -> bool:
    """Whether no other candidate follows the attempts so far."""
    choices = this.plan.choices
    if len(this.attempts) < len(choices):
        return False
    return len(choices) == 1 or len({id(one.candidate) for one in this.attempts}) >= len(choices)


def leave_out(this: Exchange, pick: Pick, error: Unsupported) -> None:
    """Skip a candidate that does not support a feature of the request."""
    this.skip(pick.candidate, error.summary)
    this.plan = without(this.plan, pick.choice)


def without(plan: Plan, choice: Choice) -> Plan:
    """The plan without one of its choices."""
    return structs.replace(plan, choices=tuple(one for one in plan.choices if one is not choice), places=())


def plan_of(this: Exchange) -> Plan:
    """The candidates in the order in which to try them."""
    router = this.gateway.router
    if this.explains:
        return router.plan(this.facts, this.candidates, perf_counter(), in_full=True)
    return router.plan(this.facts, this.candidates, perf_counter())


def facts_of(this: Exchange) -> RequestFacts:
    """What routing needs to know about the request."""
    candidates, preferences = this.candidates, this.resolution.preferences
    alone = len(candidates) == 1 and len(candidates[0].service.credentials) < 2
    if alone and preferences is ANY and not this.explains:
        return STREAMED if this.stream else PLAIN
    try:
        facts = this.operation.facts(this.parsed)
    except RecursionError as error:
        raise too_deep() from error
    session = session_key_of(this, facts)
    if preferences is ANY and not this.resolution.tiers:
        return facts if session is None else structs.replace(facts, session=session)
    return structs.replace(
        facts,
        session=session,
        require=frozenset(preferences.require),
        order=preferences.ranking,
        tiers=this.resolution.tiers,
        max_price=preferences.max_price,
    )


def session_key_of(this: Exchange, facts: RequestFacts) -> SessionKey | None:
    """The key of the conversation, if affinity is on and the operation has conversations. None also for what
    has no name and is too short for a prompt cache: there is no home to return to.
    """
    parsed, headers = this.parsed, this.request.named
    find_session = getattr(parsed, "session", None)
    if find_session is None:
        return None
    long = len(parsed.body) >= LEAST_CACHED or not facts.needs.isdisjoint(MEDIA)
    if not long and this.session is None:  # which is made of the same names
        return None
    if not this.gateway.config.routing.affinity or not wants_affinity(headers):
        return None
    session = find_session()
    return session_key(
        this.caller.key or this.caller.label,
        headers,
        session_id=session.id,
        prompt_cache_key=session.cache_key,
        opening=parsed.opening if long else None,
    )
