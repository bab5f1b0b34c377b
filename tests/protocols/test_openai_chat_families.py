"""OpenAI's model families: what is sent to which model."""

import json
from typing import Any

import pytest

from tidegate.protocols.contract import Target
from tidegate.protocols.openai_chat import PROTOCOL, Dialect
from tidegate.providers.families import profile_of


def sent(model: str, **fields: Any) -> dict[str, Any]:
    """The tuning that reaches a model, spliced."""
    result = {"model": "x", "messages": [{"role": "user", "content": "hi"}], **fields}
    asked = PROTOCOL.parse_request(json.dumps(result).encode())
    body = json.loads(PROTOCOL.splice_request(asked, Target(model, Dialect(), profile_of(model))).body)
    return {name: value for name, value in body.items() if name not in ("model", "messages")}


@pytest.mark.parametrize(
    ("model", "renamed"),
    [
        ("gpt-4o", False),
        ("gpt-4.1-mini-2025-04-14", False),
        ("openai/gpt-oss-120b", False),
        ("o1", True),
        ("o3-mini", True),
        ("o4-mini-2025-04-16", True),
        ("gpt-5", True),
        ("gpt-5-chat-latest", True),
        ("gpt-5.1-codex-max", True),
        ("gpt-5.6-luna", True),
        ("gpt-6.1-sol", True),
        ("gpt-5.2_2025-12-11", True),
    ],
)
def test_the_limit_has_its_new_name_from_the_o_series_on(model, renamed):
    assert sent(model, max_tokens=9) == {"max_completion_tokens" if renamed else "max_tokens": 9}


@pytest.mark.parametrize(
    ("model", "effort", "kept"),
    [
        ("gpt-4o", None, True),
        ("o3", None, False),
        ("o3-mini", "low", False),
        ("gpt-5", None, False),
        ("gpt-5-chat-latest", None, True),
        ("gpt-5.1", None, True),
        ("gpt-5.1", "low", False),
        ("gpt-5.4-mini", "none", True),
        ("gpt-5.5", None, False),
        ("gpt-5.5", "none", True),
        ("gpt-5.6-sol", None, False),
        ("gpt-5.2-pro", "high", False),
        ("gpt-4o-search-preview", None, False),
    ],
)
def test_temperature_is_kept_from_models_while_they_reason(model, effort, kept):
    result = sent(model, temperature=0.3, **({"reasoning_effort": effort} if effort else {}))
    assert ("temperature" in result) is kept
    assert sent(model, temperature=1) == {"temperature": 1}


@pytest.mark.parametrize(
    ("model", "asked", "result"),
    [
        ("o3", "minimal", "low"),
        ("o3", "none", "low"),
        ("o4-mini", "xhigh", "high"),
        ("gpt-5", "none", "minimal"),
        ("gpt-5", "max", "high"),
        ("gpt-5-pro", "low", "high"),
        ("gpt-5.1", "minimal", "low"),
        ("gpt-5.1", "none", "none"),
        ("gpt-5.2", "xhigh", "xhigh"),
        ("gpt-5.1-chat-latest", "high", "medium"),
        ("gpt-5.3-codex", "none", "low"),
        ("gpt-5.6-terra", "max", "max"),
        ("gpt-5.6-terra", "minimal", "low"),
        ("gpt-oss-20b", "xhigh", "high"),
        ("gpt-4.1", "high", None),
    ],
)
def test_efforts_are_moved_to_the_nearest_that_a_model_knows(model, asked, result):
    assert sent(model, reasoning_effort=asked).get("reasoning_effort") == result


@pytest.mark.parametrize(
    ("model", "kept"),
    [("o3-mini", True), ("o3", False), ("o4-mini", False), ("gpt-5.6-luna", False), ("gpt-4o", True)],
)
def test_stop_is_kept_from_models_that_refuse_it(model, kept):
    assert ("stop" in sent(model, stop=["x"])) is kept


def test_facts_of_single_families():
    assert profile_of("o1-mini").system_role == "user"
    assert profile_of("gpt-5.4").system_role == "developer"
    assert not profile_of("gpt-audio").reports_finish
    assert not profile_of("gpt-5-pro").streams
    assert profile_of("openai/gpt-oss-120b").limit_field is None
