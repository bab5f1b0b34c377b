"""The routing decision of one exchange: for its record, and for a client that requests it."""

from typing import Any

from msgspec import structs
from msgspec.json import encode

from tidegate.observe import Considered, Decision
from tidegate.observe.record import in_ms
from tidegate.protocols.excerpt import shorten
from tidegate.routing import Choice, Plan

from .attempt import Attempt
from .request import LONGEST_HEADER, Header, header_value
from .state import NO_PLAN, Exchange

__all__ = ["decision_of", "explanation"]

MOST_IN_FULL = 8
"""Candidates that are recorded with their figures; the others by name only."""

CUTS = ((60, 8), (40, 6), (25, 5), (12, 3))
"""Characters of a text and entries of a list in the header: the first that fits into a header's value."""
DIGITS = 6
"""Decimals of a figure in the header."""


def decision_of(this: Exchange) -> Decision | None:
    """How the candidates were ordered; None where only one could serve the request, and no client has asked
    why.
    """
    plan = this.plan
    choices = plan.choices
    if len(choices) < 2 and (not this.explains or plan is NO_PLAN):
        return None
    facts = this.facts
    return Decision(
        plan.order,
        plan.places or plan.rendered or _considered(plan),
        facts.order is not None,
        facts.tiers,
        facts.input_tokens,
        facts.session is not None,
        plan.stayed,
        _answered_ms(this.attempt),
    )


def _answered_ms(attempt: Attempt | None) -> float | None:
    if attempt is None or attempt.first_byte_at is None:
        return None
    return in_ms(attempt.first_byte_at - attempt.started_at)


def _considered(plan: Plan) -> list[Considered | str]:
    choices = plan.choices
    considered: list[Considered | str] = []
    for choice in choices[:MOST_IN_FULL]:
        if choice.rendered is None:
            choice.rendered = considered_of(choice)
        considered.append(choice.rendered)
    if len(choices) > MOST_IN_FULL:
        considered += [choice.candidate.place for choice in choices[MOST_IN_FULL:]]
    plan.rendered = considered
    return considered


def considered_of(choice: Choice) -> Considered | str:
    """A choice with its figures; its name alone if there are none."""
    candidate, success = choice.candidate, choice.success
    if success is None and choice.weight is None and choice.blocked_by is None:
        return candidate.place
    return Considered(
        candidate.service.name,
        candidate.model,
        choice.blocked_by,
        choice.wait_s or None,
        choice.cost,
        choice.ttft_s,
        choice.tokens_per_s,
        success if success != 1.0 else None,
        choice.cached_tokens,
        choice.slow,
        choice.weight,
    )


def explanation(this: Exchange) -> tuple[Header, ...]:
    """`x-tidegate-explained`, if the client has sent `x-tidegate-explain: 1`; otherwise nothing."""
    decision = decision_of(this) if this.explains else None
    if decision is None:
        return ()
    value = b""
    for length, most in CUTS:
        value = encode(render(this, decision, length, most))
        if len(value) <= LONGEST_HEADER:
            break
    return ((b"x-tidegate-explained", header_value(value.decode())),)


def render(this: Exchange, decision: Decision, length: int, most: int) -> dict[str, Any]:
    """The decision with texts and lists of this length at most; `shortened` says that lists are cut."""
    tried = [
        {
            "provider": shorten(one.candidate.service.name, length),
            "model": shorten(one.candidate.model, length),
            "error": shorten(one.error.summary, length) if one.error is not None else None,
            "hedge": one.trial.hedge,
            "cancelled": one.error is None and one is not this.attempt,
            "ms": round(((one.ended_at or one.first_byte_at or one.started_at) - one.started_at) * 1e3, 3),
        }
        for one in this.attempts[-most:]
    ]
    skipped = [
        {
            "provider": shorten(one.candidate.service.name, length),
            "model": shorten(one.candidate.model, length),
            "reason": shorten(one.reason, length),
        }
        for one in this.skipped[:most]
    ]
    candidates = [shortened(one, length) for one in decision.candidates[:most]]
    rendered = {
        **structs.asdict(structs.replace(decision, candidates=candidates)),
        "tried": tried,
        "skipped": skipped,
    }
    if most < max(len(this.attempts), len(this.skipped), len(decision.candidates)):
        rendered["shortened"] = True
    return rendered


def shortened(one: Considered | str, length: int) -> Considered | str:
    """A candidate with short names and rounded figures."""
    if isinstance(one, str):
        return shorten(one, length)
    figures = {
        name: round(value, DIGITS) for name, value in structs.asdict(one).items() if isinstance(value, float)
    }
    return structs.replace(
        one, provider=shorten(one.provider, length), model=shorten(one.model, length), **figures
    )
