"""Keys of providers that operators set while the gateway runs: kept encrypted in the store, and followed by
every worker.

The configuration wins: a key of the store is used only for a provider that has no credentials of its own
there. A provider that the configuration does not name, but that needs nothing but a key, exists as soon as it
has one.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from msgspec.structs import replace

from tidegate.config import Config, Kind, Origin, ProviderConfig, Secret, kinds
from tidegate.periodic import Periodic
from tidegate.store.errors import StoreUnavailable
from tidegate.store.provider_keys import list_provider_keys
from tidegate.store.store import Store

from .encryption import CannotDecrypt, Cipher, is_installed

__all__ = [
    "LONGEST_KEY",
    "StoredProviderKeys",
    "check_key",
    "cipher_of",
    "row_of",
    "why_not",
    "with_stored_keys",
]  # fmt: skip

log = logging.getLogger("tidegate")

EVERY_S = 0.4
"""Seconds between two looks at the store: a new key is used everywhere within a second."""
LONGEST_KEY = 4096
FINGERPRINT_CHARS = 12
SHOWN = 4
SHORTEST_SHOWN = 16
"""Characters of a key whose last four are shown."""

STORE = Origin("store", "the store")
"""Where the keys come from."""

Rows = Mapping[str, Mapping[str, Any]]


def cipher_of(config: Config) -> Cipher | None:
    """What encrypts the keys; None if there is no secret, or no library for it."""
    secrets = [one.reveal() for one in config.store.secret_keys]
    return Cipher(secrets) if secrets and is_installed() else None


def check_key(key: str) -> str:
    """A key that can be sent in a header. Raises ValueError, which does not show it."""
    text = key.strip()
    if not text or len(text) > LONGEST_KEY or not all("!" <= one <= "~" for one in text):
        raise ValueError(f"a key has 1 to {LONGEST_KEY} characters, without spaces and in ASCII")
    return text


def row_of(cipher: Cipher, provider: str, key: str, now: int, actor: str) -> Mapping[str, Any]:
    """The row of a key. `now` is in milliseconds since 1970; `actor` is who sets it."""
    return {
        "provider": provider,
        "encrypted": cipher.encrypt(key, provider),
        "fingerprint": sha256(key.encode()).hexdigest()[:FINGERPRINT_CHARS],
        "last_four": key[-SHOWN:] if len(key) >= SHORTEST_SHOWN else "",
        "set_at": now,
        "set_by": actor[:255],
        "disabled_at": None,
    }


def why_not(config: Config, provider: str) -> str | None:
    """Why a key of the store would have no effect for a provider; None if it would be used."""
    known = config.providers.get(provider)
    if known is not None:
        origin = config.origin("providers", provider, "api_key")
        if origin == STORE or not _has_credentials(known):
            return None
        where = f" ({origin})" if origin.kind != "default" else ""
        return f"{provider} has credentials in the configuration{where}, which win: change them there"
    if _kind_of(provider) is None:
        return (
            f"there is no provider {provider}: add [providers.{provider}] to the configuration, or use the "
            "name of a kind that needs nothing but a key"
        )
    return None


def with_stored_keys(config: Config, keys: Mapping[str, Secret]) -> Config:
    """The configuration with the keys of the store, where it has none itself."""
    providers, origins = dict(config.providers), dict(config.origins)
    for name, key in keys.items():
        known, kind = providers.get(name), _kind_of(name)
        if known is not None and not _has_credentials(known):
            providers[name] = replace(known, api_key=key)
        elif known is None and kind is not None:
            providers[name] = ProviderConfig(kind=kind.name, api_key=key)
        else:
            continue
        origins["providers", name, "api_key"] = STORE
    return replace(config, providers=MappingProxyType(providers), origins=MappingProxyType(origins))


def _has_credentials(provider: ProviderConfig) -> bool:
    kind = kinds().get(provider.kind)
    instead = kind.instead_of_key if kind is not None else ()
    others = bool(instead) and all(getattr(provider, name) is not None for name in instead)
    return provider.api_key is not None or bool(provider.api_keys) or others


def _kind_of(provider: str) -> Kind | None:
    """The kind of a provider that is named as the environment would name it, and needs only a key."""
    for kind in kinds().values():
        if (kind.env_name or kind.name) == provider:
            needs_more = kind.base_url is None or kind.required or kind.auth == "none" or kind.key_optional
            return None if needs_more or kind.embedded is not None else kind
    return None


class StoredProviderKeys:
    """The keys in a store, as this worker uses them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows: Rows = {}
        self._following: Periodic | None = None

    async def read(self, config: Config) -> Mapping[str, Secret]:
        """The keys by provider; without those that are disabled, and those that cannot be decrypted, which
        the log names. Raises StoreUnavailable.
        """
        self._rows = await self._store.ask(list_provider_keys)
        cipher = cipher_of(config)
        enabled = {provider: row for provider, row in self._rows.items() if row["disabled_at"] is None}
        if enabled and cipher is None:
            log.error("the store has keys of providers, which need TIDEGATE_SECRET_KEY and the extra jwt")
        found = {}
        for provider, row in enabled.items() if cipher is not None else ():
            try:
                found[provider] = Secret(cipher.decrypt(row["encrypted"], provider))  # type: ignore[union-attr]
            except CannotDecrypt as error:
                log.error("the key of %s in the store cannot be read: %s", provider, error)
        return found

    def follow(self, apply: Callable[[], Awaitable[None]]) -> None:
        """Call `apply`, which reads the keys again, whenever they have changed."""
        self._following = Periodic(
            "provider-keys",
            EVERY_S,
            partial(self._look, apply),
            problem="the keys of providers in the store cannot be applied",
            expected=StoreUnavailable,
            expected_level=logging.DEBUG,  # the keys that are known go on to work
        )
        self._following.start()

    async def close(self) -> None:
        """Stop following."""
        if self._following is not None:
            await self._following.close()

    async def _look(self, apply: Callable[[], Awaitable[None]]) -> None:
        rows = await self._store.ask(list_provider_keys)
        if rows == self._rows:
            return
        names = sorted(name for name in {*rows, *self._rows} if rows.get(name) != self._rows.get(name))
        try:
            await apply()
        except StoreUnavailable:
            raise
        except Exception:
            self._rows = rows  # not again and again
            raise
        log.info("keys of providers in the store have changed: %s", ", ".join(names))
