"""What holds for all tests."""

import gc
from collections.abc import Iterator

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
