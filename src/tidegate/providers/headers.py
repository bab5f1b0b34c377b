"""The headers of requests to one service, built once.

The operator's headers override all others; then follow those of the request, those forwarded from a client of
the same dialect, those that the service always receives, and last the defaults.
"""

from collections.abc import Iterable, Mapping

from tidegate import __version__
from tidegate.config import Kind, ProviderConfig
from tidegate.http.address import is_header_value, render_headers
from tidegate.http.contract import Header
from tidegate.http.other_names import OtherNames

from .credentials import Credential

__all__ = ["ServiceHeaders"]

CLIENT_PROPERTIES = (b"host", b"content-length", b"transfer-encoding", b"connection")
"""Headers that the HTTP client sets itself."""


class ServiceHeaders:
    """The headers of requests with one credential. `block` are the encoded headers of most requests."""

    __slots__ = ("_always", "_defaults", "_families", "_forwarded", "_operators", "_others", "block")

    def __init__(
        self, config: ProviderConfig, kind: Kind, credential: Credential | None, forwarded: Iterable[str]
    ) -> None:
        operators = _operators_headers(config, kind)
        self._operators = frozenset(operators)
        """Headers that neither a client nor a request may change."""
        self._always = list(_always(kind, credential, operators).items())
        defaults = ((name.lower().encode(), value.encode()) for name, value in kind.client_headers.items())
        self._defaults = list(defaults)
        """Headers that are sent if the client does not set them."""
        names = [name.encode() for name in forwarded]
        self._forwarded = frozenset(name for name in names if not name.endswith(b"*")) - self._operators
        self._families = tuple(name[:-1] for name in names if name.endswith(b"*"))
        """The prefixes of further forwarded headers."""
        self._others = OtherNames()
        """Of clients' headers, those that are not forwarded."""
        self.block = render_headers(self.merged([], {}))

    def passed(self, client_headers: Iterable[Header]) -> list[Header]:
        """Return the client's headers that are forwarded to a service of the same dialect."""
        if not self._forwarded and not self._families:
            return []
        others = self._others
        return [header for header in client_headers if header[0] not in others and self._passes(header)]

    def _passes(self, header: Header) -> bool:
        name, value = header
        if name in self._forwarded or name.startswith(self._families):
            return name not in self._operators and is_header_value(value)
        self._others.note(name)
        return False

    def merged(self, passed: list[Header], extra: Mapping[str, str]) -> list[Header]:
        """Return all headers of a request; `extra` are those that it needs in addition."""
        encoded = {name.lower().encode(): value.encode() for name, value in extra.items()}
        allowed = {name: value for name, value in encoded.items() if name not in self._operators}
        headers = [header for header in (*self._always, *passed) if header[0] not in allowed]
        headers += allowed.items()
        names = {name for name, _ in headers}
        return headers + [header for header in self._defaults if header[0] not in names]


def _operators_headers(config: ProviderConfig, kind: Kind) -> dict[bytes, bytes]:
    """Return the operator's settings: headers, and options that are sent as headers."""
    options = {header: getattr(config, option) for option, header in kind.options.items() if header}
    given = {header: value for header, value in options.items() if value is not None}
    given |= {name: secret.reveal() for name, secret in config.headers.items()}
    headers = {name.lower().encode(): value.encode() for name, value in given.items()}
    return {name: value for name, value in headers.items() if name not in CLIENT_PROPERTIES}


def _always(kind: Kind, credential: Credential | None, operators: dict[bytes, bytes]) -> dict[bytes, bytes]:
    headers = {
        b"content-type": b"application/json",
        b"accept": b"application/json",
        b"user-agent": f"tidegate/{__version__}".encode(),
    }
    headers |= {name.lower().encode(): value.encode() for name, value in kind.headers.items()}
    if credential is not None and credential.header is not None:
        headers |= [credential.header]
    return headers | operators
