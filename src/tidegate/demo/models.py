"""The demo's models: two that chat, one that reasons, and those that simulate failures."""

from typing import Literal

from msgspec import Struct

__all__ = ["DEFAULT_SLOW_S", "MODELS", "Model", "Refusal", "find_model", "model_names"]

DEFAULT_SLOW_S = 5.0
MAX_SLOW_S = 3600.0

Break = Literal["cut", "no_finish", "error"]
"""How an answer breaks off: the connection is closed, the stream ends cleanly but without a finish reason,
or an error event replaces the rest."""


class Refusal(Struct, frozen=True):
    """An error response."""

    status: int
    message: str
    type: str = "server_error"
    code: str | None = None
    retry_after: str | None = None
    html: bool = False
    """Whether the body is an HTML page, as from a proxy in front of a provider."""


class Model(Struct, frozen=True, kw_only=True):
    """One model."""

    description: str
    thinks: bool = False
    refusal: Refusal | None = None
    breaks: Break | None = None
    silent_s: float = 0.0
    """Seconds before the first byte."""
    answers: bool = True
    """Whether it answers at all."""


MODELS: dict[str, Model] = {
    "echo": Model(description="repeats the request, calls tools, fills in schemas"),
    "chat": Model(description="the same as echo"),
    "thinking": Model(
        description="like echo, with reasoning first (reasoning_content, reasoning_effort)", thinks=True
    ),
    "rate-limited": Model(
        description="429 with Retry-After: 7",
        refusal=Refusal(
            429,
            "The demo's rate limit was reached: try again in 7 seconds.",
            "requests",
            "rate_limit_exceeded",
            "7",
        ),
    ),
    "server-error": Model(
        description="500", refusal=Refusal(500, "The demo failed while processing your request.")
    ),
    "overloaded": Model(
        description="503",
        refusal=Refusal(503, "The demo is overloaded: try again later.", "service_unavailable", "overloaded"),
    ),
    "html-error": Model(description="502 with an HTML page", refusal=Refusal(502, "Bad Gateway", html=True)),
    "cut-stream": Model(description="the connection is closed in the middle of the response", breaks="cut"),
    "no-finish": Model(description="the stream ends early, without a finish reason", breaks="no_finish"),
    "error-in-stream": Model(description="an error event in the middle of the stream", breaks="error"),
    "slow": Model(
        description="the first token comes after 5 seconds; slow-2, slow-0.5: after so many",
        silent_s=DEFAULT_SLOW_S,
    ),
    "hang": Model(description="never answers", answers=False),
}


def find_model(name: str) -> Model | None:
    """The model of this name; `slow-2` is `slow` with two seconds."""
    if name.startswith("slow-"):
        return _slow(name.removeprefix("slow-"))
    return MODELS.get(name)


def model_names() -> str:
    """All names, for messages."""
    return ", ".join(MODELS)


def _slow(seconds: str) -> Model | None:
    if not seconds.replace(".", "", 1).isdecimal() or not seconds.isascii():
        return None
    silent_s = float(seconds)
    if silent_s > MAX_SLOW_S:
        return None
    return Model(description=f"the first token comes after {seconds} seconds", silent_s=silent_s)
