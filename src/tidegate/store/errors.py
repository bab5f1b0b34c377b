"""What can go wrong with the store."""

__all__ = ["JournalFailed", "StoreUnavailable"]


class StoreUnavailable(Exception):
    """The database cannot be reached, or refuses to work."""


class JournalFailed(Exception):
    """The journal cannot be written: the disk is full, or the file is gone."""
