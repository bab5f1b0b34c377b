"""The facts about a request that routing uses."""

from typing import TypeAlias

from msgspec import Struct

from tidegate.config import Order
from tidegate.protocols.needs import NOTHING, Need
from tidegate.providers import MaxPrice

__all__ = ["MaxPrice", "RequestFacts", "SessionKey"]

SessionKey: TypeAlias = bytes
"""Identifies a conversation of one caller; see `affinity.session_key`."""


class RequestFacts(Struct, frozen=True, kw_only=True, gc=False):
    """The properties of a request and its sender's preferences. The defaults describe a short plain chat."""

    input_tokens: int = 0
    """The estimated tokens of the prompt."""
    max_output: int | None = None
    """Maximum completion tokens per choice; None if the client sets no limit."""
    choices: int = 1
    """The number of requested choices (`n`)."""
    stream: bool = False
    needs: frozenset[Need] = NOTHING
    """The capabilities that the request needs."""
    require: frozenset[str] = NOTHING
    """Capabilities that the model must be known to have (the request's `provider.require`)."""
    order: Order | None = None
    """The order requested by the client; None: the configured one."""
    tiers: tuple[int, ...] = ()
    """The sizes of groups of candidates, if the request ranks them (`models`, `provider.order`): each group
    is ordered separately, after the previous ones. Empty: all are ordered together."""
    max_price: MaxPrice | None = None
    """The request's `provider.max_price`."""
    session: SessionKey | None = None
    """The conversation; None: its cache is ignored (`x-tidegate-affinity: off`)."""

    @property
    def plain(self) -> bool:
        """Whether every model can serve it."""
        return not self.needs and not self.require and self.max_price is None and not self.tiers
