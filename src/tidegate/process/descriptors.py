"""File descriptors: the standard streams, and the limit of open files."""

import contextlib
import errno
import logging
import os
import resource
import sys

__all__ = ["FileLimit", "open_missing_streams", "raise_file_limit"]

log = logging.getLogger("tidegate")


def open_missing_streams() -> None:
    """Replace closed standard streams (`>&-`) with the null device.

    Otherwise the next socket would get the descriptor, and with it the output.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)


def raise_file_limit() -> None:
    """Allow as many open sockets as the system lets us: a stream takes two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else 1 << 20
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class FileLimit:
    """Reports when no more files can be opened: the loop then closes new connections silently."""

    def __init__(self) -> None:
        self._reached = False

    def look(self) -> None:
        """Try to open a file; log when that starts to fail or works again."""
        try:
            os.close(os.dup(2))
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE) or self._reached:
                return
            self._reached = True
            log.error(
                "the limit of %d open files is reached: new connections are dropped until others end "
                "(raise it with ulimit -n or LimitNOFILE)",
                resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            )
        else:
            if self._reached:
                log.info("files can be opened again: new connections are accepted")
            self._reached = False
