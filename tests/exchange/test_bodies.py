"""What is kept of the bodies of requests, in the store and in files."""

import asyncio
import gzip
import json as jsonlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from administration import ADMIN, ANSWER, AS_ADMIN
from running import HELLO, Gateway
from sdk.dialects import OPENAI, TEXT
from simulator import Simulator, json, refusal
from tidegate.observe import redaction
from tidegate.observe.capture import Piece, Room
from tidegate.observe.log_files import ERRORS, INTERACTIONS, LogFiles
from tidegate.observe.redaction import Redactor
from tidegate.observe.rotating import RotatingFile, files_of

CHAT = "/v1/chat/completions"
KEY = "sk-upstream-0123456789"


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@asynccontextmanager
async def kept(provider: Simulator, folder: Path, logs: str) -> AsyncIterator[Gateway]:
    more = f"""
        [auth]
        mode = "open"
        admin_keys = ["{ADMIN}"]
        [store]
        url = "sqlite:///{folder}/tidegate.db"
        [logs]
        {logs}
    """
    places = {"one": ("openai_compatible", provider.url), "claude": ("anthropic", provider.url)}
    async with Gateway(places, more=more) as gateway:
        yield gateway


async def life(gateway: Gateway, request: str) -> Any:
    await gateway.app._recorder.flush()
    reply = await gateway.get(f"/admin/requests/{request}", AS_ADMIN)
    assert reply.status == 200, reply.body
    return reply.json


async def test_bodies_are_kept_in_full(provider: Simulator, tmp_path: Path) -> None:
    async with kept(provider, tmp_path, 'bodies = "full"') as gateway:
        provider.answer(json(ANSWER))
        asked = {"model": "one/m", "messages": [{"role": "user", "content": "你好 <b>\x1b[31m"}]}
        reply = await gateway.post(CHAT, asked)
        found = await life(gateway, reply.headers["x-request-id"])
        assert jsonlib.loads(found["request"]["text"]) == asked
        assert (found["request"]["truncated"], found["request"]["redacted"]) == (False, False)
        [attempt] = found["attempts"]
        assert jsonlib.loads(attempt["request"]["text"])["model"] == "m"
        assert jsonlib.loads(attempt["response"]["text"]) == ANSWER
        assert jsonlib.loads(found["response"]["text"])["choices"] == ANSWER["choices"]
    assert gateway.app._recorder.room.used == 0


async def test_a_stream_is_kept_as_it_was_sent_and_received(provider: Simulator, tmp_path: Path) -> None:
    async with kept(provider, tmp_path, 'bodies = "full"') as gateway:
        provider.answer(OPENAI.stream)
        reply = await gateway.post(CHAT, {"model": "one/m", **HELLO, "stream": True})
        found = await life(gateway, reply.headers["x-request-id"])
        assert found["response"]["text"].count("data: ") == len(reply.events)
        assert found["response"]["bytes"] == len(found["response"]["text"].encode())
        assert "data: " in found["attempts"][0]["response"]["text"]


async def test_what_a_provider_refused_with_is_kept(provider: Simulator, tmp_path: Path) -> None:
    async with kept(provider, tmp_path, 'bodies = "full"') as gateway:
        provider.answer(refusal(503, "try later"))
        reply = await gateway.post(CHAT, {"model": "one/m", **HELLO})
        found = await life(gateway, reply.headers["x-request-id"])
        assert jsonlib.loads(found["attempts"][0]["response"]["text"])["error"]["message"] == "try later"
        assert jsonlib.loads(found["response"]["text"]) == reply.json


async def test_keys_are_never_kept(provider: Simulator, tmp_path: Path) -> None:
    other = "gsk_abcdefghijklmnop0123"
    async with kept(provider, tmp_path, 'bodies = "full"') as gateway:
        provider.answer(OPENAI.stream)
        said = {"role": "user", "content": f"{KEY} and {other} and my-own-key-0123"}
        headers = {"authorization": "Bearer my-own-key-0123"}
        reply = await gateway.post(CHAT, {"model": "one/m", "messages": [said], "stream": True}, headers)
        found = await life(gateway, reply.headers["x-request-id"])
        text = jsonlib.dumps(found)
        assert [one in text for one in (KEY, other, "my-own-key-0123")] == [False, False, False]
        assert found["request"]["redacted"]
        # A key may come back in pieces: the text is kept in place of the events.
        assert (found["response"]["text"], found["attempts"][0]["response"]["text"]) == (TEXT, "")


async def test_patterns_and_fields_are_taken_out(provider: Simulator, tmp_path: Path) -> None:
    logs = 'bodies = "redacted"\nredact = ["Project [A-Z]\\\\w+"]\nredact_fields = ["user"]'
    async with kept(provider, tmp_path, logs) as gateway:
        provider.answer(json({**ANSWER, "note": "Project Neptun"}))
        said = {"role": "user", "content": "Project Neptun, bob@example.com, 4111 1111 1111 1111"}
        reply = await gateway.post(CHAT, {"model": "one/m", "messages": [said], "user": "u-1"})
        found = await life(gateway, reply.headers["x-request-id"])
        request = jsonlib.loads(found["request"]["text"])
        assert request["messages"][0]["content"] == "[redacted], [redacted], [redacted]"
        assert request["user"] == "[redacted]"
        assert "Neptun" not in jsonlib.dumps(found)


