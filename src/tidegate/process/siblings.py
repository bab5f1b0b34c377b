"""The other workers of a server that is not ours."""

import os
import sys
from pathlib import Path

from tidegate.bus import ALONE, Bus

__all__ = ["meet_siblings"]


def meet_siblings(directory: Path) -> Bus:
    """The bus of the workers that one server has started in a directory."""
    if sys.platform == "win32":
        return ALONE
    from tidegate.bus.folder import meet

    return meet(f"{directory}\n{os.getppid()}")
