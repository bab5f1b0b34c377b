"""Fetching of what clients link to: where it goes, what it takes, and what it tells."""

import asyncio
import base64
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_address
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from byte_server import Peer, plain, serving
from running import Gateway, Reply
from simulator import Script, Seen, Simulator, json, refusal
from tidegate.upstream import Budget, Fetcher, NotFetched
from tidegate.upstream.allowed import Address, is_public
from tidegate.upstream.fetch import type_of_content

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
IMAGES = frozenset(["image/png", "image/jpeg", "image/gif", "image/webp"])
MB = 1024 * 1024


class Names(AbstractResolver):
    """A resolver that knows what a test tells it; each look-up takes the next answer, the last one stays."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self._answers = {name.replace("_", "."): found for name, found in answers.items()}
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        answers = self._answers.get(host)
        if not answers:
            raise OSError("no such name: a secret of the inside")
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=one,
                port=port,
                family=socket.AF_INET6 if ":" in one else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for one in found
        ]

    async def close(self) -> None:
        """Nothing is open."""


def only(*texts: str) -> Callable[[Address], bool]:
    """Allow these addresses, which stand for public ones: tests have nothing but loopback."""
    allowed = {ip_address(text) for text in texts}
    return lambda address: address in allowed


LOOPBACK = only("127.0.0.1")


@pytest.fixture
async def server() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def fetchers() -> AsyncIterator[Callable[..., Fetcher]]:
    made = []

    def make(allowed: Callable[[Address], bool] = LOOPBACK, **names: list[list[str]]) -> Fetcher:
        names.setdefault("files_example", [["127.0.0.1"]])
        made.append(Fetcher(allowed, Names(**names)))
        return made[-1]

    yield make
    for fetcher in made:
        await fetcher.close()


def at(server: Simulator, path: str = "/a.png", host: str = "files.example") -> str:
    return f"http://{host}:{server.url.rpartition(':')[2]}{path}"


async def fetch(fetcher: Fetcher, url: str, budget: int = MB, timeout_s: float = 5) -> Any:
    return await fetcher.fetch(url, IMAGES, timeout_s, Budget(budget))


async def refusal_of(fetcher: Fetcher, url: str, budget: int = MB, timeout_s: float = 5) -> str:
    with pytest.raises(NotFetched) as caught:
        await fetch(fetcher, url, budget, timeout_s)
    return str(caught.value)


NOT_ALLOWED = "not a public address, or an unknown host"

Make = Callable[..., Fetcher]


# --- what comes back ---------------------------------------------------------------------------


async def test_an_image_is_fetched_and_named_by_its_content(server: Simulator, fetchers: Make) -> None:
    server.answer(Script(headers=(("content-type", "text/html"),), pieces=(PNG,)))
    found = await fetch(fetchers(), at(server, "/a%2Fb.png?x=%2f&sig=A+b"))
    assert (found.media_type, found.data) == ("image/png", PNG)
    seen = server.requests[0]
    assert seen.path == "/a%2Fb.png?x=%2f&sig=A+b"
    assert seen.headers["host"].startswith("files.example:")
    assert not {"authorization", "cookie", "referer"} & seen.headers.keys()


async def test_an_address_that_is_allowed_needs_no_name(server: Simulator, fetchers: Make) -> None:
    server.answer(Script(pieces=(PNG,)))
    assert (await fetch(fetchers(), at(server, host="127.0.0.1"))).data == PNG


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x01\n\x02\x03WEBPVP8 ", "image/webp"),
        (b"%PDF-1.7", "application/pdf"),
        (b"RIFF\0\0\0\0WAVE", None),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_content_determines_the_type(data: bytes, media_type: str | None) -> None:
    assert type_of_content(data) == media_type


@pytest.mark.parametrize("data", [b"<html>secret</html>", b"%PDF-1.7", b""])
async def test_what_calls_itself_an_image_and_is_none_is_refused(
    server: Simulator, fetchers: Make, data: bytes
) -> None:
    server.answer(Script(headers=(("content-type", "image/png"),), pieces=(data,)))
    result = await refusal_of(fetchers(), at(server))
    assert result == "it is none of image/gif, image/jpeg, image/png, image/webp"


async def test_what_is_compressed_stays_so(server: Simulator, fetchers: Make) -> None:
    server.answer(Script(pieces=(PNG,), compressed=True))
    assert "it is none of" in await refusal_of(fetchers(), at(server))
    assert server.requests[0].headers["accept-encoding"] == "identity"


# --- limits ------------------------------------------------------------------------------------


async def test_a_declared_size_beyond_the_limit_is_not_read(server: Simulator, fetchers: Make) -> None:
    server.answer(Script(pieces=(PNG,), declares=2 * MB, ending="hang"))
    assert "larger than" in await refusal_of(fetchers(), at(server))


async def test_an_endless_body_is_cut(server: Simulator, fetchers: Make) -> None:
    server.answer(Script(pieces=iter([PNG] + [b"x" * 65536] * 100), framing="chunked"))
    assert "larger than" in await refusal_of(fetchers(), at(server))


async def test_all_images_of_a_request_share_the_limit(server: Simulator, fetchers: Make) -> None:
    server.answer(Script(pieces=(PNG,)))
    fetcher, budget = fetchers(), Budget(len(PNG) + 1)
    await fetcher.fetch(at(server), IMAGES, 5, budget)
    with pytest.raises(NotFetched):
        await fetcher.fetch(at(server), IMAGES, 5, budget)


async def test_a_slow_server_is_given_up(server: Simulator, fetchers: Make) -> None:
    server.answer(Script(pieces=(PNG, asyncio.Event(), PNG)))
    result = await refusal_of(fetchers(), at(server), timeout_s=0.2)
    assert result == "it did not arrive within 0.2 seconds"


@pytest.mark.parametrize(
    "informational", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 H\r\nlink: x\r\n\r\n"]
)
async def test_informational_answers_without_end_are_given_up(fetchers: Make, informational: bytes) -> None:
    async def play(peer: Peer) -> None:
        await peer.request()
        with contextlib.suppress(ConnectionError):
            while True:
                await peer.send(informational)

    async with serving(play) as endless:
        result = await refusal_of(fetchers(), f"http://127.0.0.1:{endless.port}/x.png", timeout_s=60)
    assert "endless informational responses" in result


async def test_a_few_informational_answers_are_passed_over(fetchers: Make) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\n\r\n" * 32
    whole = early + b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(PNG) + PNG
    async with serving(plain(whole)) as server:
        fetched = await fetch(fetchers(), f"http://127.0.0.1:{server.port}/x.png")
    assert fetched.data == PNG


@pytest.mark.parametrize("status", [401, 404, 500, 206])
async def test_an_unusable_status_is_reported(server: Simulator, fetchers: Make, status: int) -> None:
    server.answer(Script(status, pieces=(PNG,)))
    assert await refusal_of(fetchers(), at(server)) == f"its server answered with status {status}"


async def test_a_server_that_hangs_up_is_reported(server: Simulator, fetchers: Make) -> None:
    server.answer(Script(cut_head_at=0, ending="close"))
    assert "cannot be reached" in await refusal_of(fetchers(), at(server))


# --- where it does not go ----------------------------------------------------------------------

FORBIDDEN = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "168.63.129.16",
    "192.0.0.192",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "fec0::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "2001::1",
    "2001:0:4136::1",
    "2001:db8::1",
    "2001:20::1",
    "3fff::1",
    "5f00::1",
    "100::1",
    "2606:4700::5efe:a00:1",
    "2606:4700::200:5efe:a00:1",
]
PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "100.63.255.255",
    "100.128.0.1",
    "172.32.0.1",
    "2606:4700:4700::1111",
    "2a00:1450::1",
]


@pytest.mark.parametrize("text", FORBIDDEN)
async def test_an_address_of_the_inside_is_not_allowed(fetchers: Make, text: str) -> None:
    """By number, and behind a name."""
    assert not is_public(ip_address(text))
    host = f"[{text}]" if ":" in text else text
    assert await refusal_of(fetchers(is_public), f"http://{host}/a.png") == NOT_ALLOWED
    fetcher = fetchers(is_public, inside_example=[[text]])
    assert await refusal_of(fetcher, "https://inside.example/a.png") == NOT_ALLOWED


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_is_allowed(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    "host",
    [
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "010.0.0.1",
        "1.2.3.4.5",
        "[::ffff:7f00:1]",
        "[fe80::1%25eth0]",
        "127.0.0.1.",
    ],
)
async def test_other_spellings_of_an_address_are_not_allowed(fetchers: Make, host: str) -> None:
    assert await refusal_of(fetchers(is_public), f"http://{host}/") == NOT_ALLOWED


async def test_localhost_is_not_allowed() -> None:
    """With the system's own resolver."""
    fetcher = Fetcher()
    assert await refusal_of(fetcher, "http://localhost:1/a.png") == NOT_ALLOWED
    await fetcher.close()


