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
    """The root."""


class ClientDisconnected(HTTPError):
    """The client closed its connection before the response was complete."""


class RequestFailed(HTTPError):
    """A request to a server got no whole answer. The message names neither headers nor bodies."""


class ConnectFailed(RequestFailed):
    """There is no connection to the server; nothing was sent."""


class ResolveFailed(ConnectFailed):
    """The name of the host has no address."""


class TLSFailed(ConnectFailed):
    """The TLS handshake failed; the message says what is wrong with the certificate."""


class ConnectTimeout(ConnectFailed):
    """No connection within the time allowed."""


class ServerDisconnected(RequestFailed):
    """The server closed the connection before it began an answer."""


class AnswerCut(RequestFailed):
    """The connection ended in the middle of an answer."""


class BadAnswer(RequestFailed):
    """The answer is no HTTP/1.1, or exceeds a limit."""
