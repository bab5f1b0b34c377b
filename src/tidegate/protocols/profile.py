"""Facts about model families that change how a request must be written.

A profile is data: the table is in `providers/profiles`, matched by model name; the keys are documented here.
`None` and the defaults mean that nothing is special.
"""

from typing import Literal

from msgspec import Struct

__all__ = ["PLAIN", "Profile"]


class Profile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The facts about one family of models."""

    system_role: Literal["system", "developer", "user"] | None = None
    """The required role of instructions; None accepts both `system` and `developer` (OpenAI's o-series and
    gpt-5 require `developer`, o1-mini only accepts `user`)."""
    limit_field: Literal["max_tokens", "max_completion_tokens"] | None = None
    """The only accepted name of the completion limit; None accepts both (OpenAI's reasoning models reject
    `max_tokens`)."""
    sampling: Literal["free", "refused", "refused_while_reasoning"] = "free"
    """Whether temperature, top_p, top_k, penalties, logit_bias and logprobs may be sent
    (refused by OpenAI's reasoning models unless effort is none, and by Claude from opus-4-7 on)."""
    reasons_by_default: bool = True
    """Whether a model that can reason does so by default (OpenAI's gpt-5.1 to 5.4 do not). This determines
    when `refused_while_reasoning` applies."""
    temperature_or_top_p: bool = False
    """Whether temperature and top_p exclude each other (Claude 4.1 and later): temperature wins."""
    stop: bool = True
    """Whether stop sequences may be sent (refused by o3, o4-mini, gpt-5.6)."""
    streams: bool = True
    """Whether the model can stream. If not, the client's stream is made from the complete answer."""
    reports_finish: bool = True
    """Whether its streams report a finish reason (OpenAI's gpt-audio ends with `[DONE]` alone)."""
    default_max_tokens: int | None = None
    """The completion limit to send if the client sets none and the format requires one."""
    thinking: Literal["none", "budget", "adaptive", "budget_or_adaptive", "level"] | None = None
    """How to request thinking: Anthropic `budget` (≤ 4.5) or `adaptive` (4.6 accepts both, later models only
    adaptive); Gemini `budget` (2.5) or `level` (3 and later); `none` if the model does not think. None:
    unknown, so the format's newest form is used."""
    thinking_off: bool = True
    """Whether thinking can be switched off (not for gemini-2.5-pro, which then gets its minimum)."""
    efforts: tuple[str, ...] = ()
    """The supported reasoning efforts; others are replaced by the nearest. Empty: unknown, so all are passed
    on unchanged."""
    budgets: dict[str, int] = {}
    """Thinking tokens by effort, for models that only accept a budget."""
    forced_tools_while_thinking: bool = True
    """Whether tool_choice may be `required` or a name while the model thinks."""
    native_schema: bool = True
    """Whether the format's own structured output works. If not, it is requested with a forced tool call
    (Claude before 4.5)."""
    prefill: bool = True
    """Whether a final assistant message is continued, where the service does that (not by Claude 4.6 and
    later, Gemini 3.6, and models that answer in OpenAI's Harmony format, whose template always begins a new
    message)."""
    system_messages: bool = False
    """Whether system messages may appear within the conversation (claude-opus-4-8, claude-fable-5)."""
    remote_images: bool = True
    """Whether images and documents may be linked by public URL (Gemini before 2.5 only accepts bytes)."""
    tool_result_media: bool = True
    """Whether tool results may contain images and documents."""
    signed_calls: bool = False
    """Whether function calls must come back with a thought signature (Gemini 3 and later)."""


PLAIN = Profile()
"""The profile of a model without special facts."""
