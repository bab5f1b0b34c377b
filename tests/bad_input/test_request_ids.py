"""The id of a request in its response, whatever the response is."""

import pytest

from running import Gateway

PATHS = (
    "/v1/chat/completions",
    "/v1/responses",
    "/v1/messages",
    "/v1beta/models/x:generateContent",
    "/v1/embeddings",
    "/v1/images/edits",
    "/llm-gate/v1/chat",
    "/nothing",
)


@pytest.mark.parametrize("path", PATHS)
async def test_an_error_has_one_request_id(path: str) -> None:
    async with Gateway() as gateway, gateway.session.post(gateway.url + path, data=b"{}") as response:
        assert response.status >= 400
        assert len(response.headers.getall("x-request-id")) == 1
