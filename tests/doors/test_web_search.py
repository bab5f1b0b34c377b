"""Web search by the provider: each dialect's request for it reaches every provider that has one in that
provider's own words, its citations come back, and whatever cannot be carried is named.
"""

import json as jsonlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from running import Gateway, Reply, parse_config
from simulator import Script, Simulator, json, stream
from tidegate.config import ConfigError

URL = "https://harbour.example/tides"
PLACE = {"city": "Lisbon", "country": "PT", "timezone": "Europe/Lisbon"}
NEAR = {"type": "approximate", **PLACE}


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def gateway(provider: Simulator) -> AsyncIterator[Gateway]:
    async with Gateway(
        {
            "anthropic": ("anthropic", provider.url),
            "gemini": ("gemini", provider.url),
            "openai": ("openai", f"{provider.url}/v1"),
            "cohere": ("cohere", provider.url),
        },
        more=f"""
[providers.both]
kind = "openai"
base_url = "{provider.url}/both"
api_key = "sk-upstream-0123456789"
responses = true
[providers.local]
kind = "openai_compatible"
base_url = "{provider.url}/local"
responses = true
[providers.vertex]
kind = "vertex"
base_url = "{provider.url}"
api_key = "sk-upstream-0123456789"
project = "p"
""",
    ) as running:
        yield running


# --- what clients send -------------------------------------------------------------------------


async def chat(gateway: Gateway, model: str, options: Any = None, **fields: Any) -> Reply:
    return await gateway.chat(model, web_search_options=options or {}, **fields)


async def respond(gateway: Gateway, model: str, tool: Any = None, **fields: Any) -> Reply:
    tools = [{"type": "web_search", **(tool or {})}, *fields.pop("more", ())]
    return await gateway.post("/v1/responses", {"model": model, "input": "Hello", "tools": tools, **fields})


async def message(gateway: Gateway, model: str, tool: Any = None, **fields: Any) -> Reply:
    tools = [{"type": "web_search_20250305", "name": "web_search", **(tool or {})}, *fields.pop("more", ())]
    body = {"model": model, "max_tokens": 99, "messages": [{"role": "user", "content": "Hello"}]}
    return await gateway.post("/v1/messages", {**body, "tools": tools, **fields})


async def generate(gateway: Gateway, model: str, tool: Any = None, **fields: Any) -> Reply:
    body = {
        "contents": [{"role": "user", "parts": [{"text": "Hello"}]}],
        "tools": [{"google_search": tool or {}}],
    }
    return await gateway.post(f"/v1beta/models/{model}:generateContent", {**body, **fields})


# --- what providers answer ---------------------------------------------------------------------

CITED = {
    "type": "web_search_result_location",
    "url": URL,
    "title": "Tides",
    "encrypted_index": "EoQ=",
    "cited_text": "High tide is at noon.",
}
SEARCHED = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "tides"}},
        {
            "type": "web_search_tool_result",
            "tool_use_id": "srvtoolu_1",
            "content": [
                {
                    "type": "web_search_result",
                    "url": URL,
                    "title": "Tides",
                    "encrypted_content": "Eo=",
                    "page_age": None,
                }
            ],
        },
        {"type": "text", "text": "High tide is at noon.", "citations": [CITED]},
    ],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 9, "output_tokens": 7, "server_tool_use": {"web_search_requests": 1}},
}
GROUNDED = {
    "candidates": [
        {
            "content": {"role": "model", "parts": [{"text": "High tide is at noon."}]},
            "finishReason": "STOP",
            "groundingMetadata": {
                "webSearchQueries": ["tides"],
                "groundingChunks": [{"web": {"uri": URL, "title": "Tides"}}],
                "groundingSupports": [
                    {
                        "segment": {"startIndex": 0, "endIndex": 21, "text": "High tide is at noon."},
                        "groundingChunkIndices": [0],
                    }
                ],
            },
        }
    ],
    "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 7, "totalTokenCount": 16},
}
ANNOTATION = {"type": "url_citation", "start_index": 0, "end_index": 21, "url": URL, "title": "Tides"}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "gpt",
    "status": "completed",
    "output": [
        {
            "id": "ws_1",
            "type": "web_search_call",
            "status": "completed",
            "action": {"type": "search", "query": "tides"},
        },
        {
            "id": "msg_1",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [
                {
                    "type": "output_text",
                    "text": "High tide is at noon.",
                    "annotations": [ANNOTATION],
                    "logprobs": [],
                }
            ],
        },
    ],
    "usage": {"input_tokens": 9, "output_tokens": 7, "total_tokens": 16},
}
COMPLETION = {
    "id": "c_1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {
                "role": "assistant",
                "content": "High tide is at noon.",
                "annotations": [
                    {
                        "type": "url_citation",
                        "url_citation": {"start_index": 0, "end_index": 21, "url": URL, "title": "Tides"},
                    }
                ],
            },
        }
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16},
}

