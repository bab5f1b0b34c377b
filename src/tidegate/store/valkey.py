"""A link to Valkey (or Redis): commands, scripts and messages (see `link.Link`)."""

import contextlib
from collections.abc import Callable, Coroutine, Sequence
from hashlib import sha1
from typing import Any, NamedTuple, TypeAlias

from .link import LISTEN_S, Link, follow

__all__ = ["Script", "Valkey"]

WAIT_S = 1.0
"""How long an answer may take, in seconds; `socket_timeout` in the URL overrides it."""

Value: TypeAlias = str | bytes | int | float


class Script:
    """A script in Lua, which Valkey runs as a whole."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.sha = sha1(source.encode(), usedforsecurity=False).hexdigest()


class _Command(NamedTuple):
    words: tuple[Value, ...]
    script: Script | None = None


class Valkey(Link[_Command]):
    """See Link."""

    server = "Valkey"

    def __init__(self, url: str) -> None:
        """Raises ValueError for a URL that is none, or where the library is missing."""
        super().__init__()
        try:
            from valkey.asyncio import Valkey as Client
            from valkey.asyncio.retry import Retry
            from valkey.backoff import NoBackoff
        except ModuleNotFoundError as error:
            raise ValueError('store.valkey needs the extra "valkey": install tidegate[valkey]') from error
        self._client = Client.from_url(
            url, socket_timeout=WAIT_S, socket_connect_timeout=WAIT_S, retry=Retry(NoBackoff(), 0),
            max_connections=2, client_name="tidegate",
        )  # fmt: skip
        self._takers: dict[str, Callable[[bytes], None]] = {}

    # --- commands ---------------------------------------------------------------------------------

    async def run(self, *words: Value) -> Any:
        """Run a command. Raises StoreUnavailable."""
        return await self._ask(_Command(words))

    async def run_script(self, script: Script, keys: Sequence[str], values: Sequence[Value]) -> Any:
        """Run a script. Raises StoreUnavailable; it may have been run all the same."""
        return await self._ask(_Command((len(keys), *keys, *values), script))

    def send_script(self, script: Script, keys: Sequence[str], values: Sequence[Value]) -> None:
        """Run a script without waiting for its answer. Where Valkey is away, it is not run."""
        self._send(_Command((len(keys), *keys, *values), script))

    def publish(self, channel: str, message: bytes) -> None:
        """Send a message to all who listen. Where Valkey is away, it is dropped."""
        self._send(_Command(("PUBLISH", channel, message)))

    def subscribe(self, channel: str, take: Callable[[bytes], None]) -> None:
        """Register the callback for messages on a channel. Only before `open`."""
        self._takers[channel] = take

    async def settle(self) -> None:
        """See Link."""
        await self.run("PING")

    # --- see Link ---------------------------------------------------------------------------------

    async def _reach(self) -> None:
        answer = (await self._execute([("PING",)]))[0]
        if isinstance(answer, Exception):
            raise answer

    async def _disconnect(self) -> None:
        await self._client.aclose()

    async def _exchange(self, calls: Sequence[_Command]) -> list[Any]:
        """Send commands, and return their answers. A script that Valkey does not know is sent whole."""
        from valkey.exceptions import NoScriptError

        answers = await self._execute(
            [("EVALSHA", one.script.sha, *one.words) if one.script else one.words for one in calls]
        )
        unknown = [place for place, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:
            sent = [calls[place] for place in unknown]
            again = await self._execute(
                [("EVAL", one.script.source, *one.words) for one in sent if one.script]
            )
            for place, answer in zip(unknown, again, strict=True):
                answers[place] = answer
        return answers

    async def _execute(self, commands: Sequence[tuple[Value, ...]]) -> list[Any]:
        async with self._client.pipeline(transaction=False) as pipeline:
            for words in commands:
                pipeline.execute_command(*words)
            answers: list[Any] = await pipeline.execute(raise_on_error=False)
            return answers

    # --- messages ---------------------------------------------------------------------------------

    def _listens(self) -> bool:
        return bool(self._takers)

    async def _hear_until_it_fails(self) -> None:
        pubsub = self._client.pubsub()
        try:
            await pubsub.subscribe(*self._takers)
            asked = False
            while True:
                message = await pubsub.get_message(timeout=LISTEN_S)
                if message is not None:
                    asked = False
                    self._take(message)
                elif asked:
                    return
                else:
                    asked = True
                    await pubsub.ping()
        finally:
            await _close(pubsub.aclose())

    def _take(self, message: dict[str, Any]) -> None:
        take = self._takers.get(bytes(message["channel"] or b"").decode())
        if message["type"] == "message" and take is not None:
            follow(take, message["data"])


async def _close(closing: Coroutine[Any, Any, None]) -> None:
    with contextlib.suppress(Exception):
        await closing
