"""What an exchange needs of its accounts. `accountant.Accountant` is what implements it, with a database."""

from typing import TYPE_CHECKING, Any
from typing import Protocol as Interface

from tidegate.protocols.errors import TidegateError
from tidegate.store.journal import Ended

from .caller import Caller
from .limits import Limited
from .quote import Quote

if TYPE_CHECKING:
    from .own import OwnAccounts
    from .payments import Payments

__all__ = ["Accountant", "Hold", "Ticket"]


class Hold(Interface):
    """Money that is held for a request."""

    lease: str
    amount: int
    """In nano."""


class Ticket(Interface):
    """What was taken for a request of its caller's limits, budgets and wallet."""

    begun_at: int
    """In milliseconds since 1970."""

    @property
    def hold(self) -> Hold | None:
        """None where no wallet pays."""
        ...

    @property
    def limited(self) -> Limited | None:
        """What was taken of limits; None where there are none."""
        ...

    @property
    def settled(self) -> bool:
        """Whether the request is booked."""
        ...


class Accountant(Interface):
    """Admits requests, and writes down what became of them (see `accounts.accountant`)."""

    @property
    def own(self) -> "OwnAccounts | None":
        """What callers may know of their accounts; None without a store."""
        ...

    @property
    def payments(self) -> "Payments | None":
        """What payments change in wallets; None without a store."""
        ...

    async def admit(self, request: str, caller: Caller, quote: Quote) -> Ticket:
        """Take what a request needs. Raises LimitExceeded, InsufficientFunds, Forbidden and Unavailable."""
        ...

    async def foresee_refusal(self, caller: Caller, quote: Quote) -> TidegateError | None:
        """Why the caller's budgets or wallet would not allow a request now; None if they would. Nothing is
        taken, and limits are not looked at.
        """
        ...

    def settle(self, ticket: Any, ended: Ended) -> None:
        """Write down how a request has ended. Raises Unavailable."""
        ...
