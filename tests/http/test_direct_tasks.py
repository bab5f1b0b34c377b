"""Tasks that run where something happens: they do what asyncio's own do, without a turn in between."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from tidegate.http.direct import Arrival, DirectTask

Started = Callable[[Coroutine[Any, Any, None]], Any]
Story = list[str]


def start_direct(coroutine: Coroutine[Any, Any, None]) -> DirectTask:
    """Start it from outside of all tasks, as a connection does."""
    loop = asyncio.get_running_loop()
    task = DirectTask(coroutine, loop)
    loop.call_soon(task.go_on)
    return task


def start_own(coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(coroutine)


@pytest.fixture(params=[start_direct, start_own], ids=["direct", "asyncio"])
def start(request: pytest.FixtureRequest) -> Started:
    return request.param  # type: ignore[no-any-return]


async def turns(count: int = 12) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def tell(story: Story, wait: Callable[[], Awaitable[object]]) -> None:
    """Wait, and tell how that ended; a second wait shows that the task is whole."""
    for _ in range(2):
        try:
            story.append(f"got {await wait()}")
        except asyncio.CancelledError:
            story.append("cancelled")
        except Exception as error:  # noqa: BLE001 whatever it is
            story.append(f"{type(error).__name__} {error}")
    story.append("over")


class Waits:
    """What a task waits for: a new one each time."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.made: list[Any] = []

    def __call__(self) -> Any:
        if self.kind == "turn":
            return asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        self.made.append(Arrival(loop) if self.kind == "arrival" else loop.create_future())
        return self.made[-1]

    def end(self, value: str) -> None:
        last = self.made[-1]
        if isinstance(last, Arrival):
            last.arrive(value)
        elif not last.done():
            last.set_result(value)


@pytest.mark.parametrize("kind", ["arrival", "future"])
async def test_it_gets_what_it_waits_for(start: Started, kind: str) -> None:
    story: Story = []
    waits = Waits(kind)
    task = start(tell(story, waits))
    await turns()
    waits.end("one")
    await turns()
    waits.end("two")
    await turns()
    assert story == ["got one", "got two", "over"]
    assert task is not None


async def test_it_gives_others_a_turn(start: Started) -> None:
    story: Story = []
    task = start(tell(story, Waits("turn")))
    await turns()
    assert story == ["got None", "got None", "over"]
    assert task is not None


@pytest.mark.parametrize("kind", ["arrival", "future"])
async def test_it_is_cancelled_where_it_waits(start: Started, kind: str) -> None:
    story: Story = []
    waits = Waits(kind)
    task = start(tell(story, waits))
    await turns()
    assert task.cancel()
    assert story == [], "only in the next turn"
    waits.end("late")
    await turns()
    waits.end("two")
    await turns()
    assert story == ["cancelled", "got two", "over"]
    assert task.cancelling() == 1
    assert task.uncancel() == 0
    assert task.uncancel() == 0


@pytest.mark.parametrize("kind", ["arrival", "future", "turn"])
async def test_it_is_cancelled_at_its_next_wait(start: Started, kind: str) -> None:
    story: Story = []
    waits = Waits(kind)

    async def cancel_itself() -> None:
        current = asyncio.current_task()
        assert current is not None
        current.cancel()
        await tell(story, waits)

    task = start(cancel_itself())
    await turns()
    if kind != "turn":
        waits.end("two")
    await turns()
    assert story == ["cancelled", "got None" if kind == "turn" else "got two", "over"]
    assert task is not None


async def test_it_is_cancelled_in_a_turn_of_the_others(start: Started) -> None:
    story: Story = []
    task = start(tell(story, Waits("turn")))
    asyncio.get_running_loop().call_soon(task.cancel)
    await turns()
    assert story == ["cancelled", "got None", "over"]


async def test_it_does_not_begin_if_it_is_cancelled_before(start: Started) -> None:
    story: Story = []
    task = start(tell(story, Waits("turn")))
    task.cancel()
    await turns()
    assert story == []