async def test_a_name_that_does_not_exist_sounds_like_one_that_is_not_allowed(fetchers: Make) -> None:
    assert await refusal_of(fetchers(), "http://nobody.example/a.png") == NOT_ALLOWED


@pytest.mark.parametrize(
    "url",
    [
        "ftp://files.example/a",
        "file:///etc/passwd",
        "gopher://files.example",
        "//files.example/a",
        "a.png",
        "",
        "http://",
        "http:///a.png",
        "http://user@files.example/a",
        "http://user:pass@files.example/a",
        "http://files.example:99999/",
        "http://[::1/",
        "http://files.example/" + "a" * 9000,
        "http://\u2488.0.0.1/",
        "http://files.example\\@127.0.0.1/",
    ],
)
async def test_only_plain_web_addresses_are_fetched(fetchers: Make, url: str) -> None:
    await refusal_of(fetchers(), url)


async def test_only_the_allowed_addresses_of_a_name_are_connected_to(
    server: Simulator, fetchers: Make
) -> None:
    server.answer(Script(pieces=(PNG,)))
    fetcher = fetchers(files_example=[["127.0.0.9", "::1", "127.0.0.1"]])
    assert (await fetch(fetcher, at(server))).data == PNG


async def test_a_name_that_changes_between_two_looks_leads_nowhere(server: Simulator, fetchers: Make) -> None:
    """DNS rebinding: the redirect back to the same name is resolved, and checked, anew."""
    server.answer(Script(302, (("location", "/again"),)), Script(pieces=(PNG,)))
    fetcher = fetchers(files_example=[["127.0.0.1"], ["127.0.0.2"]])
    assert await refusal_of(fetcher, at(server)) == NOT_ALLOWED
    assert len(server.requests) == 1


