"""Who is billed is the operator's choice: no header of a client's changes it."""

import pytest

from running import HELLO, Gateway
from sdk.dialects import OPENAI
from simulator import Simulator
from tidegate.config import kinds

THEIRS = {"openai-organization": "org-theirs", "openai-project": "proj-theirs"}
KINDS = [kind.name for kind in kinds().values() if "organization" in kind.options]
REQUESTS = {
    "/v1/chat/completions": {"model": "sim/m", **HELLO},
    "/v1/responses": {"model": "sim/m", "input": "Hello"},
    "/v1/embeddings": {"model": "sim/m", "input": "Hello"},
    "/v1/images/generations": {"model": "sim/m", "prompt": "Hello"},
}


def test_there_are_such_kinds() -> None:
    assert "openai" in KINDS


@pytest.mark.parametrize("path", REQUESTS)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_client_never_replaces_the_operators_organization(kind: str, path: str) -> None:
    async with Simulator() as provider:
        provider.answer(OPENAI.text)
        more = (
            f'[providers.sim]\nkind = "{kind}"\nbase_url = "{provider.url}/v1"\napi_key = "k"\n'
            'organization = "org-ours"\nproject = "proj-ours"\n'
        )
        async with Gateway(more=more) as gateway:
            await gateway.post(path, REQUESTS[path], THEIRS)
        [seen] = provider.requests
    assert seen.headers["openai-organization"] == "org-ours"
    assert seen.headers["openai-project"] == "proj-ours"
    assert "theirs" not in str(seen.headers)
