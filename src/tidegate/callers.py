"""Who calls by one configuration, and who accounts for them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidegate.accounts import UNLIMITED, Accountant, Counters, Directory, LimitsOnly, Users, limits_of
from tidegate.accounts.model_limits import ModelLimits
from tidegate.config import Config
from tidegate.upstream import fetch_json

if TYPE_CHECKING:
    from tidegate.accounts.jwt import Tokens

    from .bookkeeping import Bookkeeping

__all__ = ["Accounts", "open_accounts"]


@dataclass(frozen=True)
class Accounts:
    """Who calls by one Config, and who accounts for them."""

    directory: Directory
    accountant: Accountant | None
    tokens: "Tokens | None"

    async def close(self) -> None:
        """Stop following changes."""
        await self.directory.close()
        if self.tokens is not None:
            await self.tokens.close()


async def open_accounts(
    config: Config, books: "Bookkeeping | None", counters: Counters, old: Accounts | None
) -> Accounts:
    """The callers of a configuration; with a store also those that it knows. What has been verified for `old`
    stays verified. Raises StoreUnavailable.
    """
    keys, required = [key.reveal() for key in config.auth.keys], config.auth.mode == "keys"
    limits = limits_of(config)
    if books is None:
        models = ModelLimits(config)
        accountant = LimitsOnly(counters, models) if models or limits != UNLIMITED else None
        directory = Directory(keys, required=required, limits=limits)
        return Accounts(directory, accountant, _open_tokens(config, Users(limits=limits), old))
    from tidegate.accounts.opening import StoredKeys, StoredUsers

    source, billing = StoredKeys(books.store), config.billing.enabled
    users = Users(StoredUsers(books.store), billing=billing, limits=limits)
    directory = Directory(keys, source, required=required, billing=billing, limits=limits)
    await directory.open()
    books.configure(config)
    return Accounts(directory, books.accountant, _open_tokens(config, users, old))


def _open_tokens(config: Config, users: Users, old: Accounts | None) -> "Tokens | None":
    """What verifies the tokens of clients; None where none are accepted."""
    if not config.auth.takes_tokens:
        return None
    from tidegate.accounts.jwt import open_tokens

    return open_tokens(config, users, fetch_json, old.tokens if old is not None else None)
