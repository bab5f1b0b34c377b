"""What a request is expected to need."""

from msgspec import Struct

__all__ = ["Quote"]


class Quote(Struct, frozen=True, gc=False):
    """What a request is expected to need, at most."""

    model: str
    tokens: int
    """Of the prompt and the answer."""
    cost: int | None
    """In nano; None where no price is known."""
