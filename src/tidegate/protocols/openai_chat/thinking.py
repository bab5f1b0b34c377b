"""Reasoning settings, in the form of a provider and a model."""

from collections.abc import Callable
from typing import Any, NamedTuple

from tidegate.protocols.effort import plan_effort, wanted_effort
from tidegate.protocols.profile import Profile
from tidegate.protocols.turn import ReasoningControl

from .dialect import Dialect

__all__ = ["Thinking", "plan_thinking"]


class Thinking(NamedTuple):
    """The reasoning settings of a request."""

    fields: dict[str, Any]
    effort: str | None
    """The effort that is requested from the model; None if none is sent."""
    dropped: tuple[str, ...] = ()


SWITCHED = ("thinking", "enable_thinking")
"""Forms that have an on/off switch."""


def plan_thinking(
    control: ReasoningControl | None, dialect: Dialect, profile: Profile, *, forced: bool = False
) -> Thinking:
    """Return the fields that configure reasoning, in the dialect's form. `forced`: a tool must be called."""
    if forced and not profile.forced_tools_while_thinking and dialect.effort in SWITCHED:
        return _plan_forced(control or ReasoningControl(), dialect, profile)
    effort, is_set, dropped = plan_effort(control, profile, takes_effort=dialect.effort != "none")
    if control is None or not is_set:
        return Thinking({}, None, dropped)
    return Thinking(FORMS[dialect.effort](control, effort), effort)


def _plan_forced(control: ReasoningControl, dialect: Dialect, profile: Profile) -> Thinking:
    """Switch thinking off, because a forced tool call carries meaning and thinking only tunes."""
    effort = wanted_effort(control)
    thinks = profile.reasons_by_default if effort is None else effort != "none"
    if not thinks or profile.thinking == "none" or not profile.thinking_off:
        return plan_thinking(control, dialect, profile)
    return Thinking(FORMS[dialect.effort](control, "none"), "none", ("reasoning",) if effort else ())


def _as_effort(control: ReasoningControl, effort: str | None) -> dict[str, Any]:
    return {} if effort is None else {"reasoning_effort": effort}


def _as_reasoning(control: ReasoningControl, effort: str | None) -> dict[str, Any]:
    reasoning: dict[str, Any] = {}
    if control.budget and control.effort is None:
        reasoning["max_tokens"] = control.budget
    elif effort == "none":
        reasoning["enabled"] = False
    elif effort is not None:
        reasoning["effort"] = effort
    elif control.mode is not None:
        reasoning["enabled"] = True
    if control.show is False:
        reasoning["exclude"] = True
    return {"reasoning": reasoning} if reasoning else {}


def _as_thinking(control: ReasoningControl, effort: str | None) -> dict[str, Any]:
    if effort == "none":
        return {"thinking": {"type": "disabled"}}
    if effort is not None:
        return {"reasoning_effort": effort}
    return {"thinking": {"type": "enabled"}} if control.mode in ("enabled", "adaptive") else {}


def _as_switch(control: ReasoningControl, effort: str | None) -> dict[str, Any]:
    if effort == "none":
        return {"enable_thinking": False}
    fields: dict[str, Any] = {"enable_thinking": True}
    if control.budget:
        fields["thinking_budget"] = control.budget
    return fields


FORMS: dict[str, Callable[[ReasoningControl, str | None], dict[str, Any]]] = {
    "reasoning_effort": _as_effort,
    "reasoning": _as_reasoning,
    "thinking": _as_thinking,
    "enable_thinking": _as_switch,
}
