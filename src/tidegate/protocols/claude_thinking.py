"""Thinking settings in the form that each Claude family accepts, and the parameters that are allowed beside
them. The rules belong to the model and hold wherever it is hosted.

- `budget` families take `thinking.budget_tokens`, at least 1024 and below `max_tokens`. They reject it
  together with a forced tool, and in the middle of tool use whose thinking is not sent back. Thinking is
  dropped in both cases: tools carry meaning, effort is only tuning.
- `adaptive` families take `thinking.type: adaptive` and `output_config.effort`.
- Temperature, top_p below 0.95 and top_k are rejected while thinking is on.
"""

import math
from typing import Any

from msgspec import Struct

from .effort import is_off
from .errors import Unsupported
from .profile import Profile
from .turn import (
    Message,
    Reasoning,
    ReasoningControl,
    RedactedReasoning,
    Text,
    ToolCall,
    Turn,
)

__all__ = ["Thinking", "plan_thinking", "render_sampling"]

LEAST_BUDGET = 1024
BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 24576, "max": 31999}
"""Thinking tokens by effort, unless the profile sets its own."""
ORDER = ("minimal", "low", "medium", "high", "xhigh", "max")
EFFORTS = ("low", "medium", "high", "xhigh", "max")
"""The efforts that the API supports."""
LEAST_WHILE_THINKING = {"temperature": 1.0, "top_p": 0.95}
"""The lowest sampling values accepted while thinking; parameters not listed here are not accepted at all."""
DEFAULT_MAX_TOKENS = 4096


class Thinking(Struct, frozen=True, kw_only=True):
    """The thinking settings in the request body."""

    config: dict[str, Any] | None = None
    """`thinking`."""
    effort: str | None = None
    """`output_config.effort`."""
    max_tokens: int
    dropped: tuple[str, ...] = ()

    @property
    def thinks(self) -> bool:
        """Whether thinking is on."""
        return self.config is not None and self.config["type"] != "disabled"


def plan_thinking(turn: Turn, profile: Profile, forced: bool) -> Thinking:
    """Choose the thinking settings. `forced`: the model must call a tool."""
    limit = (
        turn.max_tokens if turn.max_tokens is not None else profile.default_max_tokens or DEFAULT_MAX_TOKENS
    )
    control = turn.reasoning
    if forced and not profile.forced_tools_while_thinking and not profile.thinking_off:
        raise Unsupported("this model always thinks and cannot be forced to call a tool", param="tool_choice")
    if control is None or control == ReasoningControl():
        return Thinking(max_tokens=limit)
    name = "thinking" if turn.origin == "anthropic" else "reasoning_effort"
    if profile.thinking == "none":
        return Thinking(max_tokens=limit, dropped=() if is_off(control) else (name,))
    if is_off(control):
        return _switch_off(profile, limit, name)
    if turn.origin == "anthropic" and control.mode is None:  # an effort alone does not enable thinking
        effort = _nearest(control.effort, profile) if _takes_effort(profile) else None
        return Thinking(effort=effort, max_tokens=limit, dropped=() if effort else ("output_config.effort",))
    if forced and not profile.forced_tools_while_thinking:
        return Thinking(max_tokens=limit, dropped=(name,))
    if profile.thinking == "budget" or (
        profile.thinking == "budget_or_adaptive" and control.budget is not None
    ):
        if _misses_thinking(turn.messages):
            return Thinking(max_tokens=limit, dropped=(name,))
        return _plan_budget(control, profile, turn, limit)
    return _plan_adaptive(control, profile, limit)


def _switch_off(profile: Profile, limit: int, name: str) -> Thinking:
    if profile.thinking_off:
        return Thinking(config={"type": "disabled"}, max_tokens=limit)
    return Thinking(effort=_nearest("minimal", profile), max_tokens=limit, dropped=(name,))


def _takes_effort(profile: Profile) -> bool:
    return bool(profile.efforts) or profile.thinking != "budget"


def _display(control: ReasoningControl) -> dict[str, str]:
    if control.show is None:
        return {}
    return {"display": "summarized" if control.show else "omitted"}


def _plan_adaptive(control: ReasoningControl, profile: Profile, limit: int) -> Thinking:
    effort = control.effort or _effort_of(control.budget, profile)
    return Thinking(
        config={"type": "adaptive", **_display(control)},
        effort=_nearest(effort, profile),
        max_tokens=limit,
    )


def _plan_budget(control: ReasoningControl, profile: Profile, turn: Turn, limit: int) -> Thinking:
    if control.budget is not None:
        budget = max(control.budget, LEAST_BUDGET)
    else:
        wanted = {**BUDGETS, **profile.budgets}[control.effort or "medium"]
        # An effort is not a number: its budget is reduced to the client's limit, as far as possible.
        budget = wanted if turn.max_tokens is None else min(wanted, max(limit // 2, LEAST_BUDGET))
    return Thinking(
        config={"type": "enabled", "budget_tokens": budget, **_display(control)},
        max_tokens=limit if limit > budget else budget + limit,
    )


def _nearest(effort: str | None, profile: Profile) -> str | None:
    """The nearest effort that the model supports; of two equally near ones, the lower."""
    if effort is None:
        return None
    known = profile.efforts or EFFORTS
    place = ORDER.index(effort)
    return min(known, key=lambda one: (abs(ORDER.index(one) - place), ORDER.index(one)))


def _effort_of(budget: int | None, profile: Profile) -> str | None:
    """The effort whose budget is nearest, for a client that sets thinking in tokens."""
    if budget is None:
        return None
    budgets = profile.budgets or BUDGETS
    return min(budgets, key=lambda effort: abs(budgets[effort] - budget))


def _misses_thinking(messages: tuple[Message, ...]) -> bool:
    """Whether the current turn is in the middle of tool use and does not start with its thinking."""
    begins: Message | None = None
    for message in reversed(messages):
        if message.role == "user" and any(isinstance(part, Text) for part in message.parts):
            break
        if message.role == "assistant" and any(isinstance(part, ToolCall) for part in message.parts):
            begins = message
    if begins is None:
        return False
    first = begins.parts[0]
    signed = isinstance(first, Reasoning) and first.format == "anthropic" and first.signature
    return not (signed or (isinstance(first, RedactedReasoning) and first.format == "anthropic"))


# --- sampling --------------------------------------------------------------------------------


def render_sampling(turn: Turn, profile: Profile, thinks: bool) -> tuple[dict[str, Any], list[str]]:
    """Write temperature, top_p and top_k as far as this model accepts them. Also returns what is dropped."""
    if turn.temperature is None and turn.top_p is None and turn.top_k is None:
        return {}, []
    wanted = {
        name: value
        for name, value in (("temperature", turn.temperature), ("top_p", turn.top_p), ("top_k", turn.top_k))
        if value is not None
    }
    if profile.sampling == "refused" or (profile.sampling == "refused_while_reasoning" and thinks):
        return {}, list(wanted)
    dropped = []
    if wanted.get("temperature", 0) > 1:  # OpenAI's range goes up to 2
        wanted["temperature"] = 1.0
        dropped.append("temperature>1")
    if thinks:
        refused = [name for name, value in wanted.items() if value < LEAST_WHILE_THINKING.get(name, math.inf)]
        dropped += refused
        wanted = {name: value for name, value in wanted.items() if name not in refused}
    if profile.temperature_or_top_p and "temperature" in wanted and "top_p" in wanted:
        del wanted["top_p"]
        dropped.append("top_p")
    return wanted, dropped