@pytest.mark.parametrize("default", ["full", "redacted", "none"])
async def test_a_key_decides_what_is_kept_of_its_requests(
    default: str, provider: Simulator, tmp_path: Path
) -> None:
    asked = {"model": "one/m", "messages": [{"role": "user", "content": "I am jane@example.com"}]}
    more = f"""
        [auth]
        mode = "open"
        admin_keys = ["{ADMIN}"]
        [store]
        url = "sqlite:///{tmp_path}/tidegate.db"
    """
    async with with_files(
        provider, tmp_path, f'bodies = "{default}"\ninteractions = "json"{more}'
    ) as gateway:
        found = {}
        for own in ("full", "redacted", "none", None):
            made = {"name": f"key-{own}", "settings": {} if own is None else {"bodies": own}}
            secret = (await gateway.post("/admin/keys", made, AS_ADMIN)).json["secret"]
            accounts = gateway.app._accounts
            assert accounts is not None
            while accounts.directory.find(secret) is None:
                await asyncio.sleep(0.02)
            provider.answer(json(ANSWER))
            reply = await gateway.post(CHAT, asked, {"x-api-key": secret})
            request = (await life(gateway, reply.headers["x-request-id"]))["request"]
            found[own] = None if request is None else "jane@example.com" in request["text"]
    in_files = "".join(path.read_text() for path in files_of(tmp_path, INTERACTIONS))
    expected = {"full": True, "redacted": False, "none": None}
    assert found == {**expected, None: expected[default]}
    lines = in_files.splitlines()
    assert ["jane@example.com" in line for line in lines] == [True, False, False, default == "full"]


async def test_nothing_is_kept_by_default(provider: Simulator, tmp_path: Path) -> None:
    async with kept(provider, tmp_path, "") as gateway:
        provider.answer(json(ANSWER))
        reply = await gateway.post(CHAT, {"model": "one/m", **HELLO})
        found = await life(gateway, reply.headers["x-request-id"])
        assert (found["request"], found["response"], found["attempts"][0]["request"]) == (None, None, None)


async def test_long_bodies_are_cut(provider: Simulator, tmp_path: Path) -> None:
    async with kept(provider, tmp_path, 'bodies = "full"\nbody_kb = 1') as gateway:
        provider.answer(json(ANSWER))
        long = {"role": "user", "content": "word " * 1000 + KEY}
        reply = await gateway.post(CHAT, {"model": "one/m", "messages": [long]})
        body = (await life(gateway, reply.headers["x-request-id"]))["request"]
        assert (body["truncated"], len(body["text"]) <= 1024, body["bytes"] > 5000) == (True, True, True)


def test_memory_for_bodies_is_bounded_and_losses_are_counted() -> None:
    room = Room(limit=100, most=60)
    first, second = Piece(room), Piece(room)
    first.add(b"x" * 50)
    first.add(b"y" * 50)
    second.add(b"z" * 30)
    second.add(b"z" * 30)
    assert (first.held, first.size, first.truncated) == (60, 100, True)
    assert (second.held, second.size, second.truncated) == (30, 60, True)
    assert (room.used, room.dropped) == (90, 1)


def test_a_truncated_key_is_not_kept() -> None:
    from tidegate.observe.redaction import without_tail

    assert without_tail("my key is sk-abc") == "my key is "


@pytest.mark.parametrize(
    "text", ["plain a@b.example", '{"a": "a\\u0040b.example"}', '["x", {"k": "a@b.example"}]']
)
def test_an_address_is_found_however_it_is_written(text: str) -> None:
    found = Redactor().without_all(text)
    assert found.changed
    assert "b.example" not in found.text


def test_what_cannot_be_read_is_left_out_if_fields_are_to_be_taken_out() -> None:
    assert Redactor(fields=["name"]).without_all('{"name": "Al').text == "[redacted]"


# --- files ----------------------------------------------------------------------------------------


@asynccontextmanager
async def with_files(provider: Simulator, folder: Path, logs: str) -> AsyncIterator[Gateway]:
    """A gateway without a store, whose interactions are in files."""
    more = f'[logs]\ndirectory = "{folder}"\n{logs}'
    gateway = Gateway({"one": ("openai_compatible", provider.url)}, more=more)
    files = LogFiles(gateway.config.logs, folder)
    gateway.app._interactions = files.write
    async with gateway:
        yield gateway
        await gateway.app._recorder.flush()
        for writer in (files._interactions, files._errors):
            writer.flush(10)


