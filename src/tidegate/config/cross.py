"""Checks and defaults that involve several settings."""

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from msgspec.structs import replace

from .dialect import wrong_dialect
from .draft import Draft, Setting
from .environment import DEFAULT_HOST, FOREIGN_HOSTS, Environment, options_of, verify_of
from .kinds import Kind, kinds
from .normal import PROVIDER_NAME, is_loopback
from .problems import Origin, Path, Problems, near, quoted
from .schema import Auth, Config, ModelConfig, ProviderConfig, Server

__all__ = ["check_whole", "complete_auth", "complete_providers", "stay_inside"]

REQUIREMENT = (
    "needs client keys, or anyone who reaches it spends your money. Set TIDEGATE_API_KEYS (or auth.keys), "
    "or listen on 127.0.0.1, or set TIDEGATE_AUTH_OPEN_BEYOND_LOOPBACK=true (or "
    "auth.open_beyond_loopback = true)"
)
SHORTEST_ADMIN_KEY = 16
OPTIONS = (
    "region",
    "project",
    "location",
    "api_version",
    "organization",
    "access_key_id",
    "secret_access_key",
    "session_token",
    "credentials_file",
)
"""Settings of a provider that only some kinds have."""
TOKENS = ("supabase_url", "jwt_secret", "jwt_jwks_url", "jwt_issuer", "jwt_issuers")
"""Settings by which tokens are accepted."""
SHORTEST_SECRET = 32
"""Minimum characters of a secret for tokens: HS256 needs 256 bits (RFC 7518)."""


def complete_providers(draft: Draft, environment: Environment) -> None:
    """Fill in the options that the environment sets for all providers, or all of one kind."""
    verify = verify_of(environment)
    for table, settings in draft.tables.items():
        if table[0] != "providers":
            continue
        if verify is not None:
            settings.setdefault("verify", verify)
        kind = kinds().get(str(settings["kind"].value)) if "kind" in settings else None
        if kind is not None:
            _complete_options(kind, settings, environment)


def _complete_options(kind: Kind, settings: dict[str, Setting], environment: Environment) -> None:
    own = settings.keys() & {"api_key", *kind.credentials}
    for option, setting in options_of(kind, environment):
        if not (own and option in kind.credentials):
            settings.setdefault(option, setting)


def complete_auth(draft: Draft) -> None:
    """Keys, a store for them or an issuer of tokens mean that keys are required, unless there is a mode."""
    settings, store = draft.tables.get(("auth",), {}), draft.tables.get(("store",), {})
    reasons = [*(settings.get(name) for name in ("keys", *TOKENS)), store.get("url")]
    for reason in reasons:
        if reason is not None and reason.value and "mode" not in settings:
            draft.put(("auth",), "mode", Setting("keys", reason.origin))


def stay_inside(config: Config, draft: Draft, environment: Environment) -> tuple[Config, tuple[str, ...]]:
    """The Config, with the default address if only the `HOST` of a replaced gateway sets another one and
    no key is required; and the warning about it. Such a gateway starts, but is not reachable from outside.
    """
    setting = draft.tables.get(("server",), {}).get("host")
    name = (setting.origin.variable or setting.origin.name) if setting is not None else ""
    auth, host = config.auth, config.server.host
    if name not in FOREIGN_HOSTS or auth.mode == "keys" or auth.open_beyond_loopback or is_loopback(host):
        return config, ()
    assert setting is not None, "it has a name"
    default = environment.variables.get(DEFAULT_HOST)
    if default is not None:
        draft.put(("server",), "host", Setting(default.value, default.origin))
    else:
        del draft.tables[("server",)]["host"]
    inside = default.value if default is not None else Server().host
    warning = (
        f"{setting.origin}: not listening on {host}: without client keys, anyone who reaches it spends "
        f"your money. Listening on {inside}. Set TIDEGATE_API_KEYS to listen on {host}"
    )
    return replace(config, server=replace(config.server, host=inside)), (warning,)


