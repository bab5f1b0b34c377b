"""The response object: the parameters repeated from its request, and the data of the answer.

OpenAI's response repeats every parameter of its request, with defaults for those that were not set; the types
of the official SDK and of Open Responses require them.
"""

import time
from typing import Any

from msgspec import Raw

from tidegate.protocols.events import Finished, Started
from tidegate.protocols.fields import ENCODE, FIELDS, is_set
from tidegate.protocols.ids import new_id

from .parse import Parsed
from .wire import TOOL_HEAD

__all__ = ["Shell", "status_of"]

DEFAULTS: dict[str, Any] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "frequency_penalty": 0.0,
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "service_tier": "default",
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""Parameters that are repeated as the client wrote them, and their defaults."""


def echo(parsed: Parsed) -> dict[str, Any]:
    """Return the parameters that the response repeats."""
    fields, wire = parsed.fields, parsed.wire
    repeated: dict[str, Any] = {
        name: fields[name] if name in fields and is_set(fields[name]) else default
        for name, default in DEFAULTS.items()
    }
    reasoning = wire.reasoning
    summary = (reasoning.summary or reasoning.generate_summary) if reasoning else None
    repeated["reasoning"] = {"effort": reasoning.effort if reasoning else None, "summary": summary}
    text = {"format": Raw(b'{"type":"text"}')}
    repeated["text"] = fields["text"] if wire.text and wire.text.format else text
    if wire.text and not wire.text.format and wire.text.verbosity:
        repeated["text"] = {**text, "verbosity": wire.text.verbosity}
    if parsed.wire.tools:
        repeated["tools"] = [_whole_tool(raw) for raw in parsed.wire.tools]
    if parsed.continued is not None:
        repeated["previous_response_id"] = parsed.continued
    repeated["store"] = False
    return repeated


WHOLE_FUNCTION = {"description": None, "parameters": None, "strict": None}
"""The fields that a function definition in a response always has (Open Responses)."""


def _whole_tool(raw: Raw) -> Raw:
    """Return a tool as a response repeats it: missing fields of a function are null."""
    if TOOL_HEAD.decode(raw).type != "function":
        return raw
    fields = FIELDS.decode(raw)
    missing = {name: value for name, value in WHOLE_FUNCTION.items() if name not in fields}
    return Raw(ENCODE({**fields, **missing})) if missing else raw


class Shell:
    """Everything of a response except its output: encoded once, repeated in every event that contains it."""

    __slots__ = ("_before", "_created", "_echo", "_id", "_model", "_tail")

    def __init__(self, parsed: Parsed, model: str) -> None:
        self._echo = echo(parsed)
        self._model = model
        self._id = ""
        self._created = 0
        self._before = b""
        self._tail = b""

    @property
    def id(self) -> str:
        """The id of the response; "" before it has begun."""
        return self._id

    @property
    def begun(self) -> bool:
        """Whether the answer has an id."""
        return bool(self._id)

    def begin(self, started: Started | None) -> None:
        """Take the provider's id, time and model, and generate those that are missing. Response ids begin
        with `resp_` in this format, followed by the provider's id.
        """
        native = started.id if started else ""
        self._id = (native if native.startswith("resp_") else f"resp_{native}") if native else new_id("resp_")
        self._created = (started.created if started else None) or int(time.time())
        model = (started.model if started else "") or self._model
        head = {"id": self._id, "object": "response", "created_at": self._created}
        self._before = ENCODE(head)[:-1] + b","
        self._tail = b"," + ENCODE({"model": model, **self._echo})[1:]

    def render(
        self,
        status: str,
        output: list[Raw],
        *,
        usage: Any = None,
        finished: Finished | None = None,
        error: Any = None,
    ) -> Raw:
        """Write the response with a status."""
        fields: dict[str, Any] = {
            "status": status,
            "completed_at": int(time.time()) if status == "completed" else None,
            "error": error,
            "incomplete_details": _why(finished) if status == "incomplete" else None,
            "output": output,
            "usage": usage,
        }
        if finished is not None and finished.native is not None:
            fields["native_finish_reason"] = finished.native
        return Raw(self._before + ENCODE(fields)[1:-1] + self._tail)


REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Finish reasons that leave a response incomplete."""


def _why(finished: Finished | None) -> dict[str, Any] | None:
    if finished is None or finished.reason not in REASONS:
        return None
    details = {"reason": REASONS[finished.reason]}
    return details if finished.detail is None else {**details, "detail": finished.detail}


def status_of(finished: Finished | None) -> str:
    """Return the status of a response with this finish."""
    return "incomplete" if finished is not None and finished.reason in REASONS else "completed"
