"""Bodies that are no JSON, or are too deep, too large, endless, compressed; and broken HTTP."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bad_input.requests import CHAT, COUNT, FORMATS, MESSAGES, Door, Room, faults_of, open_room
from running import Reply

pytestmark = pytest.mark.asyncio(loop_scope="module")

DOORS = (CHAT, MESSAGES, COUNT)
HI = '{"role": "user", "content": "Hello"}'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def room() -> AsyncIterator[Room]:
    async with open_room("body_s = 0.5") as opened:
        yield opened
        await opened.check()


def body(more: str = "", model: str = "openai/m", message: str = HI) -> bytes:
    return f'{{"model": "{model}", "max_tokens": 9, "messages": [{message}]{more}}}'.encode()


def good(model: str = "openai/m") -> bytes:
    return body(model=model)


BROKEN = {
    "nothing": b"",
    "spaces": b"  \r\n ",
    "a list": b"[" + good() + b"]",
    "a string": b'"model"',
    "null": b"null",
    "half": good()[:40],
    "two": good() + good(),
    "a BOM": b"\xef\xbb\xbf" + good(),
    "UTF-16": good().decode().encode("utf-16"),
    "invalid UTF-8": good().replace(b"Hello", b"H\xe9llo"),
    "invalid UTF-8 in an unknown field": body(', "x": {"y": "\xff"}').decode().encode("latin-1"),
    "overlong UTF-8": good().replace(b"Hello", b"\xc0\xaf"),
    "surrogates in UTF-8": good().replace(b"Hello", b"\xed\xa0\x80"),
    "a lone surrogate": good().replace(b"Hello", rb"\ud800"),
    "a lone surrogate before text": good().replace(b"Hello", rb"\ud800 and more text than that"),
    "a lone low surrogate": good().replace(b"Hello", rb"\udc00 and more text than that"),
    "a lone surrogate in an unknown field": body(r', "x": {"y": "\ud800"}'),
    "a lone surrogate in a key": body(r', "\ud800": 1'),
    "an unknown escape": good().replace(b"Hello", rb"\x41"),
    "a raw NUL": good().replace(b"Hello", b"\x00"),
    "a raw line break": good().replace(b"Hello", b"a\nb"),
    "NaN": body(', "temperature": NaN'),
    "Infinity": body(', "temperature": -Infinity'),
    "NaN in an unknown field": body(', "x": [NaN]'),
    "a number that starts with 0": body(', "x": 012'),
    "a comma too many": body(', "x": [1,]'),
    "a comment": body(', /* no */ "x": 1'),
    "single quotes": good().replace(b'"', b"'"),
    "a form": b"model=openai%2Fm&messages=Hello",
    "a gzip file": gzip.compress(good()),
}


@pytest.mark.parametrize("what", BROKEN)
async def test_a_body_that_is_no_json_object_is_refused(room: Room, what: str) -> None:
    for door in DOORS:
        for provider in FORMATS:
            reply = await room.ask(door, BROKEN[what].replace(b"openai/m", f"{provider}/m".encode()))
            assert faults_of(reply, door) is None
            assert reply.status == 400, (door, provider)
            assert room.simulator.requests == []


DEEP = {
    "an unknown field": ', "x": @',
    "a schema of a tool": ', "tools": [{"type": "function", "function": {"name": "f", "parameters": @}}]',
    "a schema of an Anthropic tool": ', "tools": [{"name": "f", "input_schema": @}]',
    "a schema of the answer": (
        ', "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": @}}'
    ),
    "an Anthropic schema of the answer": (
        ', "output_config": {"format": {"type": "json_schema", "schema": @}}'
    ),
    "metadata": ', "metadata": {"a": @}',
    "preferences": ', "provider": {"a": @}',
    "stream options": ', "stream_options": {"a": @}',
}


@pytest.mark.parametrize("levels", [60, 300, 900, 990, 1_100, 100_000])
@pytest.mark.parametrize("where", DEEP)
async def test_depth_is_carried_or_refused(room: Room, where: str, levels: int) -> None:
    nested = '{"properties": ' * (levels // 2) + '{"items": ' * (levels // 2) + "{}" + "}" * (levels // 2 * 2)
    for door in DOORS:
        for provider in FORMATS:
            sent = body(DEEP[where].replace("@", nested), f"{provider}/m")
            assert faults_of(await room.ask(door, sent), door) is None, (door, provider)


@pytest.mark.parametrize("levels", [60, 900, 990, 100_000])
async def test_depth_in_messages_is_carried_or_refused(room: Room, levels: int) -> None:
    nested = '{"a":[' * (levels // 2) + "]}" * (levels // 2)
    lists = "[" * levels + "]" * levels
    cached = '"cache_control": {"type": "ephemeral"}'
    messages = [
        f'{{"role": "user", "content": {lists}}}',
        f'{{"role": "user", "content": "Hello", "x": {nested}}}',
        f'{{"role": "user", "content": [{{"type": "text", "text": "a", {cached}, "x": {nested}}}]}}',
        f'{{"role": "user", "content": [{{"type": "new", "x": {nested}}}]}}',
        f'{HI}, {{"role": "assistant", "reasoning_content": "x", "content": "a", "x": {nested}}}',
        f'{HI}, {{"role": "assistant", "content": [{{"type": "tool_use", "id": "t", "name": "f",'
        f' "input": {nested}}}]}}',
        f'{HI}, {{"role": "assistant", "content": "", "native_blocks": [{{"format": "gemini",'
        f' "block": {nested}}}]}}',
        f'{HI}, {{"role": "assistant", "content": null, "tool_calls": [{{"id": "c", "function":'
        f' {{"name": "f", "arguments": {json.dumps(nested)}}}}}]}}',
    ]
    for message in messages:
        for door in DOORS:
            for provider in FORMATS:
                reply = await room.ask(door, body(model=f"{provider}/m", message=message))
                assert faults_of(reply, door) is None, (message[:90], door, provider)


async def test_a_key_that_is_there_twice_is_refused_or_read_once(room: Room) -> None:
    """What is checked must be what the provider reads: two programs may read two keys differently."""
    for door in DOORS:
        for provider in FORMATS:
            reply = await room.ask(door, body(', "max_tokens": 5, "model": "openai/other"', f"{provider}/m"))
            assert faults_of(reply, door) is None
            if reply.status == 200 and room.simulator.requests:
                assert room.simulator.requests[-1].body.count(b'"max_tokens"') <= 1


async def test_escaped_nul_characters_are_text(room: Room) -> None:
    for door in DOORS:
        for provider in FORMATS:
            reply = await room.ask(door, good(f"{provider}/m").replace(b"Hello", rb"a\u0000b"))
            assert reply.status == 200


async def test_a_body_of_40_mb_is_refused(room: Room) -> None:
    large = good().replace(b"Hello", b"a" * 40_000_000)
    for door in DOORS:
        reply = await room.ask(door, large)
        assert reply.status == 413
        assert faults_of(reply, door) is None


async def test_a_body_of_20_mb_passes(room: Room) -> None:
    large = good().replace(b"Hello", b"a" * 20_000_000)
    reply = await room.ask(CHAT, large)
    assert reply.status == 200
    assert len(room.simulator.requests[-1].body) > 20_000_000


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate", "x-unknown", "gzip, identity"])
async def test_a_compressed_body_is_refused_as_what_it_is(room: Room, encoding: str) -> None:
    for door in DOORS:
        reply = await room.ask(door, gzip.compress(good()), {"content-encoding": encoding})
        assert faults_of(reply, door) is None
        assert reply.status == 415
        assert "content-encoding" in reply.error["message"]


async def test_an_encoding_that_is_none_is_fine(room: Room) -> None:
    assert (await room.ask(CHAT, good(), {"content-encoding": "identity"})).status == 200


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=x", "", "nonsense"]
)
async def test_the_content_type_does_not_matter(room: Room, kind: str) -> None:
    for door in DOORS:
        assert (await room.ask(door, good(), {"content-type": kind})).status == 200


# --- broken HTTP ---------------------------------------------------------------------------------


async def send(room: Room, *pieces: bytes) -> Reply:
    """Send bytes as they are; the reply to them. Status 0 where the connection just ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", room.gateway.port)
    try:
        for piece in pieces:
            writer.write(piece)
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode().strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        size = headers.get("content-length")
        body = await (reader.readexactly(int(size)) if size else reader.read())
        return Reply(int(first.split()[1]), headers, body)
    except (asyncio.IncompleteReadError, ConnectionError):
        return Reply(0, {}, b"")
    finally:
        writer.close()


