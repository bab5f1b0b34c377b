"""What holds for all tests."""

import gc
import os
import socket
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from hypothesis import HealthCheck, settings

from certificates import write_certificate

settings.register_profile(
    "default",
    max_examples=50,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("explore", max_examples=2_000, deadline=None, print_blob=True)
settings.load_profile("default")


def pytest_collection_finish() -> None:
    """Let the collector pass by what all tests share: a look at it takes a quarter of a second."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _few_authorities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let the SDKs trust one certificate: to read the usual 140 takes each new client 40 ms.

    Also where the variable is set: no test speaks to a host that it would be needed for.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(write_certificate(tmp_path_factory.mktemp("authorities"))))
        yield


PORTS = range(20_000, 32_000)
"""Below those that the system gives to whoever asks for any port, such as a provider that starts later."""


@pytest.fixture(scope="session")
def unused_tcp_port_factory() -> Callable[[], int]:
    """Makes ports that nobody listens on, each another one; processes begin at different places."""
    numbers = count(os.getpid() * 101)

    def unused() -> int:
        while True:
            port = PORTS[next(numbers) % len(PORTS)]
            with socket.socket() as found:
                try:
                    found.bind(("127.0.0.1", port))
                except OSError:
                    continue
                return port

    return unused


@pytest.fixture
def unused_tcp_port(unused_tcp_port_factory: Callable[[], int]) -> int:
    """One of them."""
    return unused_tcp_port_factory()
