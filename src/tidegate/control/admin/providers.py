"""`/admin/providers`: keys of providers, which are set here and never shown."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response
from msgspec import Struct

from tidegate.accounts.encryption import Cipher
from tidegate.accounts.provider_keys import check_key, cipher_of, row_of, why_not
from tidegate.config import Config
from tidegate.protocols.errors import InvalidRequest
from tidegate.store.journal import milliseconds
from tidegate.store.provider_keys import (
    disable_provider_key,
    list_provider_keys,
    put_provider_key,
    remove_provider_key,
)
from tidegate.store.store import Store

from .answers import Page, respond
from .reading import Name, blaming, check_name, read
from .routes import Routes

__all__ = ["add_providers"]


class ProviderKeyBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key to use for a provider."""

    key: str


class ProviderKeyChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to do with the key of a provider."""

    disabled: bool


class StoredKeyView(Struct, frozen=True, kw_only=True):
    """A key in the store, without the key itself."""

    fingerprint: str
    """The beginning of its SHA-256, to compare it with."""
    last_four: str
    """Its last characters; empty for a short key."""
    set_at: int
    set_by: str
    disabled_at: int | None
    """Since when no request uses it; null: it is enabled."""


class ProviderView(Struct, frozen=True, kw_only=True):
    """A provider, and its key in the store."""

    name: Name
    kind: str | None
    """Null for a provider that exists by its key only."""
    key: StoredKeyView | None
    in_use: bool
    """Whether the key of the store is used: it is enabled, and the configuration has no credentials."""


def add_providers(routes: Routes, store: Store, config: Config) -> None:
    """Add the paths. `config` is the one in force, with the keys of the store."""

    @routes.add("GET", "/providers", Page[ProviderView])
    async def list_providers() -> Response:
        """List the providers, and which of them have a key in the store."""
        rows = await store.ask(list_provider_keys)
        names = [*config.providers, *(name for name in rows if name not in config.providers)]
        return respond(Page([_view(config, name, rows.get(name)) for name in names]))

    @routes.add("PUT", "/providers/{provider}/key", ProviderView, body=ProviderKeyBody)
    async def set_provider_key(request: Request, provider: str) -> Response:
        """Set the key of a provider, in place of the one before, and enable it. All workers use it within a
        second.
        """
        body = await read(request, ProviderKeyBody)
        check_name(provider, "provider")
        with blaming("key"):
            key = check_key(body.key)
        cipher = _cipher(config)
        if (reason := why_not(config, provider)) is not None:
            known = provider in config.providers
            status, code = (409, "key_configured") if known else (404, "not_found")
            raise InvalidRequest(reason, status=status, code=code, param="provider")
        row = row_of(cipher, provider, key, milliseconds(), request.state.actor)
        await store.change(put_provider_key, row)
        return respond(_view(config, provider, row))

    @routes.add("PATCH", "/providers/{provider}/key", ProviderView, body=ProviderKeyChange)
    async def change_provider_key(request: Request, provider: str) -> Response:
        """Disable the key of a provider, or enable it again. All workers follow within a second."""
        body = await read(request, ProviderKeyChange)
        row = await store.change(disable_provider_key, provider, milliseconds() if body.disabled else None)
        if row is None:
            raise _without_key(provider)
        return respond(_view(config, provider, row))

    @routes.add("DELETE", "/providers/{provider}/key", ProviderView)
    async def delete_provider_key(provider: str) -> Response:
        """Remove the key of a provider. Within a second, no worker uses it any more."""
        if not await store.change(remove_provider_key, provider):
            raise _without_key(provider)
        return respond(_view(config, provider, None))


def _without_key(provider: str) -> InvalidRequest:
    return InvalidRequest(f"the store has no key of {provider}", status=404, code="not_found")


def _cipher(config: Config) -> Cipher:
    """What encrypts keys. Raises InvalidRequest."""
    cipher = cipher_of(config)
    if cipher is None:
        message = (
            "keys of providers are stored encrypted: set TIDEGATE_SECRET_KEY (secret_keys in [store]) to at "
            "least 32 random characters, and install tidegate[jwt]"
        )
        raise InvalidRequest(message, status=409, code="no_secret_key")
    return cipher


def _view(config: Config, name: str, row: Mapping[str, Any] | None) -> ProviderView:
    known = config.providers.get(name)
    key = None
    if row is not None:
        shown = {field: row[field] for field in StoredKeyView.__struct_fields__}
        key = StoredKeyView(**shown)
    return ProviderView(
        name=name,
        kind=known.kind if known is not None else None,
        key=key,
        in_use=key is not None and key.disabled_at is None and why_not(config, name) is None,
    )