def post(door: Door, *headers: str) -> bytes:
    return "\r\n".join([f"POST {door.path} HTTP/1.1", "host: localhost", *headers, "", ""]).encode()


REFUSED = {
    "a chunk size that is no number": (["transfer-encoding: chunked"], b"xyz\r\n{}\r\n0\r\n\r\n"),
    "a negative chunk size": (["transfer-encoding: chunked"], b"-5\r\n{}\r\n0\r\n\r\n"),
    "a chunk size beyond all bounds": (["transfer-encoding: chunked"], b"f" * 40 + b"\r\n{}\r\n0\r\n\r\n"),
    "a chunk longer than it says": (["transfer-encoding: chunked"], b"2\r\n{}{}{}\r\n0\r\n\r\n"),
    "a length that is no number": (["content-length: many"], b"{}"),
    "a negative length": (["content-length: -5"], b"{}"),
    "two lengths": (["content-length: 2", "content-length: 5"], b"{}"),
    "a length and chunks": (["content-length: 2", "transfer-encoding: chunked"], b"0\r\n\r\n"),
    "a body shorter than it says": (["content-length: 500"], b'{"model": '),
    "chunks that stop coming": (["transfer-encoding: chunked"], b'5\r\n{"mod\r\n'),
    "a body of another length": (["content-length: 5"], good()),
    "a header without a name": ([": value", "content-length: 2"], b"{}"),
    "a header without a colon": (["nonsense", "content-length: 2"], b"{}"),
    "thousands of headers": ([f"x-{n}: {'a' * 20}" for n in range(5000)], b""),
    "a header of 200 KB": (["x-large: " + "a" * 200_000], b""),
    "no body": ([], b""),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_broken_http_is_refused(room: Room, what: str) -> None:
    headers, rest = REFUSED[what]
    for door in DOORS:
        reply = await send(room, post(door, *headers), rest)
        assert 400 <= reply.status < 500 or reply.status == 0, (door, reply.status, reply.body)


async def test_a_body_that_drips_without_end_is_refused_at_the_limit(room: Room) -> None:
    piece = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    for door in DOORS:
        reply = await send(room, post(door, "transfer-encoding: chunked"), *[piece] * 33)
        assert reply.status == 413
        assert faults_of(reply, door) is None


async def test_a_chunked_body_is_as_good_as_any() -> None:
    async with open_room() as room:  # with all the time for its body that a slow machine takes
        await send_chunked(room)


async def send_chunked(room: Room) -> None:
    chunks = b"".join(
        b"%x\r\n%b\r\n" % (len(byte), byte) for byte in (good()[i : i + 1] for i in range(len(good())))
    )
    for door in DOORS:
        reply = await send(room, post(door, "transfer-encoding: chunked"), chunks + b"0\r\n\r\n")
        assert reply.status == 200
