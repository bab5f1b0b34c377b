"""The command line."""

import sys

from .serving import read_options, run

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    options = read_options(sys.argv[1:])
    if options is not None:
        run(**options)
        return
    from .main import main

    main()
