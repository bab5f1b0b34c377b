"""Who leads among the workers of all hosts: a key in Valkey that expires unless its holder renews it."""

import asyncio
import logging
from collections.abc import Callable

from .errors import StoreUnavailable
from .valkey import Script, Valkey

__all__ = ["ValkeyCarrier"]

log = logging.getLogger("tidegate")

LEAD_S = 10.0
"""Seconds after which somebody else may lead where the leader says nothing."""
RENEW_S = 3.0
"""Seconds between two attempts to lead, or to go on leading."""
WANTED_S = 60.0
"""Seconds after which a worker that has not asked gives up to lead."""

LEAD = Script("""
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
""")
RESIGN = Script("if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end")


class ValkeyCarrier:
    """See bus.Carrier."""

    def __init__(self, valkey: Valkey, worker: str) -> None:
        self._valkey = valkey
        self._worker = worker
        self._asked_at: dict[str, float] = {}
        self._until: dict[str, float] = {}
        """By name: until when this worker leads."""
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def failure(self) -> str | None:
        """See Carrier."""
        return self._valkey.failure

    def publish(self, channel: str, message: bytes) -> None:
        """See Carrier."""
        self._valkey.publish(channel, message)

    def subscribe(self, channel: str, take: Callable[[bytes], None]) -> None:
        """See Carrier."""
        self._valkey.subscribe(channel, take)

    def lead(self, name: str) -> bool:
        """See Carrier."""
        now = asyncio.get_running_loop().time()
        if name not in self._asked_at:
            self._wanted.set()
        self._asked_at[name] = now
        return self._until.get(name, 0.0) > now

    def open(self) -> None:
        """Begin, on the running loop."""
        self._task = asyncio.create_task(self._renew(), name="leads")

    async def close(self) -> None:
        """Let others lead."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        for name in self._until:
            self._valkey.send_script(RESIGN, [_key(name)], [self._worker])

    async def _renew(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            self._wanted.clear()
            for name, asked_at in list(self._asked_at.items()):
                now = clock()
                if now - asked_at > WANTED_S:
                    del self._asked_at[name]
                    continue
                try:
                    life = int(LEAD_S * 1000)
                    leads = await self._valkey.run_script(LEAD, [_key(name)], [self._worker, life])
                except StoreUnavailable as error:
                    log.debug("nobody leads: %s", error)
                    leads = False
                self._until[name] = now + LEAD_S if leads else 0.0
            try:
                async with asyncio.timeout(RENEW_S):
                    await self._wanted.wait()
            except TimeoutError:
                continue


def _key(name: str) -> str:
    return f"tidegate:lead:{name}"
