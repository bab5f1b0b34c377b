"""What routing knows about a request."""

from typing import TypeAlias

from msgspec import Struct

from tidegate.config import Order
from tidegate.protocols.needs import NOTHING, Need
from tidegate.providers import MaxPrice

__all__ = ["MaxPrice", "RequestFacts", "SessionKey"]

SessionKey: TypeAlias = bytes
"""Identifies a conversation of one caller; see `affinity.session_key`."""


class RequestFacts(Struct, frozen=True, kw_only=True, gc=False):
    """The shape of a request and the preferences of who sent it. The defaults are a short plain chat."""

    input_tokens: int = 0
    """The estimated tokens of the prompt."""
    max_output: int | None = None
    """The most completion tokens of a choice; None where the client sets no limit."""
    choices: int = 1
    """How many choices are requested (`n`)."""
    stream: bool = False
    needs: frozenset[Need] = NOTHING
    """What the model has to be able to do."""
    require: frozenset[str] = NOTHING
    """Capabilities that the model must be known to have (the request's `provider.require`)."""
    order: Order | None = None
    """The order that the request, its key or its user prefers; None: that of the configuration."""
    tiers: tuple[int, ...] = ()
    """How many candidates stand together, where the request itself ranks them (`models`, `provider.order`):
    each part is ordered by itself, behind the parts before it. Empty: all are ordered together."""
    max_price: MaxPrice | None = None
    """The request's `provider.max_price`."""
    session: SessionKey | None = None
    """The conversation; None: its cache is of no concern (`x-tidegate-affinity: off`)."""

    @property
    def plain(self) -> bool:
        """Whether it needs nothing that a model may lack."""
        return not self.needs and not self.require and self.max_price is None and not self.tiers
