"""Links to servers, without a server: what holds for every driver."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from tidegate.store.errors import StoreUnavailable
from tidegate.store.link import Link


class Deaf(Link[int]):
    """Its driver takes the first cancellations of each wait for something else."""

    server = "a server"

    def __init__(self, deaf: int) -> None:
        super().__init__()
        self.left = {"listening": deaf, "sending": deaf}

    async def settle(self) -> None:
        pass

    async def _reach(self) -> None:
        pass

    async def _disconnect(self) -> None:
        self.disconnected = True

    async def _exchange(self, calls: Sequence[int]) -> Sequence[Any]:
        await self._wait("sending")
        return calls

    def _listens(self) -> bool:
        return True

    async def _hear_until_it_fails(self) -> None:
        await self._wait("listening")

    async def _wait(self, what: str) -> None:
        while True:
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                if not self.left[what]:
                    raise
                self.left[what] -= 1


@pytest.mark.parametrize("deaf", [0, 1, 3])
async def test_a_link_is_closed_although_its_driver_loses_cancellations(deaf: int) -> None:
    link = Deaf(deaf)
    await link.open()
    asked = asyncio.create_task(link._ask(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await link.close()
    assert link.disconnected
    assert link.left == {"listening": 0, "sending": 0}
    with pytest.raises(StoreUnavailable, match="it is closed"):
        await asked
