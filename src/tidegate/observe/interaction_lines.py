"""An interaction as lines for people, or as one line of JSON.

As lines it is a sequence: request start, with the model and the user's words; downstream request, with the
provider and the data; downstream response, with the time and the data; response complete, with the status and
the time; the model's answer; the token usage. All begin with the time and the request's id. What clients and
models wrote is on one line each, without control characters; non-ASCII text stays as it is.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from tidegate.protocols.excerpt import escape_controls, escape_json

from .interaction import BodyText, Interaction
from .record import Record
from .request_log import render_json

__all__ = ["failed", "render_interaction", "render_interaction_json"]

NOT_KEPT = "not recorded"


def render_interaction(interaction: Interaction) -> bytes:
    """An interaction as lines."""
    record = interaction.record
    arrived = _moment(record.time)
    lines = []
    for after_ms, what, *parts in _story(interaction):
        moment = f"{arrived + timedelta(milliseconds=after_ms):%Y-%m-%d %H:%M:%S.%f}"[:-3]
        text = " | ".join([moment, f"[{record.id}] {what}", *parts])
        lines.append(escape_controls(text) + "\n")
    return "".join(lines).encode(errors="backslashreplace")


def render_interaction_json(interaction: Interaction) -> bytes:
    """An interaction as one line of JSON."""
    record = interaction.record
    fields: dict[str, Any] = {
        "timestamp": record.time,
        "request_id": record.id,
        "status": "error" if failed(record) else "success",
        "error": record.error,
        "processing_time": round(record.total_ms / 1000, 3),
        "model": record.model,
        "user_message": interaction.asked,
        "answer": interaction.answered,
        "downstream": [
            {
                "provider": provider,
                "request": _json(interaction.bodies.get(f"{number}.request")),
                "response": _json(interaction.bodies.get(f"{number}.response")),
            }
            for number, (provider, _, _) in enumerate(_attempts(record))
        ],
        "record": msgspec.Raw(render_json(record).strip()),
    }
    try:
        line = msgspec.json.encode(fields)
    except UnicodeEncodeError:  # a lone surrogate
        fields |= {name: escape_controls(fields[name] or "") for name in ("user_message", "answer", "model")}
        line = msgspec.json.encode(fields)
    return escape_json(line.decode()).encode() + b"\n"


def failed(record: Record) -> bool:
    """Whether a request did not end well for its client."""
    return record.error is not None


def _story(interaction: Interaction) -> Iterator[tuple[Any, ...]]:
    record, bodies = interaction.record, interaction.bodies
    yield 0.0, "request start", f"model={record.model or '-'}", f"user: {_words(interaction.asked)}"
    for number, (provider, began_ms, ended_ms) in enumerate(_attempts(record)):
        sent, received = bodies.get(f"{number}.request"), bodies.get(f"{number}.response")
        yield began_ms, "downstream request", f"provider={provider}", f"data: {_data(sent)}"
        time = f"time={(ended_ms - began_ms) / 1000:.3f}s"
        yield ended_ms, "downstream response", f"provider={provider}", time, f"data: {_data(received)}"
    ended = [f"status={record.status}", f"time={record.total_ms / 1000:.3f}s", f"ended={record.ended}"]
    if record.error is not None:
        ended.append(f"error: {record.error}")
    yield record.total_ms, "response complete", *ended
    if interaction.answered is not None:
        yield record.total_ms, f"answer: {interaction.answered}"
    usage = record.usage
    if usage is not None:
        prompt, completion = usage.prompt_tokens, usage.completion_tokens
        total = None if prompt is None and completion is None else (prompt or 0) + (completion or 0)
        counts = (f"{name}={'?' if count is None else count}" for name, count in (
            ("input", prompt), ("output", completion), ("total", total),
        ))  # fmt: skip
        yield record.total_ms, "token usage", *counts


def _attempts(record: Record) -> list[tuple[str, float, float]]:
    """The provider of each attempt in the order in which they began, and its first and last millisecond."""
    found = [(one.provider, one.began_ms or 0.0, (one.began_ms or 0.0) + one.ms) for one in record.attempts]
    last = record.attempts[-1] if record.attempts else None
    is_last = last is not None and (last.began_ms, last.provider) == (record.began_ms, record.provider)
    if record.began_ms is not None and record.provider is not None and not is_last:
        found.append((record.provider, record.began_ms, record.total_ms))
    return sorted(found, key=lambda one: one[1])


def _words(text: str | None) -> str:
    return text if text is not None else NOT_KEPT


def _data(body: BodyText | None) -> str:
    if body is None:
        return NOT_KEPT
    text = _ESCAPED.sub(_readable, body.text)
    return f"{text} [of {body.bytes} bytes]" if body.truncated else text


def _readable(found: re.Match[str]) -> str:
    """Escapes of JSON as the characters that they stand for, if these are printable and not ASCII."""
    try:
        text: str = msgspec.json.decode(f'"{found[2]}"', type=str)
    except msgspec.MsgspecError:  # half of a pair
        return found[0]
    return found[1] + text if text.isprintable() and min(text) >= "\xa0" else found[0]


_ESCAPED = re.compile(r"(?<!\\)((?:\\\\)*)((?:\\u[0-9a-fA-F]{4})+)")


def _json(body: BodyText | None) -> Any:
    """A body as JSON, if it is; else as a text."""
    if body is None:
        return None
    try:
        return msgspec.json.decode(body.text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return body.text


def _moment(time: str) -> datetime:
    try:
        return datetime.fromisoformat(time)
    except ValueError:
        return datetime.now(UTC)
