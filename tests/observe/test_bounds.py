"""A record is one line of at most a pipe's size, whatever its parts are."""

import io
import json
import logging
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.observe import Considered, Decision, Record
from tidegate.observe.logs import JsonFormatter, TextFormatter
from tidegate.observe.record import FailedAttempt, SkippedCandidate
from tidegate.observe.request_log import PIPE_BUF, RequestLog, render_json, render_text
from tidegate.protocols.usage import Usage

RENDERERS = [render_json, render_text]
TEXTS = ("correlation", "path", "model", "provider", "provider_model", "finish", "caller", "error")
CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def record(**fields: Any) -> Record:
    given = {"time": "2026-11-29T00:00:00.000Z", "id": "req_0632fe6aeb1b0005fb29", "door": "openai"}
    return Record(**given | {"path": "/v1/x", "status": 200, "ended": "complete"} | fields)


def one_line(line: bytes) -> str:
    """The line without its end; asserts that it is one, and a short one."""
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert len(line) <= PIPE_BUF
    return line.decode().rstrip("\n")


@pytest.mark.parametrize("render", RENDERERS)
@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("text", ["x" * 900_000, "\x00" * 9000, "🌊" * 9000, "\ud800" * 9000, "\x1b[2J"])
def test_any_text_of_any_length_leaves_a_short_line(render: Any, name: str, text: str) -> None:
    line = one_line(render(record(**{name: text})))
    assert "req_0632fe6aeb1b0005fb29" in line
    if render is render_json and len(text) > 900 and name != "finish":
        assert json.loads(line)["shortened"] == [name]
        assert "…" in json.loads(line)[name]


@pytest.mark.parametrize("render", RENDERERS)
def test_many_and_long_parts_leave_a_short_line(render: Any) -> None:
    usage = Usage(**dict.fromkeys(Usage.__struct_fields__, 10**15))
    attempt = FailedAttempt("p" * 5000, "m" * 5000, 500, "e\x1b" * 5000, 1e9, True, True, usage)
    attempts = [attempt] * 40
    worst = dict.fromkeys(TEXTS, "\x01" * 9000)
    names = tuple(f"x{number}" * 100_000 for number in range(12))
    skipped = [SkippedCandidate("p" * 5000, "m" * 5000, "r\x1b" * 5000)] * 40
    third = 1 / 3
    one = Considered(
        "p\x01" * 5000, "m\x01" * 5000, "breaker", third, third, third, third, third, 10**6, True, third
    )
    routing = Decision("throughput", [one] * 20, True, (9, 11), 10**6, True, True)
    lists = {"attempts": attempts, "skipped": skipped, "routing": routing}
    line = one_line(render(record(dropped=names, usage=usage, **lists, **worst)))
    if render is render_json:
        result = json.loads(line)
        assert set(result["shortened"]) >= {"attempts", "path", "error", "dropped", "skipped", "routing"}
        assert len(result["attempts"]) == len(result["skipped"]) == len(result["routing"]["candidates"]) == 3
        assert result["routing"]["candidates"][0]["cost_usd"] == third
        assert result["usage"]["input"] == 10**15


def test_a_line_that_fits_is_not_cut() -> None:
    line = json.loads(render_json(record(path="/" + "x" * 3000, dropped=("seed", "tools.0.function.strict"))))
    assert len(line["path"]) == 3001
    assert line["dropped"] == ["seed", "tools.0.function.strict"]
    assert "shortened" not in line


def test_a_count_that_is_none_is_left_out_and_named() -> None:
    result = json.loads(render_json(record(usage=Usage(input=10**5000, output=3))))
    assert result["usage"] == {"output": 3}
    assert result["shortened"] == ["usage"]
    assert "shortened usage" in render_text(record(usage=Usage(input=10**5000))).decode()
    cancelled = FailedAttempt("p", "m", 499, "overtaken", usage=Usage(input=10**5000, output=3))
    result = json.loads(render_json(record(attempts=[cancelled])))
    assert result["attempts"][0]["usage"] == {"output": 3}
    assert result["shortened"] == ["attempts"]


def test_names_that_hold_more_than_a_name_are_not_repeated() -> None:
    result = json.loads(render_json(record(dropped=("metadata.my secret is 7", "top_k"), finish="I am done")))
    assert result["dropped"] == ["metadata.*", "top_k"]
    assert result["finish"] == "*"


