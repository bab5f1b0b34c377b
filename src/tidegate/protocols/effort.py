"""How much a model should think, in words: which effort a client means, and which one a model knows."""

from typing import NamedTuple, get_args

from .profile import Profile
from .turn import Effort, ReasoningControl

__all__ = ["EFFORTS", "EffortPlan", "is_off", "may_sample", "nearest_effort", "plan_effort", "wanted_effort"]

EFFORTS: tuple[str, ...] = get_args(Effort)
"""From none to all."""

BUDGETS = ((0, "none"), (1024, "low"), (8192, "medium"), (24576, "high"))
"""Up to how many thinking tokens an effort goes; more is `high` too. The numbers are those by which
Google maps its own budgets to OpenAI's efforts."""


class EffortPlan(NamedTuple):
    """What to say about thinking, before it is put into a format's words."""

    effort: str | None
    """One that the model knows; None where none is to be named."""
    speaks: bool
    """Whether anything is to be said at all."""
    dropped: tuple[str, ...] = ()


def plan_effort(
    control: ReasoningControl | None, profile: Profile, *, takes_effort: bool = True
) -> EffortPlan:
    """What a model is asked for. `takes_effort`: whether the service knows any way to ask."""
    if control is None:
        return EffortPlan(None, speaks=False)
    effort = wanted_effort(control)
    if effort is None and control.mode in ("enabled", "adaptive") and not profile.reasons_by_default:
        effort = "medium"  # a model that has to be asked
    if effort is None and control.budget is None and control.show is None and control.mode is None:
        return EffortPlan(None, speaks=False)
    if profile.thinking == "none" or not takes_effort:
        harmless = effort == "none" and profile.thinking == "none"
        return EffortPlan(None, speaks=False, dropped=() if harmless else ("reasoning",))
    return EffortPlan(effort and nearest_effort(effort, profile.efforts), speaks=True)


def wanted_effort(control: ReasoningControl) -> str | None:
    """The effort that the client means, however it says it; None where it leaves it open."""
    if control.effort is not None:
        return control.effort
    if control.mode == "disabled":
        return "none"
    if control.budget is not None:
        return next((effort for limit, effort in BUDGETS if control.budget <= limit), "high")
    return None


def is_off(control: ReasoningControl) -> bool:
    """Whether the client switches thinking off."""
    return control.mode == "disabled" or control.effort == "none" or control.budget == 0


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


def may_sample(profile: Profile, effort: str | None) -> bool:
    """Whether temperature and its like may be sent with this effort."""
    if profile.sampling != "refused_while_reasoning":
        return profile.sampling == "free"
    thinks = profile.reasons_by_default if effort is None else effort != "none"
    return not thinks
