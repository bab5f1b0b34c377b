"""What is remembered of a client's head is right for each request that has it."""

import json
from typing import Any

from byte_client import Client
from running import Gateway
from simulator import Simulator
from simulator import json as answers

ANSWER = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}
CLAUDE = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


async def chat(client: Client, model: str, words: str = "Hi", **headers: str) -> tuple[int, dict[str, str]]:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": words}]}).encode()
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n{more}content-length: {len(body)}\r\n\r\n"
    )
    client.send(head.encode() + body)
    status, named, _ = await client.response()
    return status, named


async def test_each_provider_gets_its_own_headers_of_a_repeated_head() -> None:
    async with Simulator() as first, Simulator() as second, Simulator() as third:
        providers = {
            "a": ("openai", f"{first.url}/v1"),
            "b": ("openai_compatible", f"{second.url}/v1"),
            "c": ("anthropic", third.url),
        }
        async with Gateway(providers) as gateway:
            client = await Client.connect(gateway.port)
            called = [("a", first, ANSWER), ("b", second, ANSWER), ("c", third, CLAUDE)]
            said = {"openai_beta": "x=1", "user_agent": "me/1.0", "x_session_id": "s-1"}
            for round_ in range(4):
                for name, provider, answer in called:
                    provider.answer(answers(answer))
                    status, named = await chat(client, f"{name}/m", "Hi" * 7**round_, **said)
                    assert (status, named["x-tidegate-provider"]) == (200, name)
            client.close()
            sent = [[(await one.seen(number)).headers for number in range(1, 5)] for _, one, _ in called]
            for of_provider in sent:
                kept = [{k: v for k, v in one.items() if k != "content-length"} for one in of_provider]
                assert all(one == kept[0] for one in kept)
            assert [heads[0].get("openai-beta") for heads in sent] == ["x=1", "x=1", None]
            assert sent[2][0]["x-api-key"] == "sk-upstream-0123456789"
            records = [await gateway.record(number) for number in range(1, 13)]
            assert {(one["client"], one["session"]) for one in records} == {("me/1.0", "s-1")}


async def test_another_header_is_noticed_at_once() -> None:
    async with Simulator() as provider, Gateway({"a": ("openai", f"{provider.url}/v1")}) as gateway:
        client = await Client.connect(gateway.port)
        for value in ("x=1", "x=1", "x=1", "x=2", "x=2", "x=2", "x=1"):
            provider.answer(answers(ANSWER))
            assert (await chat(client, "a/m", openai_beta=value, user_agent=value))[0] == 200
        client.close()
        seen = [(await provider.seen(number)).headers["openai-beta"] for number in range(1, 8)]
        assert seen == ["x=1", "x=1", "x=1", "x=2", "x=2", "x=2", "x=1"]


async def test_a_reload_counts_for_connections_that_are_open() -> None:
    def config(key: str, more: str = "") -> Any:
        providers = {"a": ("openai", f"{provider.url}/v1")}
        return Gateway(providers, more=f'{more}\n[providers.a.headers]\nx-team = "{key}"').config

    async with Simulator() as provider, Gateway({"a": ("openai", f"{provider.url}/v1")}) as gateway:
        client = await Client.connect(gateway.port)
        teams: list[str | None] = []
        for team in (None, None, None, "red", "red", "blue"):
            if team is not None:
                await gateway.app.reload(config(team))
            provider.answer(answers(ANSWER))
            assert (await chat(client, "a/m"))[0] == 200
            teams.append((await provider.seen(len(teams) + 1)).headers.get("x-team"))
        assert teams == [None, None, None, "red", "red", "blue"]
        await gateway.app.reload(
            config("red", '[auth]\nmode = "keys"\nkeys = ["me:sk-one-0123456789abcdef"]')
        )
        assert (await chat(client, "a/m"))[0] == 401
        client.close()
