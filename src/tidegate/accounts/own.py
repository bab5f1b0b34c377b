"""What callers may know of their own accounts. Amounts are in USD, times in milliseconds since 1970."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tidegate.money import usd
from tidegate.money.ledger import wallet_of
from tidegate.protocols.errors import InvalidRequest, Unavailable
from tidegate.store.bodies import Body, find_bodies
from tidegate.store.books import balance_of
from tidegate.store.costs import spent_by
from tidegate.store.errors import StoreUnavailable
from tidegate.store.history import Position, list_movements
from tidegate.store.journal import milliseconds
from tidegate.store.keys import ids_of_keys
from tidegate.store.refusals import Refused, list_refusals
from tidegate.store.requests import Search, StoredRequest, find_request, list_requests
from tidegate.store.sessions import Session, SessionPosition, list_sessions
from tidegate.store.statements import Movement
from tidegate.store.store import Store

from .budgets import Budgets
from .caller import Caller, Subject
from .refusal_views import following_refusals, refusal_view, search_refusals
from .usage_window import usage_window

__all__ = ["OwnAccounts", "describe_movement"]

MOST_ROWS = 10_000


class OwnAccounts:
    """The accounts of a worker's callers, as they see them. Raises Unavailable while the store is away."""

    def __init__(self, store: Store, budgets: Budgets) -> None:
        self._store = store
        self._budgets = budgets

    async def describe(self, caller: Caller) -> Mapping[str, Any]:
        """Who calls, and what is left of what they may spend."""
        wallet = None
        if caller.wallet and caller.user is not None:
            balance = await self._ask(balance_of, wallet_of(caller.user))
            wallet = {
                "balance_usd": usd(balance.posted),
                "held_usd": usd(balance.held),
                "available_usd": usd(balance.available),
            }
        budgets = [
            {
                "of": subject, "period": budget.period, "amount_usd": usd(limit), "spent_usd": usd(used),
                "left_usd": usd(max(0, limit - used)),
            }
            for subject, budget, limit, used in await self._budgets.standings(caller.subjects)
        ]  # fmt: skip
        return {
            "object": "me", "name": caller.label, "key": caller.key, "user": caller.user,
            "team": caller.team, "limits": [_limits(one) for one in caller.subjects], "budgets": budgets,
            "wallet": wallet,
        }  # fmt: skip

    async def usage(self, caller: Caller, since: int | None, until: int | None) -> Mapping[str, Any]:
        """What a caller's requests have cost by day and model: those of the user, else those of the key.
        Those that began today (UTC) or in the 30 days before, unless `since` says otherwise.
        """
        groups, filters = ["day", "model"], _own_filter(caller)
        begin, end = usage_window(since, until, milliseconds(), groups=groups, filters=filters)
        rows = await self._ask(spent_by, groups, since=begin, until=end, filters=filters, limit=MOST_ROWS)
        data = [
            {
                "day": f"{datetime.fromtimestamp(one.by['day'] / 1000, UTC):%Y-%m-%d}",
                "model": one.by["model"], "requests": one.requests, "unpriced": one.unpriced,
                "cost_usd": usd(one.cost),
            }
            for one in rows
        ]  # fmt: skip
        return {"object": "list", "data": data, "cost_usd": usd(sum(one.cost for one in rows))}

    async def keys_of(self, caller: Caller) -> Sequence[str]:
        """The ids of the caller's keys: those of the user, else the one that was used."""
        if caller.user is not None:
            found: Sequence[str] = await self._ask(ids_of_keys, caller.user)
            return found
        if caller.key is None:
            raise InvalidRequest("requests without a key have no accounts", status=404, code="no_accounts")
        return [caller.key]

    async def movements(
        self, caller: Caller, before: Position | None, since: int | None, until: int | None, limit: int
    ) -> Sequence[Movement]:
        """A page of the movements of the caller's wallet, the latest first."""
        if caller.user is None:
            raise InvalidRequest(
                "this key belongs to no user, and has no wallet", status=404, code="no_wallet"
            )
        rows: Sequence[Movement] = await self._ask(
            list_movements, caller.user, before=before, since=since, until=until, limit=limit
        )
        return rows

    async def requests(
        self, caller: Caller, search: Search, before: Position | None, limit: int
    ) -> Sequence[StoredRequest]:
        """A page of the caller's requests that have ended, the latest first."""
        own = search._replace(filters={**search.filters, **_own_filter(caller)})
        rows: Sequence[StoredRequest] = await self._ask(list_requests, own, before=before, limit=limit)
        return rows

    async def request(self, caller: Caller, request: str) -> tuple[StoredRequest, Mapping[str, Body]]:
        """One of the caller's requests, and its bodies. Raises InvalidRequest if there is no such one."""
        known = "\x00" not in request  # no store accepts a NUL character
        found = await self._ask(find_request, request, _own_filter(caller)) if known else None
        if found is None:
            raise InvalidRequest("you have no such request", status=404, code="not_found", param="id")
        return found, await self._ask(find_bodies, request)

    async def sessions(
        self,
        caller: Caller,
        filters: Mapping[str, str],
        before: SessionPosition | None,
        since: int | None,
        until: int | None,
        limit: int,
    ) -> Sequence[Session]:
        """A page of the caller's sessions, the one that ended last first."""
        own = {**filters, **_own_filter(caller)}
        rows: Sequence[Session] = await self._ask(
            list_sessions, filters=own, before=before, since=since, until=until, limit=limit
        )
        return rows

    async def refusals(self, caller: Caller, query: Mapping[str, str], limit: int) -> Mapping[str, Any]:
        """A page of reasons why the caller's requests were refused before they began, the most frequent
        first.
        """
        search = search_refusals(query, milliseconds(), _own_filter(caller))
        rows: Sequence[Refused] = await self._ask(list_refusals, **search, limit=limit)
        following = following_refusals(len(rows), search, limit)
        return {"data": [refusal_view(one) for one in rows], "next": following}

    async def _ask(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        """Ask the store, once it has what this worker has written."""
        try:
            await self._store.flush()
            return await self._store.ask(function, *args, **kwargs)
        except StoreUnavailable as error:
            raise Unavailable("the accounts are not available at the moment", retry_after=5) from error


def describe_movement(one: Movement) -> Mapping[str, Any]:
    """A movement, as its owner sees it."""
    return {
        "id": one.id, "kind": one.kind, "at": one.at, "amount_usd": usd(one.amount),
        "balance_usd": usd(one.balance), "request": one.request, "reference": one.reference, "note": one.note,
        "expires_at": one.expires_at,
    }  # fmt: skip


def _own_filter(caller: Caller) -> Mapping[str, str]:
    """What the caller's own requests have in common: the user, else the key. Raises InvalidRequest."""
    if caller.user is not None:
        return {"user": caller.user}
    if caller.key is not None:
        return {"key": caller.key}
    raise InvalidRequest("requests without a key have no accounts", status=404, code="no_accounts")


def _limits(subject: Subject) -> Mapping[str, Any]:
    limits = subject.limits
    return {
        "of": subject.name, "requests_per_minute": limits.requests_per_minute,
        "tokens_per_minute": limits.tokens_per_minute, "concurrent": limits.concurrent,
    }  # fmt: skip