def check_whole(config: Config, draft: Draft, problems: Problems) -> None:
    """Report combinations of settings that are individually valid but conflict."""
    _check_auth(config, draft, problems)
    _check_tokens(config, draft, problems)
    _check_billing(config, draft, problems)
    _check_secret_keys(config, draft, problems)
    _check_certificate(config, draft, problems)
    _check_same_names(draft, problems)
    for name, provider in config.providers.items():
        _check_provider(name, provider, config, draft, problems)
    for name, model in config.models.items():
        _check_model(name, model.candidates, config, draft, problems)
        _check_weights(name, model, draft, problems)
        _check_budgets(name, model, config, draft, problems)
    for name in config.prices:
        _check_price(name, config, draft, problems)


def _check_auth(config: Config, draft: Draft, problems: Problems) -> None:
    if problems.touch(("auth",)) or problems.touch(("server", "host")):
        return
    settings = draft.tables.get(("auth",), {})
    auth = config.auth
    _check_admin_keys(auth, settings, problems)
    if auth.mode == "keys" and not auth.keys and not config.store.url and not auth.takes_tokens:
        message = 'mode is "keys", but there are none: set auth.keys or TIDEGATE_API_KEYS, or store.url'
        problems.add(settings["mode"].origin, ("auth", "mode"), message)
    elif auth.mode == "open" and (auth.keys or auth.takes_tokens):
        name = "keys" if auth.keys else next(name for name in TOKENS if name in settings)
        what = "keys" if auth.keys else "an issuer of tokens"
        message = f'mode is "open", but {settings[name].origin} sets {what}: remove one of them'
        problems.add(settings["mode"].origin, ("auth", "mode"), message)
    elif (
        auth.mode == "open"
        and config.server.uds is None
        and not auth.open_beyond_loopback
        and not is_loopback(config.server.host)
    ):
        host = draft.tables[("server",)]["host"]
        message = f"listening on {config.server.host} {REQUIREMENT}"
        problems.add(host.origin, ("server", "host"), message)


def _check_admin_keys(auth: Auth, settings: Mapping[str, Setting], problems: Problems) -> None:
    """An admin key is long enough to resist guessing, and is not also a client's."""
    clients = {secret.reveal().rpartition(":")[2] for secret in auth.keys}
    for secret in auth.admin_keys:
        key = secret.reveal().rpartition(":")[2]
        origin = settings["admin_keys"].origin
        if key in clients:
            message = "an admin key is also a client key: whoever calls a model could manage all accounts"
            problems.add(origin, ("auth", "admin_keys"), message)
        elif len(key) < SHORTEST_ADMIN_KEY:
            message = f"an admin key must have at least {SHORTEST_ADMIN_KEY} characters"
            problems.add(origin, ("auth", "admin_keys"), message)


def _check_tokens(config: Config, draft: Draft, problems: Problems) -> None:
    settings, auth = draft.tables.get(("auth",), {}), config.auth
    for name in ("jwt_audience", "jwt_algorithms", "jwt_admin_claim"):
        if getattr(auth, name) and not auth.has_own_issuer:
            message = "has no effect without an issuer: set auth.jwt_issuer, auth.jwt_secret or supabase_url"
            problems.add(settings[name].origin, ("auth", name), message)
    for name in ("jwt_issuer", "jwt_jwks_url"):
        if getattr(auth, name) and not (auth.supabase_url or (auth.jwt_issuer and auth.jwt_audience)):
            message = (
                "needs auth.jwt_issuer and auth.jwt_audience: otherwise tokens for other applications "
                "would be accepted"
            )
            problems.add(settings[name].origin, ("auth", name), message)
            break
    if auth.jwt_issuer and not (auth.supabase_url or auth.jwt_secret or auth.jwt_jwks_url):
        _check_discovery(auth.jwt_issuer, settings["jwt_issuer"].origin, ("auth", "jwt_issuer"), problems)
    if auth.jwt_secret is not None and len(auth.jwt_secret.reveal()) < SHORTEST_SECRET:
        message = f"is too short: expected at least {SHORTEST_SECRET} characters"
        problems.add(settings["jwt_secret"].origin, ("auth", "jwt_secret"), message)
    _check_issuers(auth, settings, problems)


