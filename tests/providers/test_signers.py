"""Requests that a key in a header does not authorize are signed, on a real socket."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from json import dumps
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from running import HELLO, Gateway, Reply
from simulator import Seen, Simulator, json
from tidegate.config import ProviderConfig, Secret
from tidegate.protocols.contract import Call
from tidegate.providers import Service
from tidegate.providers.signing import Credentials, Scope, sign

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
CONVERSED = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 3, "outputTokens": 1, "totalTokens": 4},
}
GENERATED = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1, "totalTokenCount": 4},
}


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as provider:
        yield provider


async def ask(kind: str, model: str, url: str, *settings: str) -> Reply:
    lines = ["[providers.it]", f'kind = "{kind}"', f'base_url = "{url}"', *settings]
    async with Gateway(more="\n".join(lines)) as gateway:
        return await gateway.post("/v1/chat/completions", {"model": f"it/{model}", **HELLO})


# --- AWS -------------------------------------------------------------------------------------

AWS = ('region = "eu-west-1"', 'access_key_id = "AKIDEXAMPLE"', f'secret_access_key = "{SECRET}"')
MODEL = "us.amazon.nova-micro-v1:0"


def signed_anew(seen: Seen, url: str, credentials: Credentials) -> str:
    """The authorization that belongs to what arrived."""
    result = re.search(r"SignedHeaders=([^,]+)", seen.headers["authorization"])
    assert result is not None
    headers = {name: seen.headers[name] for name in result[1].split(";")}
    now = datetime.strptime(headers.pop("x-amz-date"), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    headers.pop("x-amz-security-token", None)
    scope = Scope("eu-west-1", "bedrock")
    return sign("POST", url + seen.path, headers, seen.body, credentials, scope, now)["authorization"]


@pytest.mark.parametrize("token", [None, "session-token-0123456789"])
async def test_what_arrives_at_aws_is_what_was_signed(provider: Simulator, token: str | None) -> None:
    provider.answer(json(CONVERSED))
    temporary = () if token is None else (f'session_token = "{token}"',)
    reply = await ask("bedrock", MODEL, provider.url, *AWS, *temporary)
    (seen,) = provider.requests
    assert reply.status == 200
    assert seen.path == "/model/us.amazon.nova-micro-v1%3A0/converse"
    assert seen.headers["authorization"] == signed_anew(
        seen, provider.url, Credentials("AKIDEXAMPLE", SECRET, token)
    )
    assert seen.headers.get("x-amz-security-token") == token
    assert "host" in seen.headers["authorization"]
    assert SECRET not in str(seen.headers)


async def test_a_key_goes_before_credentials(provider: Simulator) -> None:
    provider.answer(json(CONVERSED))
    await ask("bedrock", MODEL, provider.url, *AWS, 'api_key = "bedrock-api-key-0123456789"')
    assert provider.requests[0].headers["authorization"] == "Bearer bedrock-api-key-0123456789"


def authorization(headers: bytes) -> bytes:
    (line,) = [line for line in headers.split(b"\r\n") if line.startswith(b"authorization: ")]
    return line


async def test_two_requests_are_signed_by_themselves() -> None:
    config = ProviderConfig(
        kind="bedrock", region="eu-west-1", access_key_id="AKID", secret_access_key=Secret(SECRET)
    )
    service = Service("it", config)
    calls = [Call("/model/m/converse", body, stream=False) for body in (b"{}", b"[]")]
    first, second = [await service.authorize(call, [], "openai_chat") for call in calls]
    assert authorization(first) != authorization(second)
    assert b"authorization" not in service.headers_for([], "openai_chat")
    assert SECRET not in repr(service)


# --- Google ----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def write_account(folder: Path, private_key: str, token_uri: str) -> str:
    """A service account's file, as Google's console gives it; as a setting."""
    account = {
        "type": "service_account",
        "project_id": "p",
        "private_key_id": "1",
        "private_key": private_key,
        "client_email": "it@p.iam.gserviceaccount.com",
        "token_uri": token_uri,
    }
    path = folder / "account.json"
    path.write_text(dumps(account))
    return f'credentials_file = "{path}"'


def answer_as_google(lifetime_s: int) -> Any:
    """Tokens at /token, each another one; models elsewhere."""
    given: list[str] = []

    def answer(seen: Seen) -> Any:
        if seen.path != "/token":
            return json(GENERATED)
        given.append(f"ya29.token-{len(given) + 1}")
        return json({"access_token": given[-1], "expires_in": lifetime_s, "token_type": "Bearer"})

    return answer


@pytest.mark.parametrize(("lifetime_s", "tokens"), [(3600, [1, 1]), (1, [1, 2])])
async def test_a_token_of_google_serves_until_it_is_old(
    provider: Simulator, tmp_path: Path, private_key: str, lifetime_s: int, tokens: list[int]
) -> None:
    provider.answer(answer_as_google(lifetime_s))
    file = write_account(tmp_path, private_key, f"{provider.url}/token")
    lines = ["[providers.it]", 'kind = "vertex"', f'base_url = "{provider.url}"', 'project = "p"', file]
    async with Gateway(more="\n".join(lines)) as gateway:
        for _ in tokens:
            reply = await gateway.post("/v1/chat/completions", {"model": "it/gemini-2.5-flash", **HELLO})
            assert reply.status == 200
    asked = [seen.headers["authorization"] for seen in provider.requests if seen.path != "/token"]
    assert asked == [f"Bearer ya29.token-{number}" for number in tokens]


@pytest.mark.parametrize("content", ["", "{}", '{"type": "service_account"}', None])
async def test_invalid_credentials_are_reported(
    provider: Simulator, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "account.json"
    if content is not None:
        path.write_text(content)
    reply = await ask(
        "vertex", "gemini-2.5-flash", provider.url, 'project = "p"', f'credentials_file = "{path}"'
    )
    assert reply.status == 502
    assert "Google's credentials cannot be used" in reply.error["message"]
    assert str(tmp_path) not in reply.error["message"]
    assert not provider.requests
