"""A configured provider, ready to be asked."""

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import msgspec
from multidict import CIMultiDict

from tidegate import __version__
from tidegate.config import Kind, ProviderConfig
from tidegate.protocols.errors import ProviderError
from tidegate.protocols.task import TaskFormat

from .formats import TASKS, protocol_named, task_named
from .places import also_of, base_url_of, fill, forms_of, row_of
from .signers import signer_of

__all__ = ["Service"]

CONCEALED = "[concealed]"
SHORTEST_SECRET = 8
"""Characters; shorter values stand in ordinary words, and are no keys."""

_KEY_FORM: Mapping[str, tuple[str, str]] = {
    "bearer": ("authorization", "Bearer {}"),
    "x-api-key": ("x-api-key", "{}"),
    "x-goog-api-key": ("x-goog-api-key", "{}"),
    "api-key": ("api-key", "{}"),
}
"""Ways to carry a key → header and form of its value."""


class Offer(NamedTuple):
    """How a service is asked for something beside chat."""

    format: TaskFormat
    dialect: Any
    """The service's differences: the format's own Dialect struct."""


class Service:
    """A provider of the configuration, compiled once. Two of the same kind share nothing but the row."""

    __slots__ = (
        "_also",
        "_client_headers",
        "_forms",
        "_forwarded",
        "_own",
        "_secrets",
        "_static",
        "_with_defaults",
        "base_url",
        "catch_all",
        "dialect",
        "kind",
        "name",
        "offers",
        "prefixes",
        "protocol",
        "signer",
        "verify",
    )

    def __init__(self, name: str, config: ProviderConfig, kind: Kind | None = None) -> None:
        self.name = name
        """As in `name/model`."""
        self.kind: Kind = kind or row_of(config)
        """The row, with what is different about it at this address or for these models."""
        self.protocol = protocol_named(self.kind.protocol)
        self.dialect = msgspec.convert(fill(self.kind.dialect, config, self.kind), self.protocol.dialect)
        self.offers: Mapping[str, Offer] = dict(_offers(config, self.kind))
        """What it can be asked for beside chat."""
        self.base_url = base_url_of(config, self.kind)
        self.verify = config.verify
        self.prefixes = (
            *((prefix, "") for prefix in config.prefixes),
            *((prefix, prefix) for prefix in config.strip_prefixes),
        )
        """How names begin that lead to it by the operator's wish, and what of that is not the model's."""
        self.catch_all = config.catch_all
        """Whether it is asked for every model whose name says nothing else."""
        self.signer = signer_of(config, self.kind)
        """Who authorizes each request; None where a header does, or nothing has to."""
        self._also = {other: Service(name, config, row) for other, row in also_of(self.kind)}
        self._forms = tuple((form, Service(name, config, row)) for form, row in forms_of(self.kind))
        self._static = _render_headers(config, self.kind)
        self._client_headers = dict(self.kind.client_headers)
        self._with_defaults = self._static.copy()
        for header, value in self._client_headers.items():
            self._with_defaults.setdefault(header, value)
        secrets = [secret.reveal() for secret in config.secrets]
        self._secrets = tuple(secret for secret in secrets if len(secret) >= SHORTEST_SECRET)
        self._own = frozenset(header.lower() for header in config.headers)
        self._forwarded = frozenset(
            header.encode() for header in self.protocol.forwarded_headers if header not in self._own
        )

    def serving(self, model: str) -> "Service":
        """The service in the form in which it serves this model: most have one for all."""
        lower = model.lower()
        for form, service in self._forms:
            if any(fnmatchcase(lower, pattern) for pattern in form.models):
                return service
        return self

    def speaking(self, name: str) -> "Service":
        """The service in this wire format, where it speaks it; else in its own."""
        return self._also.get(name, self)

    def headers_for(
        self,
        client_headers: Iterable[tuple[bytes, bytes]],
        spoken: str,
        extra: Mapping[str, str] | None = None,
    ) -> "CIMultiDict[str]":
        """The headers of a request to this provider. Must not be changed: they may be shared.

        `spoken` is the wire format of the client: where it is the provider's too, some of the client's
        headers are passed on. `extra` are those that this one request needs. What the operator has
        set stands over all of them.
        """
        passed: list[tuple[str, str]] = []
        if spoken == self.protocol.name:
            forwarded = self._forwarded
            passed = [(k.decode(), v.decode("latin-1")) for k, v in client_headers if k in forwarded]
        if not passed and not extra:
            return self._with_defaults
        headers = self._static.copy()
        for name, value in passed:
            headers.add(name, value)
        for name, value in (extra or {}).items():
            if name.lower() not in self._own:
                headers[name] = value
        for name, value in self._client_headers.items():
            headers.setdefault(name, value)
        return headers

    def attribute(self, error: ProviderError) -> ProviderError:
        """An error of this provider, with its name and without any of its secrets: some providers
        repeat the key that they refuse.
        """
        error.provider = self.name
        for secret in self._secrets:
            error.message = error.message.replace(secret, CONCEALED)
        error.args = (error.message,)
        return error

    def __repr__(self) -> str:
        return f"Service({self.name!r}, kind={self.kind.name!r}, base_url={self.base_url!r})"


def _offers(config: ProviderConfig, kind: Kind) -> Iterator[tuple[str, Offer]]:
    for name in TASKS:
        row = dict(fill(getattr(kind, name), config, kind))
        if row:
            format_ = task_named(name).formats[row.pop("format")]
            yield name, Offer(format_, msgspec.convert(row, format_.dialect))


def _render_headers(config: ProviderConfig, kind: Kind) -> "CIMultiDict[str]":
    """The headers of every request, the operator's over all others."""
    headers: CIMultiDict[str] = CIMultiDict()
    headers["content-type"] = "application/json"
    headers["accept"] = "application/json"
    headers["user-agent"] = f"tidegate/{__version__}"
    headers.update(kind.headers)
    if config.api_key is not None and kind.auth in _KEY_FORM:
        name, form = _KEY_FORM[kind.auth]
        headers[name] = form.format(config.api_key.reveal())
    for option, header in kind.options.items():
        value = getattr(config, option)
        if header and value is not None:
            headers[header] = value
    for name, secret in config.headers.items():
        headers[name] = secret.reveal()
    return headers