def _check_issuers(auth: Auth, settings: Mapping[str, Setting], problems: Problems) -> None:
    """The issuers of a list can be told apart, and so can their users."""
    names = {""} if auth.has_own_issuer else set()
    supabase = f"{auth.supabase_url}/auth/v1" if auth.supabase_url is not None else None
    known = {auth.jwt_issuer or supabase} - {None}
    for index, one in enumerate(auth.jwt_issuers):
        path: Path = ("auth", "jwt_issuers", index)
        origin = settings["jwt_issuers"].origin_of((index,))
        if one.issuer in known:
            problems.add(origin, path, f"the issuer {quoted(one.issuer)} is listed twice")
        if one.name in names and one.name:
            problems.add(origin, path, f"another issuer is also named {quoted(one.name)}")
        elif one.name in names:
            message = "needs a name, because another issuer has none: their users would have the same ids"
            problems.add(origin, path, message)
        if one.secret is not None and len(one.secret.reveal()) < SHORTEST_SECRET:
            problems.add(origin, path, f"secret: expected at least {SHORTEST_SECRET} characters")
        if one.secret is None and one.jwks_url is None:
            _check_discovery(one.issuer, origin, path, problems)
        names.add(one.name)
        known.add(one.issuer)


def _check_discovery(issuer: str, origin: Origin, path: Path, problems: Problems) -> None:
    """The configuration of an issuer without keys can be requested."""
    parts = urlsplit(issuer)
    if parts.scheme not in ("https", "http") or not parts.hostname or "?" in issuer or "#" in issuer:
        message = "is not a URL that has an OpenID configuration: set jwks_url or a secret"
        problems.add(origin, path, message)


def _check_billing(config: Config, draft: Draft, problems: Problems) -> None:
    for name in ("enabled", "low_balance_usd", "stripe_secrets"):
        if getattr(config.billing, name) and not config.store.url:
            origin = draft.tables[("billing",)][name].origin
            problems.add(origin, ("billing", name), "wallets need a store: set store.url")


def _check_secret_keys(config: Config, draft: Draft, problems: Problems) -> None:
    for index, secret in enumerate(config.store.secret_keys):
        if len(secret.reveal()) < SHORTEST_SECRET:
            setting = draft.tables[("store",)]["secret_keys"]
            message = f"is too short: expected at least {SHORTEST_SECRET} characters"
            problems.add(setting.origin_of((index,)), ("store", "secret_keys", index), message)


def _check_certificate(config: Config, draft: Draft, problems: Problems) -> None:
    if config.server.ssl_keyfile is not None and config.server.ssl_certfile is None:
        origin = draft.tables[("server",)]["ssl_keyfile"].origin
        problems.add(origin, ("server", "ssl_keyfile"), "a private key needs a certificate: set ssl_certfile")


def _check_same_names(draft: Draft, problems: Problems) -> None:
    """Reject names that differ only in case."""
    seen: dict[tuple[str, ...], str] = {}
    for table, origin in draft.heads.items():
        if len(table) != 2:
            continue
        folded = (table[0], table[1].lower())
        if folded in seen:
            problems.add(origin, table, f"differs only in case from {quoted(seen[folded])}")
        seen[folded] = table[1]


def _check_provider(
    name: str, provider: ProviderConfig, config: Config, draft: Draft, problems: Problems
) -> None:
    path: Path = ("providers", name)
    origins = {key: setting.origin for key, setting in draft.tables[("providers", name)].items()}
    if not PROVIDER_NAME.fullmatch(name):
        message = "a provider's name may contain only letters, digits, dots, dashes and underscores"
        problems.add(draft.heads[("providers", name)], path, message)
    kind = kinds().get(provider.kind)
    if kind is None:
        known = f"{near(provider.kind, kinds())}; kinds: {', '.join(sorted(kinds()))}"
        message = f"unknown kind {quoted(provider.kind)}{known}"
        problems.add(origins["kind"], (*path, "kind"), message)
        return
    for option in OPTIONS:
        if getattr(provider, option) is not None and option not in kind.options:
            problems.add(origins[option], (*path, option), f"the kind {kind.name} has no {option}")
    if provider.responses is not None and kind.protocol != "openai_chat":
        message = f"the kind {kind.name} does not use OpenAI's chat completions, so it has no responses"
        problems.add(origins["responses"], (*path, "responses"), message)
    head = draft.heads[("providers", name)]
    for key, message in _missing(provider, kind, key_may_come=bool(config.store.secret_keys)):
        if not problems.touch((*path, key)):
            problems.add(head, (*path, key), message)
    for place, message in wrong_dialect(provider, kind):
        origin = draft.tables[("providers", name)].get(place[0])
        where = origin.origin_of(place[1:]) if origin is not None else origins["kind"]
        problems.add(where, (*path, *place), message)
    if provider.base_url is not None and _is_ourselves(provider.base_url, config):
        message = "this is the address of this gateway itself, so requests would loop"
        problems.add(origins["base_url"], (*path, "base_url"), message)