async def test_what_has_arrived_before_the_cancellation_is_kept(start: Started) -> None:
    """The result has come, and the task is cancelled before it goes on: it sees the cancellation."""
    story: Story = []
    waits = Waits("future")
    task = start(tell(story, waits))
    await turns()
    waits.end("one")
    task.cancel()
    await turns()
    assert story == ["cancelled"]
    waits.end("two")
    await turns()
    assert story == ["cancelled", "got two", "over"]


async def test_a_failure_reaches_it(start: Started) -> None:
    story: Story = []
    waits = Waits("future")
    task = start(tell(story, waits))
    await turns()
    waits.made[-1].set_exception(ValueError("broken"))
    await turns()
    waits.made[-1].cancel()
    await turns()
    assert story == ["ValueError broken", "cancelled", "over"]
    assert task is not None


@pytest.mark.parametrize("kind", ["arrival", "future"])
async def test_timeouts_work_in_it(start: Started, kind: str) -> None:
    story: Story = []
    waits, over = Waits(kind), asyncio.Event()

    async def hurry() -> None:
        try:
            async with asyncio.timeout(0):
                await waits()
        except TimeoutError:
            current = asyncio.current_task()
            assert current is not None
            story.append(f"too late, {current.cancelling()} cancellations left")
        over.set()

    task = start(hurry())
    await over.wait()
    assert story == ["too late, 0 cancellations left"]
    assert task is not None


async def test_it_awaits_tasks_and_groups_of_them(start: Started) -> None:
    story: Story = []

    async def work() -> None:
        inner = asyncio.ensure_future(asyncio.sleep(0, "a task"))
        story.append(await inner)
        async with asyncio.TaskGroup() as group:
            one = group.create_task(asyncio.sleep(0, "a group"))
        story.append(one.result())
        story.append(str(await asyncio.gather(asyncio.sleep(0, 1), asyncio.sleep(0, 2))))

    task = start(work())
    await turns(30)
    assert story == ["a task", "a group", "[1, 2]"]
    assert task is not None


async def test_it_begins_and_goes_on_at_once() -> None:
    story: Story = []
    waits = Waits("arrival")
    loop = asyncio.get_running_loop()
    seen: list[Story] = []

    def outside() -> None:
        DirectTask(tell(story, waits), loop).go_on()
        seen.append([*story, f"{len(waits.made)} begun"])
        waits.end("one")
        seen.append([*story, f"{len(waits.made)} begun"])

    loop.call_soon(outside)
    await turns()
    assert seen == [["1 begun"], ["got one", "2 begun"]]


async def test_within_another_task_it_begins_and_goes_on_in_a_turn_of_its_own() -> None:
    story: Story = []
    waits = Waits("arrival")
    DirectTask(tell(story, waits), asyncio.get_running_loop()).go_on()
    assert waits.made == []
    await turns()
    waits.end("one")
    assert story == []
    await turns()
    assert story == ["got one"]


async def test_variables_of_its_context_are_its_own(start: Started) -> None:
    from contextvars import ContextVar

    variable: ContextVar[str] = ContextVar("variable", default="outside")
    story: Story = []
    waits = Waits("arrival")

    async def work() -> None:
        variable.set("inside")
        await waits()
        story.append(variable.get())
        await asyncio.sleep(0)
        story.append(variable.get())

    task = start(work())
    await turns()
    story.append(variable.get())
    asyncio.get_running_loop().call_soon(waits.end, "one")
    await turns()
    assert story == ["outside", "inside", "inside"]
    assert variable.get() == "outside"
    assert task is not None


async def test_an_arrival_can_be_awaited_after_it_has_come() -> None:
    arrival: Arrival[str] = Arrival(asyncio.get_running_loop())
    arrival.arrive("here")
    arrival.arrive("again")
    assert await arrival == "here"
    assert not arrival.cancel()
    assert arrival.result() == "here"


async def test_nobody_gets_what_arrives_after_the_cancellation() -> None:
    arrival: Arrival[str] = Arrival(asyncio.get_running_loop())
    assert arrival.cancel()
    arrival.arrive("late")
    with pytest.raises(asyncio.CancelledError):
        await arrival
