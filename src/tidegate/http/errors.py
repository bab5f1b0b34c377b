"""What can go wrong on the wire, split by whose wire it is.

HTTPError
├── ClientDisconnected      the client closed its connection: nobody is there to be answered
└── RequestFailed           a request of ours got no whole answer
    ├── ConnectFailed       no connection
    │   ├── ResolveFailed       the host's name has no address
    │   ├── TLSFailed           no trusted TLS connection; the message says why
    │   └── ConnectTimeout      not within the time
    ├── ServerDisconnected  the connection ended before an answer began
    ├── AnswerCut           … before the answer was complete
    └── BadAnswer           what came is no HTTP, or more than the limits allow

Nothing here knows what the bytes mean; `upstream/` says in the gateway's own errors what went wrong.
"""

__all__ = [
    "AnswerCut",
    "BadAnswer",
    "ClientDisconnected",
    "ConnectFailed",
    "ConnectTimeout",
    "HTTPError",
    "RequestFailed",
    "ResolveFailed",
    "ServerDisconnected",
    "TLSFailed",
]


class HTTPError(Exception):
    """The base class."""


class ClientDisconnected(HTTPError):
    """The client closed its connection before the response was complete."""


class RequestFailed(HTTPError):
    """A request to a server got no complete response. The message contains neither headers nor bodies."""


class ConnectFailed(RequestFailed):
    """The connection to the server could not be opened; nothing was sent."""


class ResolveFailed(ConnectFailed):
    """The host name has no address."""


class TLSFailed(ConnectFailed):
    """The TLS handshake failed; the message explains the certificate's problem."""


class ConnectTimeout(ConnectFailed):
    """The connection was not opened within the timeout."""


class ServerDisconnected(RequestFailed):
    """The server closed the connection before it started a response."""


class AnswerCut(RequestFailed):
    """The connection ended in the middle of a response."""


class BadAnswer(RequestFailed):
    """The response is not HTTP/1.1, or exceeds a limit."""
