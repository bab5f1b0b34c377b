"""Reasoning settings: the efforts of other dialects as Cohere's budgets."""

from tidegate.protocols.effort import is_off
from tidegate.protocols.profile import Profile
from tidegate.protocols.turn import ReasoningControl

from .wire import Thinking

__all__ = ["render_thinking"]

BUDGETS: dict[str, int | None] = {
    "minimal": 512,
    "low": 2048,
    "medium": 8192,
    "high": 16384,
    "xhigh": 31000,
    "max": None,
}
"""Tokens by effort if the model's profile has none; None is no limit. Cohere recommends leaving 1,000 of the
model's 32,000 for the answer (docs.cohere.com/docs/reasoning)."""

OFF = Thinking("disabled")


def render_thinking(
    control: ReasoningControl | None, profile: Profile, dropped: dict[str, None]
) -> Thinking | None:
    """Return the `thinking` field; None if the client sets nothing, or the model does not think."""
    if control is None:
        return None
    off = is_off(control)
    if profile.thinking == "none":
        if not off:
            dropped["reasoning"] = None
        return None
    if off:
        return OFF
    if control.show is False:
        dropped["reasoning.show"] = None
    if control.budget is not None:
        return Thinking("enabled", control.budget)
    if control.effort is not None:
        return Thinking("enabled", (profile.budgets or BUDGETS).get(control.effort))
    return Thinking("enabled") if control.mode is not None else None
