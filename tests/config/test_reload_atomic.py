"""A reload that fails on its way leaves all of the old configuration in force."""

import pytest
from msgspec.structs import replace

from running import Gateway
from tidegate.config import Api, Auth, ModelConfig, Secret, Server


async def test_a_reload_that_fails_changes_nothing_at_all() -> None:
    async with Gateway({"demo": ("demo", "")}) as gateway:
        broken = replace(
            gateway.config,
            server=Server(cors_origins=("https://other.example",)),
            auth=Auth(mode="keys", keys=(Secret("sk-of-a-client-0123456789"),)),
            api=Api(llm_gate="/elsewhere", title="Another"),
            models={"x": ModelConfig(candidates=("nobody/m",))},
        )
        with pytest.raises(KeyError):
            await gateway.app.reload(broken)
        reply = await gateway.post("/v1/chat/completions", CHAT, {"origin": "http://localhost:3000"})
        assert (reply.status, reply.headers["access-control-allow-origin"]) == (
            200,
            "http://localhost:3000",
        )
        assert (await gateway.get("/elsewhere/health")).status == 404
        assert (await gateway.get("/llm-gate/openapi.json")).status == 200
        assert (await gateway.get("/openapi.json")).json["info"]["title"] == "Tidegate"


async def test_a_reload_replaces_the_pages_too() -> None:
    async with Gateway({"demo": ("demo", "")}) as gateway:
        assert (await gateway.get("/openapi.json")).json["info"]["title"] == "Tidegate"
        await gateway.app.reload(replace(gateway.config, api=Api(title="Another", llm_gate="/elsewhere")))
        assert (await gateway.get("/openapi.json")).json["info"]["title"] == "Another"
        assert (await gateway.get("/elsewhere/openapi.json")).status == 200
        assert (await gateway.get("/llm-gate/openapi.json")).status == 404


CHAT = {"model": "demo/echo", "messages": [{"role": "user", "content": "Hello"}]}
