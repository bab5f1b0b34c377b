"""Whose fault a failure is, and where a request may go on after it."""

import pytest

from tidegate.protocols import errors
from tidegate.protocols.errors import (
    DeadlineExceeded,
    ProviderBroke,
    ProviderError,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnreachable,
    TidegateError,
    Unsupported,
)
from tidegate.protocols.faults import RETRIES, Fault


def refused(status: int, **words: str) -> ProviderRefused:
    return ProviderRefused("no", status=status, **words)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        *((refused(status), "request") for status in (400, 405, 406, 411, 413, 415, 418, 422, 499)),
        *((refused(status), "account") for status in (401, 402, 403, 404)),
        *((refused(status), "provider") for status in (408, 409, 425, 500, 502, 503, 504, 529, 302)),
        *((refused(status), "rate") for status in (429, 498)),
        (refused(429, code="insufficient_quota"), "account"),
        (refused(429, type="insufficient_quota"), "account"),
        (refused(400, type="billing_error"), "account"),
        (refused(413, code="rate_limit_exceeded"), "rate"),
        (refused(429, code="slow_down", type="rate_limit_error"), "rate"),
        (refused(400, code="context_length_exceeded"), "request"),
    ],
)
def test_the_fault_of_a_refusal_is_read_of_status_and_code(error: ProviderRefused, fault: Fault) -> None:
    assert error.fault == fault
    assert error.tries_elsewhere == (fault != "request")
    assert error.worth_repeating == (fault == "provider")


@pytest.mark.parametrize(
    ("error", "elsewhere", "at_once"),
    [
        (ProviderUnreachable("x"), True, True),
        (ProviderBroke("x"), True, False),
        (ProviderTimeout("x"), True, False),
        (DeadlineExceeded("x"), False, False),
        (refused(503), True, True),
        (ProviderRefused("x", status=503, retry_after=7), True, False),
        (Unsupported("x"), True, False),
    ],
)
def test_where_a_request_may_go_on(error: TidegateError, elsewhere: bool, at_once: bool) -> None:
    assert (error.tries_elsewhere, error.worth_repeating) == (elsewhere, at_once)


def test_of_our_errors_only_unsupported_features_are_tried_elsewhere() -> None:
    classes = [getattr(errors, name) for name in errors.__all__]
    ours = [kind for kind in classes if not issubclass(kind, ProviderError)]
    elsewhere = {kind.__name__ for kind in ours if kind("x").tries_elsewhere}
    assert elsewhere == {"Unsupported", "BytesWanted"}
    assert not any(kind("x").worth_repeating for kind in ours)


def test_every_class_has_a_fault_of_the_table() -> None:
    assert all(getattr(errors, name)("x").fault in RETRIES for name in errors.__all__)
