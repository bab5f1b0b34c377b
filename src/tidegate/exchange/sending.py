"""Sending a call to a candidate, and how long to wait for its answer."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from time import perf_counter

from tidegate.http.other_names import OtherNames
from tidegate.protocols.contract import Call, Conduit
from tidegate.protocols.errors import ProviderBroke, ProviderError
from tidegate.protocols.retry_after import render_retry_after, whole_seconds
from tidegate.providers import Candidate, Service
from tidegate.providers.credentials import Credential
from tidegate.upstream import TRANSPORT_ERRORS, Answer, explain, headers_of, read_error

from .captured import CapturedConduit
from .gateway import Gateway
from .request import Header, Request, safe_value
from .waiting import ANSWER
from .watchdog import NEVER, Waiting, Watch

__all__ = [
    "FAILURES",
    "attribute",
    "empty_answer",
    "expect_answer",
    "expect_stream",
    "explain_failure",
    "limit_headers",
    "patience_with",
    "refusal_of",
    "send",
]

FAILURES = (asyncio.CancelledError, ProviderError, *TRANSPORT_ERRORS)
"""What waiting for a provider may raise."""

PASSED_ON = (b"x-ratelimit-", b"anthropic-ratelimit-", b"retry-after", b"x-should-retry")
"""Prefixes of the provider's headers that are passed to the client: its rate limits."""

_OTHERS = OtherNames()
"""Those without any of these prefixes."""


def send(
    candidate: Candidate,
    call: Call,
    request: Request,
    client_format: str,
    gateway: Gateway,
    credential: Credential | None = None,
    on_resend: Callable[[], None] | None = None,
) -> Awaitable[Answer]:
    """Send a call, with this credential or the service's first. Awaiting it returns once the head of an
    answer has arrived, which may be an error (see `refusal_of`). Raises FAILURES.
    """
    service = candidate.service
    if service.signs:
        return sign_and_send(service, call, request, client_format, gateway, credential, on_resend)
    extra, memory = call.headers, request.memory
    headers = service.headers_for(request.headers, client_format, extra, credential, memory)
    connect_s = gateway.config.routing.connect_s
    return gateway.pool.post(service.address_for(call.path), headers, call.body, connect_s, on_resend)


async def sign_and_send(
    service: Service,
    call: Call,
    request: Request,
    client_format: str,
    gateway: Gateway,
    credential: Credential | None,
    on_resend: Callable[[], None] | None,
) -> Answer:
    """Send a call to a service whose requests need a signature."""
    address, connect_s = service.address_for(call.path), gateway.config.routing.connect_s
    signed = await service.authorize(call, request.headers, client_format, credential)
    return await gateway.pool.post(address, signed, call.body, connect_s, on_resend)


async def refusal_of(
    answer: Answer, service: Service, watch: Watch, conduit: Conduit | None = None
) -> ProviderError:
    """The error that a provider has answered with. A conduit that keeps bodies gets its body. Raises
    ProviderBroke for a status that is neither a success nor an error.
    """
    body = await read_error(answer, watch.mark_activity)
    if isinstance(conduit, CapturedConduit):
        conduit.keep(body)
    return service.attribute(service.protocol.parse_error(answer.status, headers_of(answer), body))


def empty_answer(answer: Answer | None) -> ProviderBroke:
    """The error for an answer without a body."""
    status = answer.status if answer is not None else "unknown"
    return ProviderBroke(f"the provider's answer is empty (status {status})")


def attribute(service: Service, error: ProviderError) -> ProviderError:
    """A failure that was detected here rather than reported by the provider, with the provider's name."""
    if error.provider is None:
        error.message = f"{service.name}: {error.message}"
        service.attribute(error)
    return error


def explain_failure(failure: BaseException, service: Service, watch: Watch) -> Exception:
    """The error behind one of FAILURES."""
    error = watch.take_cancel_cause() if type(failure) is asyncio.CancelledError else explain(failure)
    return attribute(service, error) if isinstance(error, ProviderError) else error


def expect_answer(watch: Watch, call: Call, gateway: Gateway, *, last: bool) -> None:
    """Set an attempt's deadline. If more candidates follow, it gets half of the request's remaining time,
    so that a hanging provider leaves time for the next.
    """
    routing, now = gateway.config.routing, perf_counter()
    left = watch.deadline - now if last else (watch.deadline - now) / 2
    if call.stream and not call.slow:
        patience = routing.first_byte_s if routing.first_byte_s < left else left
        watch.expect(Waiting.FIRST_BYTE, patience, None if last else now + left)
        return
    patience = routing.attempt_s if routing.attempt_s < left else left
    watch.expect(ANSWER, patience, now + patience)


def expect_stream(watch: Watch, gateway: Gateway, *, slow: bool = False) -> None:
    """A stream has begun: from now on only its silence is limited."""
    watch.expect(Waiting.NEXT_EVENT, patience_with(gateway, slow=slow), NEVER)


def patience_with(gateway: Gateway, *, slow: bool) -> float:
    """The longest silence of a stream, in seconds (`slow`: see Call)."""
    return gateway.config.routing.attempt_s if slow else gateway.config.routing.idle_s


def limit_headers(service: Service, headers: Iterable[Header]) -> list[Header]:
    """A provider's headers about its limits, as the client may see them."""
    passed: list[Header] = []
    for name, value in headers:
        if name in _OTHERS or not _is_about_limits(name):
            continue
        if name == b"retry-after":
            passed += render_retry_after(whole_seconds(value.decode("latin-1")))
        else:
            passed.append((name, service.conceal_value(safe_value(value))))
    return passed


def _is_about_limits(name: bytes) -> bool:
    if name.startswith(PASSED_ON):
        return True
    _OTHERS.note(name)
    return False
