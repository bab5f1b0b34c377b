"""Requests that are right, changed at random: refused or answered, and never a fault of ours."""

import copy
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bad_input.fields import PLAIN, RICH
from bad_input.requests import FORMATS, Door, Room, faults_of, open_room

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIXED = settings(
    max_examples=100,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def room() -> AsyncIterator[Room]:
    async with open_room() as opened:
        yield opened
        await opened.check()


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of everything in a request."""
    if path:
        yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, one in inside:
        yield from places(one, (*path, step))


PLACES = {
    (door, rich): list(places(requests[door]))
    for rich, requests in enumerate((PLAIN, RICH))
    for door in requests
}

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
ANYTHING = st.recursive(
    SCALARS | st.text(st.characters(exclude_categories=[]), max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@st.composite
def changes(draw: st.DrawFn, door: Door, rich: int) -> tuple[tuple[Any, ...], str, Any]:
    """A place, what to do there, and with what: anything, or what stands in another place."""
    path = draw(st.sampled_from(PLACES[door, rich]))
    deed = draw(st.sampled_from(["replace", "replace", "remove", "double", "wrap"]))
    other = draw(ANYTHING | st.sampled_from(PLACES[door, rich]).map(lambda place: ("@", place)))
    return path, deed, other


def change(request: Any, path: tuple[Any, ...], deed: str, other: Any) -> None:
    """Change a request in place, as far as the path still leads anywhere."""
    try:
        inside = request
        for step in path[:-1]:
            inside = inside[step]
        there = inside[path[-1]]
    except (KeyError, IndexError, TypeError):
        return
    if not isinstance(inside, dict | list):
        return
    if isinstance(other, tuple):
        other = find(request, other[1])
    if deed == "remove":
        del inside[path[-1]]
    elif deed == "double" and isinstance(inside, list):
        inside.insert(path[-1], copy.deepcopy(there))
    elif deed == "wrap":
        inside[path[-1]] = [copy.deepcopy(there)]
    else:
        inside[path[-1]] = other


def find(request: Any, path: tuple[Any, ...]) -> Any:
    try:
        for step in path:
            request = request[step]
    except (KeyError, IndexError, TypeError):
        return None
    return copy.deepcopy(request)


@pytest.mark.parametrize("rich", [0, 1], ids=["plain", "rich"])
@pytest.mark.parametrize("door", PLAIN, ids=repr)
@FIXED
@given(data=st.data())
async def test_a_changed_request_is_answered_or_refused(
    room: Room, door: Door, rich: int, data: st.DataObject
) -> None:
    request = copy.deepcopy((PLAIN, RICH)[rich][door])
    for path, deed, other in data.draw(st.lists(changes(door, rich), min_size=1, max_size=4)):
        change(request, path, deed, other)
    for provider in FORMATS:
        body = json.dumps({"model": f"{provider}/m", **request}).encode()
        assert faults_of(await room.ask(door, body), door) is None
    assert room.notes.faults == []
    assert room.unreadable == []


@pytest.mark.parametrize("door", PLAIN, ids=repr)
@FIXED
@given(data=st.data())
async def test_a_garbled_body_is_answered_or_refused(room: Room, door: Door, data: st.DataObject) -> None:
    body = json.dumps({"model": f"{data.draw(st.sampled_from(FORMATS))}/m", **PLAIN[door]}).encode()
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(body)))
        end = min(len(body), start + data.draw(st.integers(0, 9)))
        body = body[:start] + data.draw(st.binary(max_size=6)) + body[end:]
    assert faults_of(await room.ask(door, body), door) is None
    assert room.notes.faults == []
    assert room.unreadable == []
