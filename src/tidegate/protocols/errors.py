"""Everything that can go wrong, split by who is at fault.

    TidegateError                        fault
    ├── ClientError                      request   the request
    │   ├── InvalidRequest      400      request   a field is wrong; `param` is its path
    │   │   └── Unsupported     400      request   this provider lacks the feature; others are tried
    │   │       └── BytesWanted 400      request   it accepts media only as bytes, and the request has links
    │   ├── Unauthenticated     401      account
    │   ├── InsufficientFunds   402      account
    │   ├── Forbidden           403      account
    │   ├── BrowserRefused      403      request
    │   ├── ModelNotFound       404      request
    │   ├── PathNotFound        404      request
    │   ├── MethodNotAllowed    405      request
    │   ├── BodyTimeout         408      request
    │   ├── BodyTooLarge        413      request
    │   └── LimitExceeded       429      rate
    ├── GatewayError                     gateway   the gateway
    │   ├── InternalError       500      gateway
    │   └── Unavailable         503      gateway   no provider available, or shutting down
    │       └── ShutDown        503      gateway   the grace period is over
    └── ProviderError                    provider  the provider
        ├── ProviderRefused              by status it answered with an error; status and message are its own
        ├── ProviderUnreachable 502      provider  no connection
        ├── ProviderBroke       502      provider  the answer is cut off, invalid, or never finishes
        └── ProviderTimeout     504      provider  too slow: to connect, to start, or to continue
            └── DeadlineExceeded 504     provider  the whole request was too slow: no other is tried

Each class defines its default status and whose *fault* it is: what has to change before such a request can
succeed. Whether a retry can help, at another candidate or the same one, follows from a provider's fault by
one table, `RETRIES`. Each door renders errors in its own dialect.
"""

from collections.abc import Iterable
from types import MappingProxyType
from typing import Any

from .excerpt import escape_controls, is_name, names_only, shorten
from .faults import RETRIES, Fault, fault_of
from .inner_errors import words_within
from .limit_headers import Standings
from .overflow import CONTEXT_LENGTH_EXCEEDED, is_overflow
from .retry_after import whole_seconds

__all__ = [
    "BodyTimeout",
    "BodyTooLarge",
    "BrowserRefused",
    "BytesWanted",
    "ClientError",
    "DeadlineExceeded",
    "Forbidden",
    "GatewayError",
    "InsufficientFunds",
    "InternalError",
    "InvalidRequest",
    "LimitExceeded",
    "MethodNotAllowed",
    "ModelNotFound",
    "PathNotFound",
    "ProviderBroke",
    "ProviderError",
    "ProviderRefused",
    "ProviderTimeout",
    "ProviderUnreachable",
    "ShutDown",
    "TidegateError",
    "Unauthenticated",
    "Unavailable",
    "Unsupported",
]


LONGEST_OWN = 1000
"""The most characters in a message of ours. It may quote the client, whose texts can have any length."""
LONGEST_PARAM = 200
"""The most characters of a parameter's path."""


class TidegateError(Exception):
    """The root. `str(error)` is what the client reads, `summary` is for records and logs."""

    status: int = 500
    """The HTTP status of the response."""
    type: str = "api_error"
    """OpenAI's `error.type`; doors of other dialects derive theirs from the status."""
    code: str | None = None
    """OpenAI's `error.code`."""
    param: str | None = None
    """Path of the parameter at fault, in the client's dialect."""
    retry_after: int | None = None
    """Seconds to wait before a retry: the header `Retry-After`."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """Other headers that HTTP wants beside the status (RFC 9110)."""
    fault: Fault = "gateway"
    """What has to change before a request like this one can succeed."""
    tries_elsewhere: bool = False
    """Whether another candidate may succeed where this one failed."""
    worth_repeating: bool = False
    """Whether a retry at the same candidate may succeed at once: it gave no answer, or failed on its side."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        type: str | None = None,  # noqa: A002 the dialects' own name for it
        code: str | None = None,
        param: str | None = None,
        retry_after: str | float | None = None,
    ) -> None:
        """`retry_after` may be a provider's raw value; an invalid one is ignored (see whole_seconds)."""
        super().__init__(message)
        self.message = message
        if status is not None:
            self.status = status
        if type is not None:
            self.type = type
        if code is not None:
            self.code = code
        if param is not None:
            self.param = param
        if retry_after is not None:
            self.retry_after = whole_seconds(retry_after)

    @property
    def named_message(self) -> str:
        """The message as clients are told it: it names the field that is wrong, for those who show nothing
        else of an error.
        """
        return self.message

    @property
    def summary(self) -> str:
        """What went wrong: the code or type, and what is at fault. Unlike the message, it never quotes the
        client, the provider or the model.
        """
        named = next((name for name in (self.code, self.type) if name and is_name(name)), "error")
        return f"{named}: {names_only(self.param)}" if self.param else named


