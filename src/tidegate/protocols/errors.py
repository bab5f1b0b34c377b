"""Everything that can go wrong, split by who is at fault.

    TidegateError
    ├── ClientError                 the request
    │   ├── InvalidRequest      400     a field is wrong; `param` is its path
    │   │   └── Unsupported     400     the request is fine, but this provider has nothing of the kind
    │   │       └── BytesWanted 400     … it takes media as bytes only, and the request links to them
    │   ├── Unauthenticated     401
    │   ├── InsufficientFunds   402
    │   ├── Forbidden           403
    │   ├── ModelNotFound       404
    │   ├── PathNotFound        404
    │   ├── MethodNotAllowed    405
    │   ├── BodyTimeout         408
    │   ├── BodyTooLarge        413
    │   └── LimitExceeded       429
    ├── GatewayError                us
    │   ├── InternalError       500
    │   └── Unavailable         503     nobody can serve, or shutting down
    │       └── ShutDown    503     the grace time is over
    └── ProviderError               the provider
        ├── ProviderRefused         it answered with an error; status and words are its own
        ├── ProviderUnreachable 502     no connection
        ├── ProviderBroke       502     the answer is cut, is no answer, or never finishes
        └── ProviderTimeout     504     too slow: to connect, to begin, to go on
            └── DeadlineExceeded    504 too slow on the whole

Each class says what status it has by default and whether another attempt (with another
provider, or later) can help; each door renders it in the shape of its own dialect.
"""

__all__ = [
    "BodyTimeout",
    "BodyTooLarge",
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


class TidegateError(Exception):
    """The root. `str(error)` is what the client reads."""

    status: int = 500
    """The HTTP status that tells it."""
    type: str = "api_error"
    """OpenAI's `error.type`; doors of other dialects have their own words for the status."""
    code: str | None = None
    """OpenAI's `error.code`."""
    param: str | None = None
    """Path of the parameter at fault, in the client's own dialect."""
    retry_after: str | None = None
    """Value for the `Retry-After` header, as the provider said it or in seconds."""
    tries_elsewhere: bool = False
    """Whether another candidate may succeed where this one failed."""
    worth_repeating: bool = False
    """Whether the same candidate may succeed at once: it gave no answer, or failed by itself."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        type: str | None = None,  # noqa: A002 the dialects' own name for it
        code: str | None = None,
        param: str | None = None,
        retry_after: str | None = None,
    ) -> None:
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
            self.retry_after = retry_after


# --- the request is at fault -----------------------------------------------------------------


class ClientError(TidegateError):
    """The request cannot be served as it is."""

    status = 400
    type = "invalid_request_error"


class InvalidRequest(ClientError):
    """A field of the request is wrong; `param` names it."""


class Unsupported(InvalidRequest):
    """The request uses a feature that the chosen provider has nothing of; the message names the feature."""

    code = "unsupported_feature"
    tries_elsewhere = True


class BytesWanted(Unsupported):
    """The request links to media that the provider takes as bytes only; raised by renderers, for the relay
    to fetch them.
    """


class Unauthenticated(ClientError):
    """No key, or a wrong one."""

    status = 401
    type = "authentication_error"
    code = "invalid_api_key"


class InsufficientFunds(ClientError):
    """The wallet or budget is empty."""

    status = 402
    type = "insufficient_funds"
    code = "insufficient_funds"


class Forbidden(ClientError):
    """The key is right but may not do this."""

    status = 403
    type = "permission_error"
    code = "permission_denied"


class ModelNotFound(ClientError):
    """No provider serves this model."""

    status = 404
    code = "model_not_found"
    param = "model"


class PathNotFound(ClientError):
    """No such path."""

    status = 404
    code = "not_found"


class MethodNotAllowed(ClientError):
    """The path exists, but not for this method."""

    status = 405
    code = "method_not_allowed"


class BodyTimeout(ClientError):
    """The body did not arrive in time."""

    status = 408
    type = "timeout_error"
    code = "request_timeout"


class BodyTooLarge(ClientError):
    """The body is larger than the gateway takes."""

    status = 413
    type = "request_too_large"
    code = "request_too_large"


class LimitExceeded(ClientError):
    """A limit of this gateway; the message says which."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"


# --- we are at fault -------------------------------------------------------------------------


class GatewayError(TidegateError):
    """The gateway cannot do its part."""


class InternalError(GatewayError):
    """A fault of ours. The message says nothing of the inside; the log does."""

    code = "internal_error"


class Unavailable(GatewayError):
    """Nobody can serve this now."""

    status = 503
    type = "service_unavailable_error"
    code = "unavailable"


class ShutDown(Unavailable):
    """The gateway stops, and the time that it gives to what is open is over."""


# --- the provider is at fault ----------------------------------------------------------------


class ProviderError(TidegateError):
    """The provider did not give a whole answer."""

    status = 502
    tries_elsewhere = True
    provider: str | None = None
    """The configured name of the provider; the relay fills it in."""


class ProviderRefused(ProviderError):
    """The provider answered with an error; `status`, `type`, `code`, `param` and the message are its own."""

    @property
    def tries_elsewhere(self) -> bool:  # type: ignore[override]
        """What the request itself caused would only be repeated elsewhere."""
        return self.status >= 500 or self.status in (401, 402, 403, 404, 408, 409, 425, 429)

    @property
    def worth_repeating(self) -> bool:  # type: ignore[override]
        """A provider that names a time, or a limit, does not want to be asked again at once."""
        return self.status >= 500 and self.retry_after is None


class ProviderUnreachable(ProviderError):
    """No connection to the provider."""

    code = "provider_unreachable"
    worth_repeating = True


class ProviderBroke(ProviderError):
    """The answer was cut, never finished, or was no answer at all."""

    code = "provider_broke"


class ProviderTimeout(ProviderError):
    """The provider was too slow; the message says at what."""

    status = 504
    type = "timeout_error"
    code = "provider_timeout"


class DeadlineExceeded(ProviderTimeout):
    """The whole request took too long; there is no time left for another candidate."""

    code = "deadline_exceeded"
    tries_elsewhere = False