def _missing(provider: ProviderConfig, kind: Kind, *, key_may_come: bool) -> Iterable[tuple[str, str]]:
    """The required settings that are missing. `key_may_come`: a key may be set later, in the store."""
    if provider.base_url is None and kind.base_url is None and kind.embedded is None:
        yield "base_url", f"is missing: the kind {kind.name} has no default address"
    for option in kind.required:
        if getattr(provider, option) is None:
            names = kind.option_env.get(option, ())
            yield option, f"is missing: the kind {kind.name} requires it{_or_variable(names)}"
    if all(getattr(provider, option) is not None for option in kind.instead_of_key or ("api_key",)):
        return
    # Who gives another address may have reasons for giving no key: a test, a proxy that holds it.
    keyless = kind.key_optional or kind.auth == "none" or provider.base_url is not None or key_may_come
    if provider.api_key is None and not provider.api_keys and not keyless:
        known = f' (such as "env:{kind.key_env[0]}")' if kind.key_env else ""
        others = f", or {' and '.join(kind.instead_of_key)}" if kind.instead_of_key else ""
        yield "api_key", f"is missing: the kind {kind.name} requires a key{known}{others}"


def _or_variable(names: tuple[str, ...]) -> str:
    return f" (or the variable {names[0]})" if names else ""


def _is_ourselves(base_url: str, config: Config) -> bool:
    parts = urlsplit(base_url)
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    return port == config.server.port and is_loopback(parts.hostname or "")


def _check_price(name: str, config: Config, draft: Draft, problems: Problems) -> None:
    table = ("prices", name)
    provider, _, model = name.partition("/")
    if not (provider and model):
        problems.add(draft.heads[table], table, 'expected [prices."provider/model"]')
    elif provider not in config.providers and not problems.touch(("providers", provider)):
        message = f"no provider {quoted(provider)} is configured{near(provider, config.providers)}"
        problems.add(draft.heads[table], table, message)
    elif not draft.tables[table]:
        problems.add(draft.heads[table], table, "sets no price")


def _check_model(
    name: str, candidates: tuple[str, ...], config: Config, draft: Draft, problems: Problems
) -> None:
    path: Path = ("models", name)
    setting = draft.tables[("models", name)]["candidates"]
    if not name.strip() or name != name.strip():
        problems.add(draft.heads[("models", name)], path, "a name must not start or end with a space")
    first, slash, _ = name.partition("/")
    if slash and first in config.providers:
        message = (
            f"would hide models of the provider {quoted(first)}: choose a name that does not start with "
            "the provider's name"
        )
        problems.add(draft.heads[("models", name)], path, message)
    for index, candidate in enumerate(candidates):
        provider = candidate.partition("/")[0]
        place = (*path, "candidates", index)
        if candidate in candidates[:index]:
            problems.add(setting.origin_of((index,)), place, f"{quoted(candidate)} is listed twice")
        elif provider not in config.providers and not problems.touch(("providers", provider)):
            message = f"no provider {quoted(provider)} is configured{near(provider, config.providers)}"
            problems.add(setting.origin_of((index,)), place, message)


def _check_weights(name: str, model: ModelConfig, draft: Draft, problems: Problems) -> None:
    if not model.weights:
        return
    wanted = len(model.candidates)
    if len(model.weights) != wanted:
        message = f"expected {wanted} weights, one for each candidate, got {len(model.weights)}"
    elif not any(model.weights):
        message = "at least one weight must be greater than 0"
    else:
        return
    problems.add(draft.tables[("models", name)]["weights"].origin, ("models", name, "weights"), message)


def _check_budgets(name: str, model: ModelConfig, config: Config, draft: Draft, problems: Problems) -> None:
    for key in ("daily_budget_usd", "monthly_budget_usd"):
        if getattr(model, key) is not None and not config.store.url:
            origin = draft.tables[("models", name)][key].origin
            problems.add(origin, ("models", name, key), "budgets need a store: set store.url")
