"""Names of headers that are known not to matter."""

__all__ = ["OtherNames"]

MOST, LONGEST = 256, 64
"""How many names are remembered, and the bytes of the longest: others choose them."""


class OtherNames(set[bytes]):
    """Names that were looked at, and do not matter. Clients and providers send the same ones always."""

    def note(self, name: bytes) -> None:
        """Remember a name, if there is room."""
        if len(name) <= LONGEST and len(self) < MOST:
            self.add(name)