# --- the request is at fault -----------------------------------------------------------------


class ClientError(TidegateError):
    """The request cannot be served as it is."""

    status = 400
    type = "invalid_request_error"
    fault: Fault = "request"

    def __init__(self, message: str, *, param: str | None = None, **fields: Any) -> None:
        message = escape_controls(shorten(message, LONGEST_OWN))
        param = escape_controls(shorten(param, LONGEST_PARAM)) if param is not None else None
        super().__init__(message, param=param, **fields)

    @property
    def named_message(self) -> str:
        """The message, after the field's name unless it says that itself."""
        if not self.param or self.param in self.message:
            return self.message
        return f"{self.param}: {self.message}"


class InvalidRequest(ClientError):
    """A field of the request is wrong; `param` names it."""


THIS_PROVIDER = "this provider"
"""How the message of a refusal calls the provider that it is about."""


class Unsupported(InvalidRequest):
    """The request uses a feature that the chosen provider does not support; the message names the feature."""

    code = "unsupported_feature"
    tries_elsewhere = True

    @property
    def named_message(self) -> str:
        """The message alone: it is a sentence about the provider."""
        return self.message

    def name_provider(self, provider: str) -> None:
        """Name the provider in the message, in place of "this provider": wire formats raise this error and
        do not know who speaks them.
        """
        named = self.message.replace(THIS_PROVIDER, provider)
        self.message = named if named != self.message else f"{provider}: {self.message}"


class BytesWanted(Unsupported):
    """The request links to media that the provider accepts only as bytes. Renderers raise it so that the
    relay fetches the media.
    """


class Unauthenticated(ClientError):
    """No key, or a wrong one."""

    status = 401
    type = "authentication_error"
    fault = "account"
    code = "invalid_api_key"
    headers = ((b"www-authenticate", b"Bearer"),)


class InsufficientFunds(ClientError):
    """The wallet or budget is empty."""

    status = 402
    type = "insufficient_funds"
    fault = "account"
    code = "insufficient_funds"


class Forbidden(ClientError):
    """The key is valid but lacks permission."""

    status = 403
    type = "permission_error"
    fault = "account"
    code = "permission_denied"


class BrowserRefused(ClientError):
    """The calling web page's origin is not allowed, or the host name is not one of this gateway's."""

    status = 403
    type = "permission_error"
    code = "origin_not_allowed"


class ModelNotFound(ClientError):
    """No provider serves this model."""

    status = 404
    code = "model_not_found"
    param = "model"


class PathNotFound(ClientError):
    """The path does not exist."""

    status = 404
    code = "not_found"


class MethodNotAllowed(ClientError):
    """The path exists, but not for this method."""

    status = 405
    code = "method_not_allowed"

    @classmethod
    def at(cls, path: str, method: str, accepted: Iterable[str]) -> "MethodNotAllowed":
        """The error for a path that accepts other methods than this one."""
        methods = sorted(accepted)
        error = cls(f"{path} accepts {' or '.join(methods)}, not {method}")
        error.headers = ((b"allow", ", ".join(methods).encode()),)
        return error


class BodyTimeout(ClientError):
    """The body did not arrive in time."""

    status = 408
    type = "timeout_error"
    code = "request_timeout"


