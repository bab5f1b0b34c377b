"""Every field of every request, given every wrong type and what is out of its range."""

from collections.abc import AsyncIterator
from itertools import cycle

import pytest
import pytest_asyncio

from bad_input.fields import FIELDS, OUT_OF_RANGE, PLAIN, RICH, VALUES, Field, request_with
from bad_input.requests import FORMATS, Door, Room, faults_of, names, open_room, write
from cases import each

pytestmark = pytest.mark.asyncio(loop_scope="module")

RANGES = [(door, path) for door, ranges in OUT_OF_RANGE.items() for path in ranges]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def room() -> AsyncIterator[Room]:
    async with open_room() as opened:
        yield opened
        await opened.check()


@pytest.mark.parametrize("provider", FORMATS)
@pytest.mark.parametrize("door", PLAIN, ids=repr)
async def test_the_request_that_is_right_is_answered(room: Room, door: Door, provider: str) -> None:
    reply = await room.ask(door, write({"model": f"{provider}/m", **PLAIN[door]}, "models", "null"))
    assert (reply.status, reply.body if reply.status != 200 else b"") == (200, b"")


@pytest.mark.parametrize("door", RICH, ids=repr)
async def test_the_rich_request_is_right_for_its_own_dialect(room: Room, door: Door) -> None:
    reply = await room.ask(door, write({"model": f"{door.dialect}/m", **RICH[door]}, "models", "null"))
    assert (reply.status, reply.body if reply.status != 200 else b"") == (200, b"")


@each("field", FIELDS)
async def test_a_wrong_type_is_refused_by_name(room: Room, field: Field) -> None:
    faults = []
    providers = cycle(FORMATS)
    for kind, values in VALUES.items():
        if kind in field.kinds or f"{kind}?" in field.kinds:
            continue
        for raw in values:
            base = request_with(field.door, field.path, next(providers))
            reply = await room.ask(field.door, write(base, field.path, raw))
            fault = faults_of(reply, field.door)
            if fault is None and reply.status == 200:
                fault = "accepted"
            if fault is None and not names(reply, field.door, field.path):
                fault = f"not named: {reply.error}"
            if fault is not None:
                faults.append((raw[:40], fault))
    assert not faults, "\n".join(map(str, faults))


@pytest.mark.parametrize("provider", FORMATS)
@each("field", FIELDS)
async def test_a_right_type_is_answered_or_refused(room: Room, field: Field, provider: str) -> None:
    faults = []
    rare = request_with(field.door, field.path, provider).items() >= RICH[field.door].items()
    for kind in VALUES.keys() & {kind.rstrip("?") for kind in field.kinds}:
        for raw in VALUES[kind]:
            base = request_with(field.door, field.path, provider)
            reply = await room.ask(field.door, write(base, field.path, raw))
            fault = faults_of(reply, field.door)
            if fault is None and "null" in field.kinds and raw == "null" and reply.status != 200:
                fault = None if rare and provider != field.door.dialect else f"null: {reply.error}"
            if fault is not None:
                faults.append((raw[:40], fault))
    assert not faults, "\n".join(map(str, faults))


@each("door, path", RANGES)
async def test_a_value_out_of_range_is_refused_by_name(room: Room, door: Door, path: str) -> None:
    faults = []
    for raw, provider in zip(OUT_OF_RANGE[door][path], cycle(FORMATS), strict=False):
        reply = await room.ask(door, write(request_with(door, path, provider), path, raw))
        fault = faults_of(reply, door) or ("accepted" if reply.status == 200 else None)
        if fault is None and not names(reply, door, path):
            fault = f"not named: {reply.error}"
        if fault is not None:
            faults.append((raw[:40], fault))
    assert not faults, "\n".join(map(str, faults))
