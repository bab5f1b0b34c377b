"""How much to think, in the words of a provider and a model."""

from collections.abc import Callable
from typing import Any, NamedTuple

from tidegate.protocols.profile import Profile
from tidegate.protocols.turn import ReasoningControl

from .dialect import Dialect

__all__ = ["Thinking", "nearest_effort", "plan_effort"]

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

BUDGETS = ((0, "none"), (1024, "low"), (8192, "medium"), (24576, "high"))
"""Up to how many thinking tokens an effort goes; more is `high` too. The numbers are those by which
Google maps its own budgets to OpenAI's efforts."""


class Thinking(NamedTuple):
    """What to say about thinking."""

    fields: dict[str, Any]
    effort: str | None
    """The effort that the model is asked for; None where nothing is said."""
    dropped: tuple[str, ...] = ()


SWITCHED = ("thinking", "enable_thinking")
"""Forms that have a switch."""


def plan_effort(
    control: ReasoningControl | None, dialect: Dialect, profile: Profile, *, forced: bool = False
) -> Thinking:
    """The fields that ask for thinking, in the dialect's form. `forced`: a tool must be called."""
    if forced and not profile.forced_tools_while_thinking and dialect.effort in SWITCHED:
        return _plan_forced(control or ReasoningControl(), dialect, profile)
    if control is None:
        return Thinking({}, None)
    effort = _wanted(control)
    if effort is None and control.mode in ("enabled", "adaptive") and not profile.reasons_by_default:
        effort = "medium"  # a model that has to be asked
    silent = effort is None and control.budget is None and control.show is None and control.mode is None
    if silent:
        return Thinking({}, None)
    if profile.thinking == "none" or dialect.effort == "none":
        harmless = effort == "none" and profile.thinking == "none"
        return Thinking({}, None, () if harmless else ("reasoning",))
    if effort is not None:
        effort = nearest_effort(effort, profile.efforts)
    return Thinking(FORMS[dialect.effort](control, effort), effort)


def _plan_forced(control: ReasoningControl, dialect: Dialect, profile: Profile) -> Thinking:
    """The call of the tool means something, thinking only tunes: it is switched off."""
    effort = _wanted(control)
    thinks = profile.reasons_by_default if effort is None else effort != "none"
    if not thinks or profile.thinking == "none" or not profile.thinking_off:
        return plan_effort(control, dialect, profile)
    return Thinking(FORMS[dialect.effort](control, "none"), "none", ("reasoning",) if effort else ())


def _wanted(control: ReasoningControl) -> str | None:
    """The effort that the client means, however it says it."""
    if control.effort is not None:
        return control.effort
    if control.mode == "disabled":
        return "none"
    if control.budget is not None:
        return next((effort for limit, effort in BUDGETS if control.budget <= limit), "high")
    return None


def nearest_effort(effort: str, known: tuple[str, ...]) -> str:
    """The effort of those that a model knows which is nearest; of two equally near ones the lower.

    To switch thinking off is a wish of its own: where that cannot be, the least is taken.
    """
    if not known or effort in known or effort not in EFFORTS:
        return effort
    places = [EFFORTS.index(one) for one in known if one in EFFORTS]
    if effort != "none":
        places = [place for place in places if place > 0] or places
    place = EFFORTS.index(effort)
    nearest = min(places, key=lambda one: (abs(one - place), one), default=None)
    return effort if nearest is None else EFFORTS[nearest]


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
    told: dict[str, Any] = {"enable_thinking": True}
    if control.budget:
        told["thinking_budget"] = control.budget
    return told


FORMS: dict[str, Callable[[ReasoningControl, str | None], dict[str, Any]]] = {
    "reasoning_effort": _as_effort,
    "reasoning": _as_reasoning,
    "thinking": _as_thinking,
    "enable_thinking": _as_switch,
}
