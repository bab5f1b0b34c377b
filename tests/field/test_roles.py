"""Messages of roles that a dialect does not have: the provider decides where it speaks the client's dialect,
and any other one is refused by name.
"""

import json
from typing import Any

import pytest

from field.calling import DOORS, plan, sent
from running import Gateway
from sdk.dialects import OPENAI
from simulator import Simulator
from tidegate.protocols.errors import InvalidRequest, Unsupported
from tidegate.protocols.gemini import PROTOCOL as GEMINI

FIELD = {"chat": "messages", "messages": "messages", "responses": "input"}
OWN = {
    "chat": "openai_compatible/m",
    "messages": "anthropic/claude-sonnet-4-5",
    "responses": "openai/gpt-5-codex",
}
ROLES = ["tester", "User", "critic 2", "Ünbekannt"]


def said(role: str, content: Any = "x") -> list[dict[str, Any]]:
    return [{"role": "user", "content": "hi"}, {"role": role, "content": content}]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("door", DOORS)
def test_the_provider_decides_about_a_role_in_its_own_dialect(door: str, role: str) -> None:
    contents = ["x", [{"type": "text", "text": "x"}], [{"type": "custom", "deep": {"a": [1]}}]]
    contents = contents if door != "responses" else ["x", [{"type": "input_text", "text": "x"}]]
    for content in contents:
        body = sent(door, OWN[door], **{FIELD[door]: said(role, content)})
        assert body[FIELD[door]] == said(role, content)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("role", ROLES)
def test_a_role_that_no_other_format_has_is_refused_by_name(door: str, role: str) -> None:
    for model in (
        "gemini/gemini-2.5-flash",
        "cohere/command-a-03-2025",
        "bedrock/m",
        OWN["chat"],
        OWN["messages"],
    ):
        if model == OWN[door]:
            continue
        with pytest.raises(Unsupported) as refused:
            plan(door, model, **{FIELD[door]: said(role)})
        assert refused.value.param == f"{FIELD[door]}.1.role"
        assert f'"{role}"' in refused.value.message
        assert '"user"' in refused.value.message


@pytest.mark.parametrize("door", ["chat", "messages", "responses"])
def test_an_empty_role_is_none(door: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        plan(door, OWN[door], **{FIELD[door]: said("")})
    assert refused.value.param == f"{FIELD[door]}.1.role"


def test_geminis_contents_may_have_any_role_on_their_way_to_gemini() -> None:
    contents = [{"role": "tester", "parts": [{"text": "x"}]}]
    parsed = GEMINI.parse_request(json.dumps({"contents": contents, "model": "m"}).encode())
    with pytest.raises(Unsupported) as refused:
        parsed.turn()
    assert refused.value.param == "contents.0.role"
    for role in ("model", "MODEL"):
        body = {
            "contents": [{"parts": [{"text": "q"}]}, {"role": role, "parts": [{"text": "a"}]}],
            "model": "m",
        }
        assert [one.role for one in GEMINI.parse_request(json.dumps(body).encode()).turn().messages] == [
            "user",
            "assistant",
        ]


async def test_of_several_candidates_the_one_with_the_clients_dialect_answers() -> None:
    more = '[models.both]\ncandidates = ["claude/m", "sim/m"]\norder = "priority"'
    async with Simulator() as provider:
        provider.answer(OPENAI.text)
        providers = {
            "sim": ("openai_compatible", f"{provider.url}/v1"),
            "claude": ("anthropic", provider.url),
        }
        async with Gateway(providers, more=more) as gateway:
            reply = await gateway.chat("both", messages=said("tester"))
            refused = await gateway.chat("claude/m", messages=said("tester"))
    assert (reply.status, reply.headers["x-tidegate-provider"]) == (200, "sim")
    assert (refused.status, refused.error["param"]) == (400, "messages.1.role")
    assert refused.error["message"].startswith('messages.1.role: claude does not know the role "tester"')
