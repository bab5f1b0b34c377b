"""Reasoning settings in the form of the model's vendor, and the sampling parameters that they allow.

Claude's forms and rules are those of Anthropic's API. OpenAI's models take a string, Nova an object with a
string.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from tidegate.protocols.claude_thinking import plan_thinking, render_sampling
from tidegate.protocols.effort import EFFORTS, is_off
from tidegate.protocols.profile import Profile
from tidegate.protocols.turn import ReasoningControl, Turn

from .dialect import Vendor

__all__ = ["Plan", "plan_sampling"]

LEVELS = ("low", "medium", "high")
"""The levels used if the model's levels are not known."""

BUDGETS = ((2048, "low"), (8192, "medium"))
"""The maximum thinking tokens for each effort; more is `high`."""


class Plan(NamedTuple):
    """The fields of the body for thinking and sampling."""

    fields: dict[str, Any]
    """For `additionalModelRequestFields`."""
    thinks: bool
    """Whether thinking is requested in a way that excludes other parameters."""
    max_tokens: int | None
    sampling: dict[str, Any]
    """Temperature, top_p and top_k, as far as the model accepts them."""
    dropped: list[str]


def plan_sampling(turn: Turn, profile: Profile, vendor: Vendor, forced: bool) -> Plan:
    """Plan the fields. `forced`: the model must call a tool."""
    return _PLANS[vendor.thinking](turn, profile, forced)


def _plan_claude(turn: Turn, profile: Profile, forced: bool) -> Plan:
    thinking = plan_thinking(turn, profile, forced)
    sampling, unsampled = render_sampling(turn, profile, thinking.thinks)
    fields: dict[str, Any] = {}
    if thinking.config is not None:
        fields["thinking"] = thinking.config
    if thinking.effort is not None:
        fields["output_config"] = {"effort": thinking.effort}
    # Without a limit, Bedrock uses the model's maximum, which leaves room for any thinking.
    limit = None if turn.max_tokens is None else thinking.max_tokens
    return Plan(fields, thinking.thinks, limit, sampling, [*thinking.dropped, *unsampled])


def _plan_effort(turn: Turn, profile: Profile, forced: bool) -> Plan:
    """Plan for OpenAI's models, which always think."""
    plan = _plan_silently(turn, profile)
    effort = _level(turn.reasoning, profile)
    if effort is not None:
        plan.fields["reasoning_effort"] = effort
    return plan


def _plan_nova(turn: Turn, profile: Profile, forced: bool) -> Plan:
    """Plan for Nova, which rejects high effort in combination with a limit, temperature or top_p
    (docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html).
    """
    plan = _plan_silently(turn, profile)
    if profile.thinking == "none":
        return plan._replace(dropped=[*plan.dropped, *_lost(turn.reasoning)])
    effort = _level(turn.reasoning, profile)
    if effort is None:
        return plan
    if turn.reasoning is not None and is_off(turn.reasoning):
        plan.fields["reasoningConfig"] = {"type": "disabled"}
        return plan
    if effort == "high" and (plan.max_tokens is not None or plan.sampling):
        effort = "medium"
        plan.dropped.append("reasoning_effort>medium")
    plan.fields["reasoningConfig"] = {"type": "enabled", "maxReasoningEffort": effort}
    return plan


def _plan_without(turn: Turn, profile: Profile, forced: bool) -> Plan:
    """Plan for a model without a known way to configure thinking."""
    plan = _plan_silently(turn, profile)
    return plan._replace(dropped=[*plan.dropped, *_lost(turn.reasoning)])


_PLANS: dict[str | None, Callable[[Turn, Profile, bool], Plan]] = {
    "thinking": _plan_claude,
    "reasoning_effort": _plan_effort,
    "reasoningConfig": _plan_nova,
    None: _plan_without,
}


def _plan_silently(turn: Turn, profile: Profile) -> Plan:
    """Plan without thinking fields. Converse accepts temperatures up to 1."""
    values = {"temperature": turn.temperature, "top_p": turn.top_p, "top_k": turn.top_k}
    sampling: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
    if profile.sampling == "refused":
        return Plan({}, False, turn.max_tokens, {}, list(sampling))
    dropped = []
    if sampling.get("temperature", 0) > 1:
        sampling["temperature"] = 1.0
        dropped.append("temperature>1")
    return Plan({}, False, turn.max_tokens, sampling, dropped)


def _lost(control: ReasoningControl | None) -> list[str]:
    return [] if control is None or control == ReasoningControl() or is_off(control) else ["reasoning_effort"]


def _level(control: ReasoningControl | None, profile: Profile) -> str | None:
    """Return the nearest effort that the model supports; of two equally near ones the lower. None if none is
    set.
    """
    if control is None or control == ReasoningControl():
        return None
    effort: str = control.effort or "medium"
    if is_off(control):
        effort = "none"
    elif control.budget is not None and control.effort is None:
        effort = next((name for most, name in BUDGETS if control.budget <= most), "high")
    place = EFFORTS.index(effort)

    def distance(known: str) -> tuple[int, int]:
        return abs(EFFORTS.index(known) - place), EFFORTS.index(known)

    return min(profile.efforts or LEVELS, key=distance)
