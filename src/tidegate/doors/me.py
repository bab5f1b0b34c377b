"""A caller's own accounts: who they are, what they have spent, and the movements of their wallet."""

from collections.abc import Awaitable, Callable
from time import time
from typing import TYPE_CHECKING

from tidegate.exchange import JSON, Gateway, Request, recorded
from tidegate.exchange.admission import identify
from tidegate.exchange.state import Exchange
from tidegate.figures.asked import own_overview
from tidegate.protocols.errors import InvalidRequest
from tidegate.providers import protocol_named

from .details import encode
from .listing import query_of
from .own_pages import PRIVATE, parse_limit, respond_sheet, wants_sheet
from .own_requests import own_requests
from .routing import Routes

if TYPE_CHECKING:
    from tidegate.accounts.own import OwnAccounts

__all__ = ["MeDoor"]

Answer = Callable[[Exchange, "OwnAccounts"], Awaitable[None]]


class MeDoor:
    """For clients that look at their own accounts."""

    name = "me"
    prefix = "/v1/me"

    def __init__(self) -> None:
        self.protocol = protocol_named("openai_chat")

    def routes(self) -> Routes:
        """See Door."""
        return {
            ("GET", "/v1/me"): self.me,
            ("GET", "/v1/me/usage"): self.usage,
            ("GET", "/v1/me/overview"): self.overview,
            ("GET", "/v1/me/transactions"): self.transactions,
            **own_requests(self.answer),
        }

    def me(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Report who calls, with limits, budgets and the wallet."""

        async def answer(this: Exchange, accounts: "OwnAccounts") -> None:
            request.respond(200, [JSON, PRIVATE], encode(await accounts.describe(this.caller)))

        return self.answer(request, gateway, answer)

    def usage(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Report what the caller's requests have cost by day and model."""

        async def answer(this: Exchange, accounts: "OwnAccounts") -> None:
            from tidegate.accounts.pages import parse_time

            query = query_of(request)
            since, until = parse_time(query.get("from"), "from"), parse_time(query.get("to"), "to")
            request.respond(200, [JSON, PRIVATE], encode(await accounts.usage(this.caller, since, until)))

        return self.answer(request, gateway, answer)

    def overview(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Report what the caller's requests were over the last hours: how many, how fast, what they cost."""

        async def answer(this: Exchange, accounts: "OwnAccounts") -> None:
            history, now, user = gateway.figures.history, int(time() * 1000), this.caller.user
            keys = await accounts.keys_of(this.caller)
            found = await own_overview(history, query_of(request), now, user, keys)
            request.respond(200, [JSON, PRIVATE], encode(found))

        return self.answer(request, gateway, answer)

    def transactions(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """List the movements of the caller's wallet, the latest first, in JSON or CSV."""

        async def answer(this: Exchange, accounts: "OwnAccounts") -> None:
            from tidegate.accounts.own import describe_movement
            from tidegate.accounts.pages import next_position, parse_position, parse_time, render_csv

            query = query_of(request)
            limit = parse_limit(query.get("limit"))
            rows = await accounts.movements(
                this.caller,
                parse_position(query.get("after", "")),
                parse_time(query.get("from"), "from"),
                parse_time(query.get("to"), "to"),
                limit,
            )
            following = next_position(rows, limit)
            if wants_sheet(request):
                respond_sheet(request, render_csv(rows), following)
                return
            page = {"data": [describe_movement(one) for one in rows], "next": following}
            request.respond(200, [JSON, PRIVATE], encode(page))

        return self.answer(request, gateway, answer)

    def answer(self, request: Request, gateway: Gateway, answer: Answer) -> Awaitable[None]:
        """Answer a caller who is known, with the accounts."""

        async def handler(this: Exchange) -> None:
            await identify(this)
            accounts = gateway.accountant.own if gateway.accountant is not None else None
            if accounts is None:
                message = "this gateway keeps no accounts: its operator has configured no store ([store] url)"
                raise InvalidRequest(message, status=404, code="no_store")
            await answer(this, accounts)

        return recorded(request, self, gateway, handler)