def test_a_line_for_people_holds_nothing_that_acts_on_a_terminal() -> None:
    evil = "m\r\n2026-11-29T00:00:00Z req_forged\x1b[2J\x9b2J\u2028\u202etxt"
    line = one_line(render_text(record(model=evil, error=evil, provider=evil, provider_model=evil)))
    assert CONTROLS.search(line) is None
    assert r"m\r\n2026" in line
    assert r"\x1b[2J\x9b2J\u2028\u202etxt" in line


ANYTHING = st.text(st.characters(), max_size=300) | st.text(
    st.characters(categories=["Cc", "Cs"]), max_size=900
)


@pytest.mark.parametrize("render", RENDERERS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_there_is_always_a_line(render: Any, data: st.DataObject) -> None:
    texts = {name: data.draw(ANYTHING) for name in TEXTS}
    attempts = data.draw(
        st.lists(st.builds(FailedAttempt, ANYTHING, ANYTHING, st.integers(0, 999), ANYTHING), max_size=9)
    )
    counts = data.draw(st.lists(st.integers(0, 10**30) | st.none(), min_size=11, max_size=11))
    usage = Usage(**dict(zip(Usage.__struct_fields__, counts, strict=True)))
    names = tuple(data.draw(st.lists(ANYTHING, max_size=30)))
    line = one_line(render(record(dropped=names, attempts=attempts, usage=usage, **texts)))
    if render is render_json:
        msgspec.json.decode(line.encode(), type=Record)
    else:
        assert CONTROLS.search(line) is None


# --- the log of the process ------------------------------------------------------------------


SECRET = "".join(reversed("what was said"))
"""In no line of this file as it is, since traces show lines of the source."""


def logged(formatter: logging.Formatter, name: str, message: str, raised: BaseException | None = None) -> str:
    """A line of the log, with the trace of an exception that has a cause."""
    trace = None
    if raised is not None:
        try:
            try:
                raise KeyError(SECRET)
            except KeyError as cause:
                raise raised from cause
        except BaseException as error:  # noqa: BLE001 it is what is rendered
            trace = (type(error), error, error.__traceback__)
    return formatter.format(logging.LogRecord(name, logging.ERROR, __file__, 1, message, None, trace))


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_a_trace_has_place_and_type_but_no_message(formatter: logging.Formatter) -> None:
    line = logged(formatter, "tidegate", "it failed", ValueError(f"invalid literal: {SECRET!r}"))
    assert SECRET not in line
    assert line.index("KeyError") < line.index("ValueError")
    assert "in logged" in line


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_the_systems_message_is_kept(formatter: logging.Formatter) -> None:
    assert "FileNotFoundError: No such file" in logged(
        formatter, "tidegate", "it failed", FileNotFoundError(2, "No such file")
    )


def test_a_line_of_the_log_holds_nothing_that_acts_on_a_terminal() -> None:
    line = logged(TextFormatter(), "tidegate", "m\x1b[2J\rforged\nforged too")
    assert "\n" not in line
    assert CONTROLS.search(line) is None


def test_asyncios_message_about_a_task_ends_before_its_exception() -> None:
    message = f"Task exception was never retrieved\nfuture: <Task exception=ValueError({SECRET!r})>"
    line = logged(TextFormatter(), "asyncio", message)
    assert SECRET not in line
    assert line.endswith("Task exception was never retrieved")


MADE_ANEW = [
    {"path": "/" + "x" * 3950}, {"finish": "no name"}, {"dropped": ("a b",)}, {"total_ms": 0.0},
]  # fmt: skip


@pytest.mark.parametrize("fields", [{}, {"response_bytes": 10**9, "provider_cost": 3}, *MADE_ANEW])
async def test_a_record_that_was_encoded_before_its_end_gives_the_same_line(fields: dict[str, Any]) -> None:
    out = io.BytesIO()
    log, one = RequestLog(render_json, out), record(**{"total_ms": 12.5, "began_ms": 0.25} | fields)
    encoded = msgspec.json.encode(one)
    one.total_ms, one.first_byte_ms, one.overhead_ms = 13.125, 12.75, 0.5
    log.write(one, encoded)
    log.flush()
    assert out.getvalue() == render_json(one)
