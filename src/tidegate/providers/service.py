"""A configured provider, ready to be called."""

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import msgspec

from tidegate.config import Kind, ProviderConfig
from tidegate.http.address import Address, parse_address, render_headers
from tidegate.http.contract import Header
from tidegate.protocols.contract import Call
from tidegate.protocols.errors import ProviderError, ProviderRefused, ProviderUnreachable
from tidegate.protocols.task import TaskFormat

from .credentials import Credential, credentials_of
from .formats import TASKS, protocol_named, task_named
from .headers import ServiceHeaders
from .variants import also_of, base_url_of, fill, row_of, variants_of

__all__ = ["Service"]

CONCEALED = "[concealed]"
SHORTEST_SECRET = 8
"""Characters; shorter values occur in ordinary words and are not treated as keys."""

CUT = "…"
"""Marks the place where a long text was truncated."""

ADDRESSES = 256
"""Maximum number of cached URLs per service: paths may contain model names, which clients choose."""
LONGEST_KEPT = 512
"""Maximum length of a path whose URL is cached, in characters."""

SHOWN_FIELDS = ("message", "type", "code", "param")
"""The fields of a provider's error that clients can see."""

OWN_KEY: Mapping[int, str] = {
    401: "refused this gateway's own key",
    403: "does not allow this with this gateway's own key",
}
"""Status of a provider's error → its meaning. The client's key never reaches a provider."""


class Offer(NamedTuple):
    """How a task other than chat is requested from a service."""

    format: TaskFormat
    dialect: Any
    """The service's differences: the format's own Dialect struct."""


