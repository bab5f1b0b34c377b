"""The accounts of a worker, as an exchange sees them: consulted before a request, informed at its end."""

from collections.abc import Sequence

from msgspec import Struct

from tidegate.protocols.errors import Forbidden, TidegateError, Unavailable
from tidegate.store.errors import JournalFailed
from tidegate.store.journal import Begun, Ended, milliseconds
from tidegate.store.store import Store

from .budgets import Budgets, Spent
from .caller import Caller, Subject
from .counters import Counters
from .limits import Limited, Limiter
from .model_limits import NO_MODEL_LIMITS, ModelLimits
from .own import OwnAccounts
from .payments import Payments
from .quote import Quote
from .wallets import Hold, Wallets

__all__ = ["Accountant", "Ticket"]


class Ticket(Struct):
    """What was taken and held for one request. It is settled once."""

    caller: Caller
    quote: Quote
    begun_at: int
    limited: Limited | None = None
    budgets: Sequence[Spent] = ()
    hold: Hold | None = None
    settled: bool = False


class Accountant:
    """Admits requests, and writes down what became of them."""

    def __init__(self, store: Store, counters: Counters, minimum: int) -> None:
        """`minimum` is what a wallet must have for any request, in nano."""
        self.store = store
        self._limiter = Limiter(counters)
        self._budgets = Budgets(store)
        self._wallets = Wallets(store, minimum)
        self.own: OwnAccounts | None = OwnAccounts(store, self._budgets)
        """See contract.Accountant."""
        self.payments: Payments | None = Payments(store)
        """See contract.Accountant."""
        self._models = NO_MODEL_LIMITS
        self._refuse = False

    async def admit(self, request: str, caller: Caller, quote: Quote) -> Ticket:
        """Take what a request needs, and hold what it may cost. Raises LimitExceeded, InsufficientFunds,
        Forbidden (`price_unknown`) and Unavailable; then nothing is taken.
        """
        store = self.store
        if self._refuse and store.failing_since is not None:
            raise Unavailable("the accounts are not available at the moment", retry_after=5)
        ticket = Ticket(caller, quote, milliseconds())
        subjects = self._models.join(caller.subjects, quote.model)
        pays, budgeted = _check_price(caller, subjects, quote)
        cost, begun, lease, held = quote.cost or 0, False, None, 0
        try:
            if subjects:
                limited = self._limiter.take_now(subjects, quote.tokens)
                if limited is None:
                    limited = await self._limiter.take(subjects, quote.tokens)
                ticket.limited = limited
                if budgeted:
                    ticket.budgets = await self._budgets.hold(subjects, cost)
            if pays:
                assert caller.user is not None
                hold = self._wallets.hold_now(caller.user, cost)
                if hold is None:
                    hold = await self._wallets.hold(caller.user, cost)
                ticket.hold, lease, held = hold, hold.lease, hold.amount
            store.begin(Begun(request, ticket.begun_at, caller.user, caller.key, lease, held, quote.model))
            begun = True
            if store.waits:
                await store.durable()
        except BaseException as error:  # a client that leaves, too
            self._give_back(ticket, 0, 0)
            if begun:
                self._void(request, ticket)
            if isinstance(error, JournalFailed):
                raise _unavailable(error) from error
            raise
        return ticket

    def _void(self, request: str, ticket: Ticket) -> None:
        try:
            self.store.end(_void(request, ticket))
        except JournalFailed as error:
            raise _unavailable(error) from error

    async def foresee_refusal(self, caller: Caller, quote: Quote) -> TidegateError | None:
        """See contract.Accountant."""
        try:
            subjects = self._models.join(caller.subjects, quote.model)
            pays, budgeted = _check_price(caller, subjects, quote)
            cost = quote.cost or 0
            if budgeted:
                await self._budgets.check(subjects, cost)
            if pays:
                assert caller.user is not None
                await self._wallets.check(caller.user, cost)
        except TidegateError as error:
            return error
        return None

    def settle(self, ticket: Ticket, ended: Ended) -> None:
        """A request has ended: write it down, and give back what it did not use. Raises Unavailable where it
        cannot be written; the hold then stays until the worker ends.
        """
        if ticket.settled:
            return
        try:
            self.store.end(ended)
        except JournalFailed as error:
            raise _unavailable(error) from error
        self._give_back(ticket, ended.cost or 0, ended.tokens)

    def configure(self, minimum: int, *, models: ModelLimits = NO_MODEL_LIMITS, refuse: bool = False) -> None:
        """Follow a new configuration. Leases and what is held stay. With `refuse`, requests are refused while
        the store fails.
        """
        self._wallets.minimum = minimum
        self._models = models
        self._refuse = refuse

    def close(self) -> None:
        """Stop, before the store is closed."""
        self._wallets.close()

    def _give_back(self, ticket: Ticket, cost: int, tokens: int) -> None:
        ticket.settled = True
        if ticket.limited is not None:
            self._limiter.settle(ticket.limited, tokens)
        if ticket.budgets:
            self._budgets.settle(ticket.budgets, ticket.quote.cost or 0, cost)
        if ticket.hold is not None:
            self._wallets.settle(ticket.hold, cost)


def _unavailable(error: JournalFailed) -> Unavailable:
    return Unavailable(f"requests cannot be accounted for: {error}", retry_after=5)


def _void(request: str, ticket: Ticket) -> Ended:
    """The end of a request that was written down and is not served."""
    caller, hold = ticket.caller, ticket.hold
    return Ended(
        id=request, at=milliseconds(), ended="client_left", status=499, begun_at=ticket.begun_at,
        user=caller.user, team=caller.team, key=caller.key, model=ticket.quote.model,
        lease=hold.lease if hold is not None else None, held=hold.amount if hold is not None else 0, cost=0,
    )  # fmt: skip


def _check_price(caller: Caller, subjects: Sequence[Subject], quote: Quote) -> tuple[bool, bool]:
    """Whether a wallet pays, and whether a budget applies. Raises Forbidden where one of them does, and the
    price is not known.
    """
    pays = caller.wallet and caller.user is not None
    budgeted = False
    for subject in subjects:
        if subject.budgets:
            budgeted = True
    if quote.cost is None and (pays or budgeted):
        raise Forbidden(
            f"the price of {quote.model} is unknown, so requests cannot be billed. The operator can add "
            "it to [prices]",
            code="price_unknown",
            param="model",
        )
    return pays, budgeted
