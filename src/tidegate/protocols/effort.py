"""Reasoning efforts: the one that a client requests, and the one that a model supports."""

from typing import NamedTuple, get_args

from .profile import Profile
from .turn import Effort, ReasoningControl

__all__ = ["EFFORTS", "EffortPlan", "is_off", "may_sample", "nearest_effort", "plan_effort", "wanted_effort"]

EFFORTS: tuple[str, ...] = get_args(Effort)
"""In ascending order, from none to max."""

BUDGETS = ((0, "none"), (1024, "low"), (8192, "medium"), (24576, "high"))
"""The most thinking tokens that map to each effort; anything above is `high` too. The numbers are Google's
own mapping of its budgets to OpenAI's efforts."""


class EffortPlan(NamedTuple):
    """The reasoning effort to request, before it is written in a format."""

    effort: str | None
    """An effort that the model supports; None if no effort should be named."""
    speaks: bool
    """Whether to send anything about thinking at all."""
    dropped: tuple[str, ...] = ()


def plan_effort(
    control: ReasoningControl | None, profile: Profile, *, takes_effort: bool = True
) -> EffortPlan:
    """Choose the effort to request from a model. `takes_effort`: whether the service supports any way to
    request it.
    """
    if control is None:
        return EffortPlan(None, speaks=False)
    effort = wanted_effort(control)
    if effort is None and control.mode in ("enabled", "adaptive") and not profile.reasons_by_default:
        effort = "medium"  # a model that thinks only on request
    if effort is None and control.budget is None and control.show is None and control.mode is None:
        return EffortPlan(None, speaks=False)
    if profile.thinking == "none" or not takes_effort:
        harmless = effort == "none" and profile.thinking == "none"
        return EffortPlan(None, speaks=False, dropped=() if harmless else ("reasoning",))
    return EffortPlan(effort and nearest_effort(effort, profile.efforts), speaks=True)


def wanted_effort(control: ReasoningControl) -> str | None:
    """The effort that the client requests, in whatever form; None if it leaves it open."""
    if control.effort is not None:
        return control.effort
    if control.mode == "disabled":
        return "none"
    if control.budget is not None:
        return next((effort for limit, effort in BUDGETS if control.budget <= limit), "high")
    return None


def is_off(control: ReasoningControl) -> bool:
    """Whether the client turns thinking off."""
    return control.mode == "disabled" or control.effort == "none" or control.budget == 0


def nearest_effort(effort: str, known: tuple[str, ...]) -> str:
    """The nearest of the efforts that a model supports; of two equally near ones, the lower.

    Turning thinking off is a separate request: where that is impossible, the lowest effort is used.
    """
    if not known or effort in known or effort not in EFFORTS:
        return effort
    places = [EFFORTS.index(one) for one in known if one in EFFORTS]
    if effort != "none":
        places = [place for place in places if place > 0] or places
    place = EFFORTS.index(effort)
    nearest = min(places, key=lambda one: (abs(one - place), one), default=None)
    return effort if nearest is None else EFFORTS[nearest]


def may_sample(profile: Profile, effort: str | None) -> bool:
    """Whether temperature and other sampling parameters may be sent with this effort."""
    if profile.sampling != "refused_while_reasoning":
        return profile.sampling == "free"
    thinks = profile.reasons_by_default if effort is None else effort != "none"
    return not thinks
