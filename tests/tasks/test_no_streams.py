"""Tasks whose answers are one piece refuse a stream by name, before a provider is called."""

from typing import Any

import pytest

from running import Gateway
from simulator import Simulator, json

TASKS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "embeddings": ("/v1/embeddings", {"input": "Hi"}, {"data": [{"embedding": [0.5], "index": 0}]}),
    "moderations": ("/v1/moderations", {"input": "Hi"}, {"results": [{"flagged": False}]}),
}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("stream", [True, False, None, "yes", "", 0, 1, [], {}, 1.5])
async def test_a_stream_is_refused_by_name(task: str, stream: Any) -> None:
    path, request, answer = TASKS[task]
    async with Simulator() as provider, Gateway({"openai": ("openai", f"{provider.url}/v1")}) as gateway:
        provider.answer(json(answer))
        reply = await gateway.post(path, {"model": "openai/m", **request, "stream": stream})
        record = await gateway.record()
    if stream is None or stream is False:
        assert reply.status == 200
        return
    assert (reply.status, reply.error["param"], provider.requests) == (400, "stream", [])
    expected = f"{task} are not streamed" if stream is True else "stream: expected true or false"
    assert expected in reply.error["message"]
    assert record["ended"] == "refused"