async def test_an_address_that_turns_out_wrong_at_the_socket_is_not_connected_to(
    server: Simulator, fetchers: Make
) -> None:
    """Even a resolver's answer that passed is looked at again."""
    looks: list[Address] = []

    def once(address: Address) -> bool:
        looks.append(address)
        return len(looks) == 1

    server.answer(Script(pieces=(PNG,)))
    await refusal_of(fetchers(once), at(server))
    assert server.requests == []
    assert len(looks) > 1


@pytest.mark.parametrize(
    "location",
    ["http://127.0.0.2/a", "http://[::1]/a", "http://inside.example/", "http://169.254.169.254/latest"],
)
async def test_a_redirect_to_the_inside_is_not_followed(
    server: Simulator, fetchers: Make, location: str
) -> None:
    server.answer(Script(302, (("location", location),)))
    fetcher = fetchers(inside_example=[["10.0.0.1"]])
    assert await refusal_of(fetcher, at(server)) == NOT_ALLOWED


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://files.example/", "http://u:p@files.example/"]
)
async def test_a_redirect_to_anything_but_the_web_is_not_followed(
    server: Simulator, fetchers: Make, location: str
) -> None:
    server.answer(Script(302, (("location", location),)))
    await refusal_of(fetchers(), at(server))
    assert len(server.requests) == 1


