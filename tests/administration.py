"""An operator at the admin API of a gateway with wallets."""

import asyncio
import contextlib
import io
import json as jsonlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from sqlalchemy import select

from running import HELLO, Gateway, Reply
from simulator import Simulator, json
from tidegate.store.checking import check_books
from tidegate.store.tables import records

__all__ = ["ADMIN", "AS_ADMIN", "Admin", "administered"]

ADMIN = "an-admin-key-for-tests-0123"
AS_ADMIN = {"authorization": f"Bearer {ADMIN}"}
ANSWER = {
    "id": "c1", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500},
}  # fmt: skip
"""It costs 0.002 USD."""


class Admin:
    """An operator at the admin API of a gateway."""

    def __init__(self, gateway: Gateway, provider: Simulator) -> None:
        self.gateway = gateway
        self.provider = provider
        self._booked = 0

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        status: int = 200,
    ) -> Any:
        reply = await self.reply(method, path, body, headers)
        assert reply.status == status, reply.body
        assert reply.headers["cache-control"] == "no-store"
        return reply.json

    async def reply(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Reply:
        data = io.BytesIO(jsonlib.dumps(body).encode()) if body is not None else None
        sent = {**AS_ADMIN, **(headers or {})}
        url = f"{self.gateway.url}/admin{path}"
        async with self.gateway.session.request(method, url, data=data, headers=sent) as answer:
            return Reply(answer.status, answer.headers, await answer.read())

    async def credit(self, user: str, usd: object, status: int = 201, **more: Any) -> Any:
        self._booked += 1
        key = more.pop("key", f"credit-{self._booked}")
        body = {"amount_usd": usd, **more}
        return await self.ask("POST", f"/wallets/{user}/credits", body, {"idempotency-key": key}, status)

    async def chat(self, secret: str, status: int = 200) -> Reply:
        """A chat with a key, once every worker knows that key as it is now."""
        await asyncio.sleep(0)
        headers = {"authorization": f"Bearer {secret}"}
        self.provider.answer(json(ANSWER))
        reply = await self.gateway.post("/v1/chat/completions", {**HELLO, "model": "one/m"}, headers)
        assert reply.status == status, reply.body
        return reply

    async def paying(self, user: str = "alice", usd: float = 10) -> dict[str, str]:
        """The headers of a new key whose user has so much money."""
        await self.credit(user, usd)
        made = await self.ask("POST", "/keys", {"name": user, "user": user}, status=201)
        await self.known(made["secret"])
        return {"authorization": f"Bearer {made['secret']}"}

    async def booked(self) -> Any:
        """The record of the last request in the store, with its detail."""
        store = self.gateway.app._store
        assert store is not None
        await store.flush()
        latest = select(records).order_by(records.c.at.desc(), records.c.id.desc()).limit(1)
        row = await store.ask(lambda connection: connection.execute(latest).mappings().one())
        return {**row, **jsonlib.loads(row["detail"])}

    async def known(self, secret: str, *, works: bool = True) -> None:
        """Wait until a key works, or does not."""
        accounts = self.gateway.app._accounts
        assert accounts is not None
        while (accounts.directory.find(secret) is not None) is not works:
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def administered(
    provider: Simulator, folder: Path, more: str = "", billing: str = "", store: str = "", **kinds: str
) -> AsyncIterator[Admin]:
    """A gateway with a store (by its URL, or a file in the folder) and wallets. Its books are right at the
    end. `kinds` are those of additional providers, by name.
    """
    more = f"""{more}
        [auth]
        admin_keys = ["ops:{ADMIN}", "another-admin-key-0123456"]
        [store]
        url = "{store or f"sqlite:///{folder}/tidegate.db"}"
        journal = "{folder}/journal"
        [billing]
        enabled = true
        output_tokens = 1000
        overdraft_usd = 0.5
        {billing}
        [prices."one/m"]
        input = 1
        output = 2
    """
    places = dict.fromkeys(("one", "two"), ("openai_compatible", provider.url))
    places |= {name: (kind, provider.url) for name, kind in kinds.items()}
    async with Gateway(places, more=more) as gateway:
        yield Admin(gateway, provider)
        opened = gateway.app._store
        assert opened is not None
        await opened.flush()
        assert await opened.ask(lambda connection: list(check_books(connection))) == []