class BodyTooLarge(ClientError):
    """The body is larger than the gateway accepts."""

    status = 413
    type = "request_too_large"
    code = "request_too_large"


class LimitExceeded(ClientError):
    """A limit of this gateway was exceeded; the message says which."""

    status = 429
    type = "rate_limit_error"
    fault = "rate"
    code = "rate_limit_exceeded"
    standings: Standings = MappingProxyType({})
    """What is left of the limits that were looked at, for the headers of the response."""


# --- we are at fault -------------------------------------------------------------------------


class GatewayError(TidegateError):
    """The gateway cannot do its part."""

    @property
    def summary(self) -> str:
        """The message, which contains only our own text."""
        return self.message


class InternalError(GatewayError):
    """A bug in the gateway. The message reveals no internals; the log has the details."""

    code = "internal_error"

    def __init__(self, message: str = "the gateway failed; its log says why") -> None:
        super().__init__(message)


class Unavailable(GatewayError):
    """No provider can serve the request now."""

    status = 503
    type = "service_unavailable_error"
    code = "unavailable"


class ShutDown(Unavailable):
    """The gateway is shutting down, and the grace period for open requests is over."""


# --- the provider is at fault ----------------------------------------------------------------


class ProviderError(TidegateError):
    """The provider did not return a complete answer."""

    status = 502
    fault: Fault = "provider"
    provider: str | None = None
    """The configured name of the provider, set by the relay."""

    @property
    def tries_elsewhere(self) -> bool:  # type: ignore[override]
        """Follows from the fault: see RETRIES."""
        return RETRIES[self.fault].elsewhere

    @property
    def worth_repeating(self) -> bool:  # type: ignore[override]
        """Follows from the fault (see RETRIES), unless the provider names a wait: then it must not be retried
        at once.
        """
        return RETRIES[self.fault].at_once and self.retry_after is None


class ProviderRefused(ProviderError):
    """The provider answered with an error; `status`, `type`, `code`, `param` and the message are its own.
    Only a prompt that is too long always has the same code, `context_length_exceeded`, whichever provider
    reports it (see overflow.py).
    """

    def __init__(self, message: str, **fields: Any) -> None:
        message, code = words_within(message)
        super().__init__(message, **fields)
        self.code = self.code or code
        if is_overflow(self.status, message, self.code, self.type):
            self.status, self.type, self.code = 400, "invalid_request_error", CONTEXT_LENGTH_EXCEEDED

    @property
    def fault(self) -> Fault:  # type: ignore[override]
        """By the provider's code or type if known, else by its status."""
        return fault_of(self.status, self.code, self.type)

    @property
    def summary(self) -> str:
        """The provider's status with its code and type. Its message may quote the prompt."""
        return " ".join(
            [str(self.status), *(name for name in (self.code, self.type) if name and is_name(name))]
        )


class ProviderUnreachable(ProviderError):
    """The gateway could not connect to the provider."""

    code = "provider_unreachable"

    @property
    def summary(self) -> str:
        """The message, which contains only our own text."""
        return self.message


class ProviderBroke(ProviderError):
    """The answer was cut off, never finished, or was not a valid answer."""

    code = "provider_broke"
    worth_repeating = False
    """The unfinished answer may have been billed."""
    finish: str | None = None
    """The provider's reason for an incomplete answer, if it gave one."""

    @property
    def summary(self) -> str:
        """The code, and the type of the exception that caused it. The message may quote the answer."""
        cause = "" if self.__cause__ is None else f": {type(self.__cause__).__name__}"
        return f"{ProviderBroke.code}{cause}"


class ProviderTimeout(ProviderError):
    """The provider was too slow; the message says in which phase."""

    status = 504
    type = "timeout_error"
    code = "provider_timeout"
    worth_repeating = False
    """A retry would probably time out as well."""

    @property
    def summary(self) -> str:
        """The message, which contains only our own text."""
        return self.message


class DeadlineExceeded(ProviderTimeout):
    """The whole request took too long, over all attempts; there is no time left for another candidate."""

    code = "deadline_exceeded"
    tries_elsewhere = False