async def test_three_redirects_are_followed(server: Simulator, fetchers: Make) -> None:
    hops = [Script(307, (("location", f"/{hop}"),)) for hop in range(3)]
    server.answer(*hops, Script(pieces=(PNG,)))
    assert (await fetch(fetchers(), at(server))).data == PNG
    assert [seen.path for seen in server.requests] == ["/a.png", "/0", "/1", "/2"]


async def test_four_redirects_are_not(server: Simulator, fetchers: Make) -> None:
    server.answer(Script(307, (("location", "/more"),)))
    assert "redirects more than 3 times" in await refusal_of(fetchers(), at(server))
    assert len(server.requests) == 4


async def test_a_redirect_to_nowhere_is_reported(server: Simulator, fetchers: Make) -> None:
    server.answer(Script(302))
    await refusal_of(fetchers(), at(server))


# --- in a request ------------------------------------------------------------------------------

CONVERSE = {
    "output": {"message": {"role": "assistant", "content": [{"text": "A cat."}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5},
}


def bedrock(provider: Simulator) -> str:
    return (
        f'[providers.sim]\nkind = "bedrock"\nbase_url = "{provider.url}"\n'
        'api_key = "k"\nregion = "us-east-1"\n'
    )


def looking_at(*urls: str) -> dict[str, Any]:
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    content = [{"type": "text", "text": "What is it?"}, *parts]
    return {"messages": [{"role": "user", "content": content}]}


async def ask(provider: Simulator, fetcher: Fetcher, *urls: str, more: str = "", **fields: Any) -> Reply:
    async with Gateway(more=bedrock(provider) + more, fetcher=fetcher) as gateway:
        body = {"model": "sim/us.amazon.nova-lite-v1:0", **looking_at(*urls), **fields}
        return await gateway.post("/v1/chat/completions", body)


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        simulator.answer(json(CONVERSE))
        yield simulator


def images_in(seen: Seen) -> list[Any]:
    return [part["image"] for part in seen.json["messages"][0]["content"] if "image" in part]


async def test_a_provider_that_takes_bytes_gets_them(
    server: Simulator, provider: Simulator, fetchers: Make
) -> None:
    server.answer(Script(pieces=(PNG,)))
    reply = await ask(provider, fetchers(), at(server, "/a"), at(server, "/b"), at(server, "/a"))
    assert reply.json["choices"][0]["message"]["content"] == "A cat."
    image = {"format": "png", "source": {"bytes": base64.b64encode(PNG).decode()}}
    assert images_in(provider.requests[0]) == [image] * 3
    assert sorted(seen.path for seen in server.requests) == ["/a", "/b"]


async def test_an_image_in_the_request_itself_is_not_fetched(
    server: Simulator, provider: Simulator, fetchers: Make
) -> None:
    url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert (await ask(provider, fetchers(), url)).status == 200
    assert server.requests == []


async def test_the_parameter_is_named(server: Simulator, provider: Simulator, fetchers: Make) -> None:
    server.answer(Script(404))
    reply = await ask(provider, fetchers(), at(server))
    assert reply.status == 400
    assert reply.error == {
        "message": "messages.0.content.1.image_url.url cannot be fetched: "
        "its server answered with status 404",
        "type": "invalid_request_error",
        "param": "messages.0.content.1.image_url.url",
        "code": "invalid_image_url",
    }
    assert provider.requests == []


async def test_by_default_nothing_inside_is_reached(server: Simulator, provider: Simulator) -> None:
    server.answer(Script(pieces=(PNG,)))
    reply = await ask(provider, Fetcher(), at(server, host="127.0.0.1"))
    assert reply.error["message"].endswith("cannot be fetched: not a public address, or an unknown host")
    assert server.requests == []


async def test_fetching_can_be_switched_off(server: Simulator, provider: Simulator, fetchers: Make) -> None:
    reply = await ask(provider, fetchers(), at(server), more="[images]\nfetch = false\n")
    assert reply.status == 400
    assert reply.error["code"] == "unsupported_feature"
    assert server.requests == []


async def test_the_limit_of_the_file_counts(server: Simulator, provider: Simulator, fetchers: Make) -> None:
    server.answer(Script(pieces=(PNG + b"\0" * MB,)))
    reply = await ask(provider, fetchers(), at(server), more="[images]\nmax_mb = 1\n")
    assert "larger than" in reply.error["message"]


async def test_a_fallback_that_takes_links_gets_the_link(
    server: Simulator, provider: Simulator, fetchers: Make
) -> None:
    server.answer(Script(404))
    provider.answer(
        json(
            {
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": "A dog."},
                        "finish_reason": "stop",
                    }
                ]
            }
        )
    )
    other = f'[providers.other]\nkind = "openai"\nbase_url = "{provider.url}"\napi_key = "k"\n'
    reply = await ask(provider, fetchers(), at(server), more=other, models=["other/m"])
    assert reply.json["choices"][0]["message"]["content"] == "A dog."
    sent = provider.requests[0].json["messages"][0]["content"][1]
    assert sent["image_url"]["url"] == at(server)