class Service:
    """A configured provider, compiled once. Two of the same kind share only the row."""

    __slots__ = (
        "_addresses",
        "_also",
        "_headers",
        "_secrets",
        "_variants",
        "_without",
        "base_url",
        "catch_all",
        "credentials",
        "dialect",
        "kind",
        "name",
        "offers",
        "prefixes",
        "protocol",
        "signs",
        "verify",
    )

    def __init__(self, name: str, config: ProviderConfig, kind: Kind | None = None) -> None:
        self.name = name
        """As in `name/model`."""
        self.kind: Kind = kind or row_of(config)
        """The row, with the differences for this base URL or these models."""
        self.protocol = protocol_named(self.kind.protocol)
        self.dialect = msgspec.convert(fill(self.kind.dialect, config, self.kind), self.protocol.dialect)
        self.offers: Mapping[str, Offer] = dict(_offers(config, self.kind))
        """The tasks it supports in addition to chat."""
        self.base_url = base_url_of(config, self.kind)
        self.verify = config.verify
        self.prefixes = (
            *((prefix, "") for prefix in config.prefixes),
            *((prefix, prefix) for prefix in config.strip_prefixes),
        )
        """Prefixes of model names given by the operator, and those that are removed from the name."""
        self.catch_all = config.catch_all
        """Whether it serves every model that no other rule matches."""
        self.credentials = credentials_of(config, self.kind)
        """In order of preference; empty if the service needs none."""
        self.signs = any(credential.signer is not None for credential in self.credentials)
        """Whether requests may need a signature (see `authorize`)."""
        self._also = {other: Service(name, config, row) for other, row in also_of(self.kind)}
        self._variants = tuple(
            (variant, Service(name, config, row)) for variant, row in variants_of(self.kind)
        )
        forwarded = self.protocol.forwarded_headers
        self._headers = {
            credential: ServiceHeaders(config, self.kind, credential, forwarded)
            for credential in self.credentials or (None,)
        }
        self._addresses: dict[str, Address] = {}
        self._secrets = _secrets_of(config)
        self._without: dict[frozenset[str], Service] = {}

    @property
    def credential(self) -> Credential | None:
        """The default credential."""
        return self.credentials[0] if self.credentials else None

    def serving(self, model: str) -> "Service":
        """The variant of the service that serves this model: most have one for all models."""
        lower = model.lower()
        for variant, service in self._variants:
            if any(fnmatchcase(lower, pattern) for pattern in variant.models):
                return service
        return self

    def speaking(self, name: str) -> "Service":
        """The service in this wire format if it supports it, else in its own."""
        return self._also.get(name, self)

    @property
    def searching(self) -> "Service | None":
        """The service in the wire format in which it searches the web, if that is another than its own."""
        return next((one for one in self._also.values() if getattr(one.dialect, "searches", False)), None)

    def without(self, fields: frozenset[str]) -> "Service":
        """The service as one that does not understand these fields (see `gateway_fields` of a dialect):
        Tidegate has applied them itself, and they contain its own names. Always the same object.
        """
        dialects = (self.dialect, *(offer.dialect for offer in self.offers.values()))
        if all(fields.isdisjoint(getattr(one, "gateway_fields", ())) for one in dialects):
            return self
        found = self._without.get(fields)
        if found is None:
            found = self._without[fields] = copy(self)
            found.dialect = _without(self.dialect, fields)
            found.offers = {
                name: offer._replace(dialect=_without(offer.dialect, fields))
                for name, offer in self.offers.items()
            }
        return found

    def address_for(self, path: str) -> Address:
        """The URL for requests with this path. Raises ProviderUnreachable."""
        address = self._addresses.get(path)
        if address is None:
            try:
                address = parse_address(self.base_url + path, self.verify)
            except ValueError as error:
                raise ProviderUnreachable(f"the address is not a valid URL: {error}") from error
            if len(path) <= LONGEST_KEPT:
                if len(self._addresses) >= ADDRESSES:
                    self._addresses.clear()
                self._addresses[path] = address
        return address

    def headers_for(
        self,
        client_headers: Iterable[Header],
        client_format: str,
        extra: Mapping[str, str] | None = None,
        credential: Credential | None = None,
        memory: dict[object, Any] | None = None,
    ) -> bytes:
        """The rendered headers of a request to this provider, with the default credential or another.

        If the client's wire format is the provider's too, some of the client's headers are forwarded. `extra`
        are headers that this request needs. The operator's headers override all of them. `memory` is what is
        remembered of requests with the same headers of a client, and in the same format.
        """
        headers = self._headers[credential or self.credential]
        if memory is not None and not extra:
            block: bytes | None = memory.get(headers)
            if block is None:
                passed = headers.passed(client_headers) if client_format == self.protocol.name else None
                block = memory[headers] = (
                    render_headers(headers.merged(passed, {})) if passed else headers.block
                )
            return block
        passed = headers.passed(client_headers) if client_format == self.protocol.name else None
        if not passed and not extra:
            return headers.block
        return render_headers(headers.merged(passed or [], extra or {}))

    async def authorize(
        self,
        call: Call,
        client_headers: Iterable[Header],
        client_format: str,
        credential: Credential | None = None,
    ) -> bytes:
        """The headers of a request, signed if the service requires it. Raises ProviderUnreachable."""
        credential = credential or self.credential
        if credential is None or credential.signer is None:
            return self.headers_for(client_headers, client_format, call.headers, credential)
        headers = self._headers[credential]
        passed = headers.passed(client_headers) if client_format == self.protocol.name else []
        unsigned = headers.merged(passed, call.headers)
        signed = await credential.signer.sign(self.base_url + call.path, unsigned, call.body)
        return render_headers(signed)

    def attribute(self, error: ProviderError) -> ProviderError:
        """Add the provider's name to its error, and mask its secrets: some providers repeat the key that
        they reject.
        """
        error.provider = self.name
        for field in SHOWN_FIELDS if self._secrets else ():
            value = getattr(error, field)
            if isinstance(value, str) and (shown := self.conceal(value)) != value:
                setattr(error, field, shown)
        own_key = OWN_KEY.get(error.status) if isinstance(error, ProviderRefused) else None
        if own_key is not None and not error.message.startswith(f"{self.name} "):
            error.message = f"{self.name} {own_key}: {error.message}"
        error.args = (error.message,)
        return error

    def conceal(self, text: str) -> str:
        """Mask the service's secrets in a text from the provider."""
        for secret in self._secrets:
            text = _conceal_cut(text.replace(secret, CONCEALED), secret)
        return text

    def conceal_value(self, value: bytes) -> bytes:
        """Mask the service's secrets in the value of a forwarded header."""
        for secret in self._secrets:
            value = value.replace(secret.encode(), CONCEALED.encode())
        return value

    def __repr__(self) -> str:
        return f"Service({self.name!r}, kind={self.kind.name!r}, base_url={self.base_url!r})"


def _without(dialect: Any, fields: frozenset[str]) -> Any:
    """A dialect that does not understand these fields."""
    known = getattr(dialect, "gateway_fields", ())
    if fields.isdisjoint(known):
        return dialect
    return msgspec.structs.replace(
        dialect, gateway_fields=tuple(name for name in known if name not in fields)
    )


def _offers(config: ProviderConfig, kind: Kind) -> Iterator[tuple[str, Offer]]:
    for name in TASKS:
        row = dict(fill(getattr(kind, name), config, kind))
        if row:
            format_ = task_named(name).formats[row.pop("format")]
            yield name, Offer(format_, msgspec.convert(row, format_.dialect))


def _conceal_cut(text: str, secret: str) -> str:
    """Mask a secret of which only the beginning is left, because the text was truncated within it."""
    if secret[:SHORTEST_SECRET] not in text:
        return text
    for size in range(len(secret) - 1, SHORTEST_SECRET, -1):
        begin = secret[:size]
        if text.endswith(begin):
            return text[:-size] + CONCEALED
        text = text.replace(begin + CUT, CONCEALED + CUT)
    return text


def _secrets_of(config: ProviderConfig) -> tuple[str, ...]:
    """The secrets, longest first: one may be part of another."""
    own = {secret.reveal() for secret in config.secrets}
    return tuple(sorted((one for one in own if len(one) >= SHORTEST_SECRET), key=len, reverse=True))