PROVIDERS: dict[str, tuple[str, Any]] = {
    "anthropic/claude-sonnet-4-5": ("anthropic", SEARCHED),
    "gemini/gemini-2.5-flash": ("gemini", GROUNDED),
    "both/gpt-5": ("responses", RESPONSE),
    "openai/gpt-4o-search-preview": ("chat", COMPLETION),
}
CLIENTS = {"chat": chat, "responses": respond, "anthropic": message, "gemini": generate}
DIALECT_OF = {"both/gpt-5": "responses", "openai/gpt-4o-search-preview": "chat"}


def declared(form: str, body: Any) -> Any:
    """The search in a request to a provider."""
    if form == "chat":
        return body["web_search_options"]
    (tool,) = body["tools"]
    return tool


BARE = {
    "anthropic": {"type": "web_search_20250305", "name": "web_search"},
    "gemini": {"googleSearch": {}},
    "responses": {"type": "web_search"},
    "chat": {},
}


def sources(client: str, reply: Reply) -> list[str]:
    """The addresses that a client reads in its own dialect."""
    body = reply.json
    if client == "chat":
        notes = body["choices"][0]["message"]["annotations"]
        return [note["url_citation"]["url"] for note in notes if note["type"] == "url_citation"]
    if client == "responses":
        parts = [part for item in body["output"] if item["type"] == "message" for part in item["content"]]
        return [note["url"] for part in parts for note in part["annotations"]]
    if client == "anthropic":
        return [cited.get("url") for block in body["content"] for cited in block.get("citations") or ()]
    return [chunk["web"]["uri"] for chunk in body["candidates"][0]["groundingMetadata"]["groundingChunks"]]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("model", PROVIDERS)
async def test_every_client_can_let_every_provider_search(
    provider: Simulator, gateway: Gateway, client: str, model: str
) -> None:
    form, answer = PROVIDERS[model]
    provider.answer(json(answer))
    if client == "chat" and form == "responses":
        pytest.skip("OpenAI's own chat completions get the client's bytes")
    reply = await CLIENTS[client](gateway, model)
    assert reply.status == 200, reply.body
    sent = provider.requests[0].json
    expected = {"google_search": {}} if client == form == "gemini" else BARE[form]
    assert declared(form, sent) == expected
    assert URL in sources(client, reply)
    assert "web_search" not in reply.headers.get("x-tidegate-dropped", "")


async def test_the_options_reach_anthropic(provider: Simulator, gateway: Gateway) -> None:
    provider.answer(json(SEARCHED))
    tool = {
        "filters": {"allowed_domains": ["harbour.example"]},
        "user_location": NEAR,
        "search_context_size": "low",
        "odd": 1,
    }
    reply = await respond(gateway, "anthropic/claude-sonnet-4-5", tool)
    (sent,) = provider.requests[0].json["tools"]
    assert sent == {
        "type": "web_search_20250305",
        "name": "web_search",
        "allowed_domains": ["harbour.example"],
        "user_location": NEAR,
    }
    dropped = reply.headers["x-tidegate-dropped"].split(",")
    assert {"tools.web_search.search_context_size", "tools.web_search.odd"} <= set(dropped)


async def test_the_options_reach_openai(provider: Simulator, gateway: Gateway) -> None:
    provider.answer(json(RESPONSE))
    tool = {"blocked_domains": ["spam.example"], "user_location": NEAR, "max_uses": 3}
    reply = await message(gateway, "both/gpt-5", tool)
    assert provider.requests[0].path == "/both/responses"
    (sent,) = provider.requests[0].json["tools"]
    assert sent == {
        "type": "web_search",
        "filters": {"blocked_domains": ["spam.example"]},
        "user_location": NEAR,
    }
    assert "tools.web_search.max_uses" in reply.headers["x-tidegate-dropped"]


async def test_the_options_of_a_chat_reach_others(provider: Simulator, gateway: Gateway) -> None:
    provider.answer(json(SEARCHED))
    options = {
        "search_context_size": "high",
        "user_location": {"type": "approximate", "approximate": PLACE},
    }
    reply = await chat(gateway, "anthropic/claude-sonnet-4-5", options)
    (sent,) = provider.requests[0].json["tools"]
    assert sent["user_location"] == NEAR
    assert reply.headers["x-tidegate-dropped"] == "web_search_options.search_context_size"


async def test_vertex_excludes_domains(provider: Simulator, gateway: Gateway) -> None:
    provider.answer(json(GROUNDED))
    await message(gateway, "vertex/gemini-2.5-flash", {"blocked_domains": ["spam.example"]})
    assert provider.requests[0].json["tools"] == [{"googleSearch": {"excludeDomains": ["spam.example"]}}]


async def test_functions_may_be_offered_beside_it(provider: Simulator, gateway: Gateway) -> None:
    provider.answer(json(SEARCHED))
    function = {"type": "function", "name": "look", "parameters": {"type": "object"}}
    await respond(gateway, "anthropic/claude-sonnet-4-5", more=[function])
    assert [tool["name"] for tool in provider.requests[0].json["tools"]] == ["web_search", "look"]