async def test_who_leaves_ends_the_fetching(server: Simulator, provider: Simulator, fetchers: Make) -> None:
    server.answer(Script(pieces=(PNG, asyncio.Event(), PNG)))
    async with Gateway(more=bedrock(provider), fetcher=fetchers()) as gateway:
        body = {"model": "sim/us.amazon.nova-lite-v1:0", **looking_at(at(server))}
        asking = asyncio.create_task(gateway.post("/v1/chat/completions", body))
        seen = await server.seen()
        asking.cancel()
        await seen.closed.wait()
        record = await gateway.record()
    assert record["ended"] == "client_left"
    assert provider.requests == []


async def test_fetching_counts_towards_the_deadline(
    server: Simulator, provider: Simulator, fetchers: Make
) -> None:
    server.answer(Script(pieces=(PNG, asyncio.Event(), PNG)))
    routing = "retries = 0\ndeadline_s = 0.3"
    async with Gateway(more=bedrock(provider), fetcher=fetchers(), routing=routing) as gateway:
        body = {"model": "sim/us.amazon.nova-lite-v1:0", **looking_at(at(server))}
        reply = await gateway.post("/v1/chat/completions", body)
    assert (reply.status, reply.error["code"]) == (504, "deadline_exceeded")


# --- who takes bytes only ----------------------------------------------------------------------

DATA = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
CHAT = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "A."}, "finish_reason": "stop"}]}
CLAUDE = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "A."}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
GEMINI = {"candidates": [{"content": {"role": "model", "parts": [{"text": "A."}]}, "finishReason": "STOP"}]}
PLACE = 'project = "p"\nlocation = "us-east5"\n'


