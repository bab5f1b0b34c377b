"""Reasoning settings: the efforts of other dialects as Gemini's levels and budgets."""

from tidegate.protocols.effort import EFFORTS, is_off
from tidegate.protocols.profile import Profile
from tidegate.protocols.turn import ReasoningControl

from .wire import ThinkingConfig

__all__ = ["DYNAMIC", "render_thinking"]

LEVELS = ("minimal", "low", "medium", "high")
"""The levels used if the model's levels are not known."""

BUDGETS = {"minimal": 512, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576, "max": 24576}
"""Tokens by effort if the model's profile has none: those of Google's OpenAI-compatible API
(ai.google.dev/gemini-api/docs/openai); 24,576 is the most that every model accepts."""

DYNAMIC = -1
"""The budget that lets the model decide."""


def render_thinking(control: ReasoningControl | None, profile: Profile) -> ThinkingConfig | None:
    """Return the thinkingConfig; None if the client sets nothing, or the model does not think."""
    if control is None or profile.thinking == "none":
        return None
    if is_off(control):
        return _switch_off(control, profile)
    show = None if control.show is False else True
    if control.budget is not None:
        return ThinkingConfig(thinking_budget=_within(control.budget, profile), include_thoughts=show)
    effort = control.effort
    if profile.thinking == "budget":
        budget = _budget(effort, profile) if effort else DYNAMIC if control.mode else None
        return ThinkingConfig(thinking_budget=budget, include_thoughts=show)
    level = nearest(effort, profile.efforts or LEVELS).upper() if effort else None
    return ThinkingConfig(thinking_level=level, include_thoughts=show)


def nearest(effort: str, known: tuple[str, ...]) -> str:
    """Return the nearest known effort; of two equally near ones the higher (Google's API maps medium to high
    if there is no medium).
    """
    level = EFFORTS.index(effort)
    return min(known, key=lambda one: (abs(EFFORTS.index(one) - level), -EFFORTS.index(one)))


def _budget(effort: str, profile: Profile) -> int:
    budgets = profile.budgets or BUDGETS
    return budgets[nearest(effort, tuple(budgets))]


def _within(budget: int, profile: Profile) -> int:
    """Return a client's budget, limited to what the model accepts."""
    known = (profile.budgets or BUDGETS).values()
    return max(min(budget, max(known)), min(profile.budgets.values(), default=1))


def _switch_off(control: ReasoningControl, profile: Profile) -> ThinkingConfig:
    """Switch thinking off, or to the minimum that the model supports."""
    if profile.thinking == "budget" or (profile.thinking is None and control.budget == 0):
        return ThinkingConfig(thinking_budget=0 if profile.thinking_off else _budget("none", profile))
    return ThinkingConfig(thinking_level=nearest("none", profile.efforts or LEVELS).upper())