async def test_an_interaction_reads_as_a_sequence(provider: Simulator, tmp_path: Path) -> None:
    async with with_files(provider, tmp_path, 'bodies = "full"') as gateway:
        provider.answer(OPENAI.stream)
        said = {"role": "user", "content": "你好\n\x1b[31mred\u2028"}
        reply = await gateway.post(CHAT, {"model": "one/m", "messages": [said], "stream": True})
    [file] = files_of(tmp_path, INTERACTIONS)
    lines = file.read_text().splitlines()
    request = reply.headers["x-request-id"]
    assert all(f"| [{request}] " in line for line in lines)
    stories = [line.partition("] ")[2] for line in lines]
    assert stories[0] == "request start | model=one/m | user: 你好\\n\\x1b[31mred\\u2028"
    assert stories[1].startswith('downstream request | provider=one | data: {"model":"m"')
    assert stories[2].startswith("downstream response | provider=one | time=")
    assert stories[3].startswith("response complete | status=200 | time=")
    assert stories[4] == f"answer: {TEXT}"
    assert stories[5] == "token usage | input=11 | output=7 | total=18"
    assert "\x1b" not in file.read_text()


async def test_an_interaction_is_one_line_of_json(provider: Simulator, tmp_path: Path) -> None:
    async with with_files(provider, tmp_path, 'bodies = "full"\ninteractions = "json"') as gateway:
        provider.answer(json(ANSWER))
        reply = await gateway.post(CHAT, {"model": "one/m", **HELLO})
        lone = b'{"model": "one/m", "messages": [{"role": "user", "content": "\\ud800 lone"}]}'
        await gateway.post(CHAT, lone)
    found, with_lone = map(jsonlib.loads, files_of(tmp_path, INTERACTIONS)[0].read_text().splitlines())
    assert with_lone["request_id"] != found["request_id"]
    assert (found["request_id"], found["status"]) == (reply.headers["x-request-id"], "success")
    assert found["downstream"][0]["response"] == ANSWER
    assert found["answer"] == "Hi"


async def test_what_failed_is_among_the_errors_too(provider: Simulator, tmp_path: Path) -> None:
    async with with_files(provider, tmp_path, "") as gateway:
        provider.answer(refusal(503))
        reply = await gateway.post(CHAT, {"model": "one/m", **HELLO})
    [line] = files_of(tmp_path, ERRORS)[0].read_text().splitlines()
    assert reply.headers["x-request-id"] in line
    assert "user: not recorded" in files_of(tmp_path, INTERACTIONS)[0].read_text()


def test_files_rotate_and_are_compressed_and_deleted(tmp_path: Path) -> None:
    now = [1_795_900_000.0]  # before the files are made: none of them is quiet yet
    file = RotatingFile(tmp_path, "stream", keep_days=2, most_bytes=10, wall_clock=lambda: now[0])
    other = RotatingFile(tmp_path, "stream", keep_days=2, most_bytes=10, wall_clock=lambda: now[0])
    os.write(file.descriptor(), b"0123456789\n")
    os.write(other.descriptor(), b"second\n")
    os.write(file.descriptor(), b"third\n")
    names = [path.name for path in files_of(tmp_path, "stream")]
    assert names == ["stream_2026-11-28.2.log", "stream_2026-11-28.log"]
    assert (tmp_path / names[0]).read_text() == "second\nthird\n"
    finished = tmp_path / names[1]
    os.utime(finished, (now[0] - 100, now[0] - 100))
    now[0] += 61
    file.descriptor()
    assert gzip.decompress((tmp_path / f"{names[1]}.gz").read_bytes()) == b"0123456789\n"
    assert not finished.exists()
    now[0] += 3 * 86_400
    file.descriptor()
    assert [path.name for path in files_of(tmp_path, "stream")] == ["stream_2026-12-01.log"]


KEY_TAIL = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7"
FORMS = (
    *(f"{prefix}{separator}{KEY_TAIL}" for prefix in redaction._PREFIXES.split("|") for separator in "-_"),
    f"AIza{KEY_TAIL}0123456789", "AKIA0123456789ABCDEF", "ASIA0123456789ABCDEF",
    f"eyJ{KEY_TAIL}.{KEY_TAIL}.{KEY_TAIL}", f"Bearer {KEY_TAIL}",
    f"-----BEGIN RSA PRIVATE KEY-----\n{KEY_TAIL}\n-----END RSA PRIVATE KEY-----",
)  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_key_is_found_among_words(form: str) -> None:
    text = f'{{"content": "it is {form}, thanks"}}'
    found = Redactor().without_keys(text)
    assert found.changed
    assert form.removeprefix("Bearer ") not in found.text
    assert found.text == redaction._KEYS.sub(redaction.MARK, text)


@given(
    st.lists(
        st.sampled_from([*FORMS, "disk-", "sk", "-", "_", "Bearer", " ", '"', "eyJ", "x" * 20, "ä"])
    ).map("".join)
)
def test_texts_without_a_hint_have_no_key(text: str) -> None:
    assert Redactor().without_keys(text).text == redaction._KEYS.sub(redaction.MARK, text)