@pytest.mark.parametrize(
    ("kind", "model", "answer"),
    [
        ("ollama", "llava", CHAT),
        ("gemini", "gemini-2.0-flash", GEMINI),
        ("vertex", "claude-sonnet-4-5", CLAUDE),
    ],
)
async def test_who_takes_bytes_only_gets_bytes(
    server: Simulator, provider: Simulator, fetchers: Make, kind: str, model: str, answer: Any
) -> None:
    server.answer(Script(pieces=(PNG,)))
    provider.answer(json(answer))
    place = PLACE if kind == "vertex" else ""
    more = f'[providers.sim]\nkind = "{kind}"\nbase_url = "{provider.url}"\napi_key = "k"\n{place}'
    async with Gateway(more=more, fetcher=fetchers()) as gateway:
        body = {"model": f"sim/{model}", **looking_at(at(server))}
        reply = await gateway.post("/v1/chat/completions", body)
    assert reply.json["choices"][0]["message"]["content"] == "A."
    sent = provider.requests[0].body.decode()
    assert DATA.rpartition(",")[2] in sent
    assert at(server) not in sent


async def test_clients_of_anthropics_dialect_are_served_too(
    server: Simulator, provider: Simulator, fetchers: Make
) -> None:
    """Claude on both sides: what would pass as it is is translated where it holds a link."""
    server.answer(Script(pieces=(PNG,)))
    provider.answer(json(CLAUDE))
    more = f'[providers.sim]\nkind = "vertex"\nbase_url = "{provider.url}"\napi_key = "k"\n{PLACE}'
    image = {"type": "image", "source": {"type": "url", "url": at(server)}}
    body = {
        "model": "sim/claude-sonnet-4-5",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": [image, {"type": "text", "text": "What is it?"}]}],
    }
    async with Gateway(more=more, fetcher=fetchers()) as gateway:
        reply = await gateway.post("/v1/messages", body)
        assert reply.json["content"] == [{"type": "text", "text": "A.", "citations": None}]
        server.answer(Script(404))
        refused = await gateway.post("/v1/messages", body)
    sent = provider.requests[0].json["messages"][0]["content"][0]["source"]
    assert sent == {"type": "base64", "media_type": "image/png", "data": DATA.rpartition(",")[2]}
    assert refused.status == 400
    assert "messages.0.content.0.source.url cannot be fetched" in refused.error["message"]


async def test_who_takes_addresses_gets_the_address(server: Simulator, provider: Simulator) -> None:
    provider.answer(json(CHAT))
    async with Gateway({"sim": ("openai", provider.url)}) as gateway:
        await gateway.post("/v1/chat/completions", {"model": "sim/gpt-4o", **looking_at(at(server))})
    assert at(server) in provider.requests[0].body.decode()
    assert server.requests == []


async def test_a_fetch_gives_no_second_request_the_same_probe(
    server: Simulator, provider: Simulator, fetchers: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one request fetches, another one takes the probe of a half-open breaker."""
    monkeypatch.setattr("tidegate.routing.breaker.OPEN_S", 0.001)
    fetched, answered = asyncio.Event(), asyncio.Event()
    server.answer(Script(pieces=(PNG,), head_after=fetched))
    more = "".join(
        f'[providers.{name}]\nkind = "ollama"\nbase_url = "{provider.url}/{name}"\n' for name in "ab"
    )
    more += '[models.m]\ncandidates = ["a/llava", "b/llava"]\n'
    plain = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
    provider.answer(lambda seen: refusal(500) if seen.path.startswith("/a") else json(CHAT))
    async with Gateway(more=more, fetcher=fetchers()) as gateway:
        for _ in range(5):
            await gateway.post("/v1/chat/completions", plain)
        await asyncio.sleep(0.01)
        linked = {"model": "m", **looking_at(at(server))}
        fetching = asyncio.create_task(gateway.post("/v1/chat/completions", linked))
        await server.seen(1)
        slow = json(CHAT, head_after=answered)
        provider.answer(lambda seen: slow if seen.path.startswith("/a") else json(CHAT))
        probing = asyncio.create_task(gateway.post("/v1/chat/completions", plain))
        await provider.seen(11)
        fetched.set()
        assert (await fetching).headers["x-tidegate-provider"] == "b"
        answered.set()
        assert (await probing).headers["x-tidegate-provider"] == "a"
    assert [seen.path[:2] for seen in provider.requests[10:]] == ["/a", "/b"]
