"""Facts about model families that change how a request must be written.

A profile is data: the table is in `providers/profiles`, matched by model name; the keys are
explained here. `None` and the defaults mean "nothing special".
"""

from typing import Literal

from msgspec import Struct

__all__ = ["PLAIN", "Profile"]


class Profile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is special about the models of one family."""

    system_role: Literal["system", "developer", "user"] | None = None
    """The role that instructions must have; None takes `system` and `developer` as they come
    (OpenAI's o-series and gpt-5 want `developer`, o1-mini only knows `user`)."""
    limit_field: Literal["max_tokens", "max_completion_tokens"] | None = None
    """The only name of the completion limit that the model takes; None takes both (OpenAI's
    reasoning models refuse `max_tokens`)."""
    sampling: Literal["free", "refused", "refused_while_reasoning"] = "free"
    """Whether temperature, top_p, top_k, penalties, logit_bias and logprobs may be sent
    (refused by OpenAI's reasoning models unless effort is none, and by Claude from opus-4-7 on)."""
    reasons_by_default: bool = True
    """Whether a model that can think does so when nothing is said about it (OpenAI's gpt-5.1 to 5.4
    do not); decides what `refused_while_reasoning` means then."""
    temperature_or_top_p: bool = False
    """Whether temperature and top_p exclude each other (Claude 4.1 and later): temperature wins."""
    stop: bool = True
    """Whether stop sequences may be sent (refused by o3, o4-mini, gpt-5.6)."""
    streams: bool = True
    """Whether the model can stream; where not, the client's stream is made of the whole answer."""
    reports_finish: bool = True
    """Whether its streams report a finish reason (OpenAI's gpt-audio ends with `[DONE]` alone)."""
    default_max_tokens: int | None = None
    """The completion limit to send when the client names none and the format requires one."""
    thinking: Literal["none", "budget", "adaptive", "budget_or_adaptive", "level"] | None = None
    """How thinking is asked for: Anthropic `budget` (≤ 4.5) or `adaptive` (4.6 and later take
    both up to 4.6, then only adaptive); Gemini `budget` (2.5) or `level` (3 and later); `none`
    where the model does not think. None: unknown, the format's newest form is used."""
    thinking_off: bool = True
    """Whether thinking can be switched off (not for gemini-2.5-pro, which then gets its least)."""
    efforts: tuple[str, ...] = ()
    """The reasoning efforts that the model knows; others are moved to the nearest. Empty: unknown,
    passed as they are."""
    budgets: dict[str, int] = {}
    """Thinking tokens by effort, for models that take a budget only."""
    forced_tools_while_thinking: bool = True
    """Whether tool_choice may be `required` or a name while the model thinks."""
    native_schema: bool = True
    """Whether the format's own structured output works; where not, it is asked for by a forced
    tool (Claude before 4.5)."""
    prefill: bool = True
    """Whether a final assistant message is continued, where the service does that (not by Claude 4.6 and
    later, Gemini 3.6, and models that answer in OpenAI's Harmony format, whose template always begins a new
    message)."""
    system_messages: bool = False
    """Whether system messages may stand in mid-conversation (claude-opus-4-8, claude-fable-5)."""
    remote_images: bool = True
    """Whether images and documents by public URL are taken (Gemini before 2.5 takes bytes only)."""
    tool_result_media: bool = True
    """Whether tool results may hold images and documents."""
    signed_calls: bool = False
    """Whether function calls must come back with a thought signature (Gemini 3 and later)."""


PLAIN = Profile()
"""A model about which nothing special is known."""