async def test_a_search_is_counted(provider: Simulator, gateway: Gateway) -> None:
    provider.answer(json(SEARCHED))
    await respond(gateway, "anthropic/claude-sonnet-4-5")
    record = await gateway.record()
    assert record["usage"]["searches"] == 1


def streamed() -> Script:
    """The same answer of Anthropic as a stream."""
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**SEARCHED, "content": [], "stop_reason": None}}
    ]
    for index, block in enumerate(SEARCHED["content"]):  # type: ignore[arg-type, var-annotated]
        start = {**block, "text": "", "citations": []} if block["type"] == "text" else {**block, "input": {}}
        if block["type"] == "web_search_tool_result":
            start = block
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        if block["type"] == "server_tool_use":
            delta: dict[str, Any] = {"type": "input_json_delta", "partial_json": '{"query":"tides"}'}
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
        if block["type"] == "text":
            cited = {"type": "citations_delta", "citation": CITED}
            text = {"type": "text_delta", "text": block["text"]}
            events += [
                {"type": "content_block_delta", "index": index, "delta": delta} for delta in (cited, text)
            ]
        events.append({"type": "content_block_stop", "index": index})
    events.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": SEARCHED["usage"]})
    events.append({"type": "message_stop"})
    return stream([f"event: {one['type']}\ndata: {jsonlib.dumps(one)}\n\n".encode() for one in events])


@pytest.mark.parametrize("client", ["chat", "responses"])
async def test_the_citations_of_a_stream_come_back(
    provider: Simulator, gateway: Gateway, client: str
) -> None:
    provider.answer(streamed())
    reply = await CLIENTS[client](gateway, "anthropic/claude-sonnet-4-5", stream=True)
    assert provider.requests[0].json["tools"] == [BARE["anthropic"]]
    assert reply.status == 200
    found = str(reply.chunks)
    assert URL in found
    assert "url_citation" in found
    assert "High tide is at noon." in found


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("model", ["cohere/command-a", "openai/gpt-4o", "local/m"])
async def test_a_provider_without_a_search_is_refused_by_name(
    provider: Simulator, gateway: Gateway, client: str, model: str
) -> None:
    if (client == "chat" and not model.startswith("cohere")) or (
        client == "responses" and model == "local/m"
    ):
        pytest.skip("the client's own bytes")
    reply = await CLIENTS[client](gateway, model)
    assert (reply.status, provider.requests) == (400, [])
    assert model.partition("/")[0] in str(reply.json)
    assert "web search" in str(reply.json)


REFUSED = {
    "allowed domains at Google": (message, "gemini/gemini-2.5-flash", {"allowed_domains": ["a.example"]}),
    "blocked domains at the Gemini API": (
        message,
        "gemini/gemini-2.5-flash",
        {"blocked_domains": ["a.example"]},
    ),
    "domains of a chat": (message, "openai/gpt-4o-search-preview", {"allowed_domains": ["a.example"]}),
    "both kinds of domains": (
        respond,
        "anthropic/claude-sonnet-4-5",
        {"filters": {"allowed_domains": ["a.example"], "blocked_domains": ["b.example"]}},
    ),
    "only OpenAI's index": (respond, "anthropic/claude-sonnet-4-5", {"external_web_access": False}),
}


@pytest.mark.parametrize(("ask", "model", "tool"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_search_that_would_be_another_one_is_refused(
    provider: Simulator, gateway: Gateway, ask: Any, model: str, tool: Any
) -> None:
    reply = await ask(gateway, model, tool)
    assert (reply.status, provider.requests) == (400, [])


async def test_google_is_not_asked_for_a_search_beside_functions(
    provider: Simulator, gateway: Gateway
) -> None:
    function = {"name": "look", "input_schema": {"type": "object"}}
    reply = await message(gateway, "gemini/gemini-2.5-flash", more=[function])
    assert (reply.status, provider.requests) == (400, [])
    assert "search the web and call functions" in reply.error["message"]


# --- the setting -------------------------------------------------------------------------------


async def test_a_server_with_the_responses_api_gets_its_clients_bytes(
    provider: Simulator, gateway: Gateway
) -> None:
    provider.answer(json(RESPONSE))
    body = b'{"model":"local/m","input":"Hello","previous_response_id":"resp_0","odd":{"x":1.0}}'
    reply = await gateway.post("/v1/responses", body)
    assert reply.status == 200
    assert provider.requests[0].path == "/local/responses"
    assert provider.requests[0].body == body.replace(b"local/m", b"m")


def test_only_kinds_with_chat_completions_may_have_the_responses_api() -> None:
    with pytest.raises(ConfigError, match="the kind anthropic does not use OpenAI's chat completions"):
        parse_config('[providers.a]\nkind = "anthropic"\napi_key = "k"\nresponses = true')
