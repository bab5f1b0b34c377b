"""Signers, for services that need more than a key in a header.

A row names its signer; it is created if the operator has configured no key. A signer receives the request to
send and returns its headers.
"""

import asyncio
import importlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from typing import Protocol as Interface

from tidegate.config import Kind, ProviderConfig
from tidegate.http.contract import Header
from tidegate.protocols.errors import ProviderUnreachable

from .signing import Credentials, Scope, sign
from .variants import values_of

__all__ = ["SIGNERS", "AwsSigner", "GoogleSigner", "Signer", "signer_of"]


class Signer(Interface):
    """Authorizes the requests of one provider."""

    async def sign(self, url: str, headers: list[Header], body: bytes) -> list[Header]:
        """Return the headers for posting this body to this URL. `headers` are not modified."""
        ...


class AwsSigner:
    """Signs each request with AWS credentials (Signature Version 4)."""

    __slots__ = ("_credentials", "_scope")

    def __init__(self, config: ProviderConfig, kind: Kind) -> None:
        assert config.access_key_id is not None
        assert config.secret_access_key is not None
        token = config.session_token.reveal() if config.session_token is not None else None
        self._credentials = Credentials(config.access_key_id, config.secret_access_key.reveal(), token)
        self._scope = Scope(values_of(config, kind)["region"], kind.name)

    async def sign(self, url: str, headers: list[Header], body: bytes) -> list[Header]:
        """See Signer."""
        now = datetime.now(UTC)
        signed = sign("POST", url, _joined(headers), body, self._credentials, self._scope, now)
        return headers + [(name.encode(), value.encode()) for name, value in signed.items()]


def _joined(headers: list[Header]) -> dict[str, str]:
    """Return headers by name; the values of a repeated header are joined, as AWS does before it checks the
    signature.
    """
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name.decode(), []).append(value.decode("latin-1"))
    return {name: ",".join(several) for name, several in values.items()}


SCOPE = "https://www.googleapis.com/auth/cloud-platform"
EXTRA = (
    "Google's application default credentials need the package google-auth: install tidegate[vertex], "
    "or set api_key"
)


class GoogleSigner:
    """Adds a Google access token to each request; google-auth finds the credentials and
    refreshes the token.
    """

    __slots__ = ("_credentials", "_file", "_lock")

    def __init__(self, config: ProviderConfig, kind: Kind) -> None:
        self._file = config.credentials_file
        self._credentials: Any = None
        self._lock = asyncio.Lock()

    async def sign(self, url: str, headers: list[Header], body: bytes) -> list[Header]:
        """See Signer."""
        token = (b"authorization", f"Bearer {await self._token()}".encode())
        return [header for header in headers if header[0] != b"authorization"] + [token]

    async def _token(self) -> str:
        if self._credentials is None or not self._credentials.valid:
            async with self._lock:
                await asyncio.to_thread(self._refresh)
        token: str = self._credentials.token
        return token

    def _refresh(self) -> None:
        """Find the credentials and refresh them if they are not valid (reads files, calls Google, and
        blocks).
        """
        try:
            auth: Any = importlib.import_module("google.auth")
            accounts: Any = importlib.import_module("google.oauth2.service_account")
            transport: Any = importlib.import_module("google.auth.transport.requests")
        except ImportError as error:
            raise ProviderUnreachable(EXTRA) from error
        try:
            if self._credentials is None and self._file is not None:
                account = accounts.Credentials.from_service_account_file(self._file, scopes=[SCOPE])
                self._credentials = account
            elif self._credentials is None:
                self._credentials, _ = auth.default(scopes=[SCOPE])
            if not self._credentials.valid:
                self._credentials.refresh(transport.Request())
        except (auth.exceptions.GoogleAuthError, OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error  # without the file's path
            raise ProviderUnreachable(f"Google's credentials cannot be used: {reason}") from error


SIGNERS: Mapping[str, Callable[[ProviderConfig, Kind], Signer]] = MappingProxyType(
    {"aws": AwsSigner, "google": GoogleSigner}
)
"""By the names that rows use."""


def signer_of(config: ProviderConfig, kind: Kind) -> Signer | None:
    """Return the signer of a configured provider; None if its key is in a header, or it has none."""
    ready = all(getattr(config, option) is not None for option in kind.instead_of_key)
    if kind.signer is None or config.api_key is not None or not ready:
        return None
    return SIGNERS[kind.signer](config, kind)
