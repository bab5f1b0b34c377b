"""A summary of the configuration in a few lines, without keys, printed at start."""

from collections.abc import Iterator

from .kinds import kinds
from .normal import is_loopback
from .schema import Config, ProviderConfig

__all__ = ["NO_PROVIDER", "list_warnings", "summarize"]

NO_PROVIDER = "no provider is configured: set a key such as OPENAI_API_KEY, or write a tidegate.toml"


def summarize(config: Config) -> Iterator[str]:
    """The sources, the providers, and who may call."""
    yield f"configuration: {', '.join(_sources(config)) or 'defaults only'}"
    if config.providers:
        found = ", ".join(_provider(config, name, one) for name, one in config.providers.items())
        yield f"{_count(len(config.providers), 'provider')}: {found}"
    yield from _clients(config)


def _clients(config: Config) -> Iterator[str]:
    keys = len(config.auth.keys)
    if keys:
        yield f"clients: {_count(keys, 'key')}, from {config.origin('auth', 'keys')}"
    if config.auth.mode == "keys" and config.store.url:
        yield f"clients: the keys in the store of {config.origin('store', 'url')}"
    if config.auth.takes_tokens:
        auth = config.auth
        own = [auth.jwt_issuer or auth.supabase_url or "whoever has auth.jwt_secret"]
        issuers = [*(own if auth.has_own_issuer else ()), *(one.issuer for one in auth.jwt_issuers)]
        yield f"clients: users with tokens of {', '.join(issuers)}"
    if config.auth.mode == "open":
        host = config.server.host
        whom = "this machine" if is_loopback(host) else f"everyone who can reach {host}"
        yield f"clients: open to {whom}, no key needed (set TIDEGATE_API_KEYS to require one)"


def list_warnings(config: Config) -> Iterator[str]:
    """All warnings, including settings without effect."""
    if not config.providers:
        yield NO_PROVIDER
    yield from config.warnings
    if config.not_used_yet:
        yield f"set, but without effect in this version: {', '.join(config.not_used_yet)}"


def _sources(config: Config) -> Iterator[str]:
    """The files and the environment, in order of precedence."""
    origins = set(config.origins.values())
    words = {"option": "the command line", "environment": "the environment"}
    for kind in ("option", "file", "environment", "dotenv"):
        names = sorted({words.get(kind, origin.name) for origin in origins if origin.kind == kind})
        yield from names


def _provider(config: Config, name: str, provider: ProviderConfig) -> str:
    if provider.api_key is not None:
        return f"{name} (key from {config.origin('providers', name, 'api_key')})"
    instead = kinds()[provider.kind].instead_of_key
    if instead and all(getattr(provider, option) is not None for option in instead):
        return f"{name} ({instead[0]} from {config.origin('providers', name, instead[0])})"
    return f"{name} (no key)"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
