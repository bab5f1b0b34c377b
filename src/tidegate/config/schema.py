"""The settings, as one tree of frozen structs.

A field's name is its key in `tidegate.toml`, its type the allowed values, its docstring the meaning.
`docs/configuration.md` is for people who run Tidegate; a test keeps the two in step.
"""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

from .problems import DEFAULT, Origin, Path
from .secret import Secret

__all__ = [
    "MAX_CANDIDATES",
    "Alerts",
    "Api",
    "Auth",
    "Billing",
    "Config",
    "ImagePriceConfig",
    "IssuerConfig",
    "Limits",
    "Logs",
    "ModelConfig",
    "Order",
    "PriceConfig",
    "ProviderConfig",
    "Routing",
    "Server",
    "Store",
    "secrets_of",
]

MAX_CANDIDATES = 20
"""Maximum number of candidates of one request: each can use up its timeouts and retries."""

Order: TypeAlias = Literal["priority", "weighted", "cost", "latency", "throughput", "balanced"]
"""How candidates are ordered; `docs/configuration.md` describes each value."""

JWTAlgorithm: TypeAlias = Literal[
    "HS256", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]
"""How tokens may be signed (RFC 7518, RFC 8037)."""

Weight: TypeAlias = Annotated[float, Meta(ge=0, le=1_000_000)]
Exponent: TypeAlias = Annotated[float, Meta(ge=0, le=32)]

Seconds: TypeAlias = Annotated[float, Meta(gt=0, le=86_400)]
"""A time limit; a day at the most."""


class Server(Struct, frozen=True, kw_only=True):
    """`[server]`: how clients reach Tidegate."""

    host: str = "127.0.0.1"
    """The address to listen on. Beyond loopback, keys are required (see `Auth`)."""
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8000
    """0 is any free port."""
    uds: str | None = None
    """The path of a unix socket to listen on instead of `host` and `port`."""
    ssl_certfile: str | None = None
    """The certificate (PEM, with its chain) for TLS with clients."""
    ssl_keyfile: str | None = None
    """The certificate's private key; None if `ssl_certfile` contains it."""
    workers: Annotated[int, Meta(ge=1, le=256)] = 1
    """Processes that share the port."""
    max_body_mb: Annotated[int, Meta(ge=1, le=1024)] = 32
    """Maximum size of a request body, in megabytes of 1,048,576 bytes."""
    hosts: tuple[str, ...] = ()
    """Additional host names (`Host`) under which a gateway without client keys may be called; "*" is any."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks of proxies whose `X-Forwarded-For` names the client; "unix": whoever connects over `uds`."""
    cors_origins: tuple[str, ...] | Literal["auto"] = "auto"
    """Origins of web pages that may call; "*" is any. `auto`: any with keys, else those on loopback."""
    grace_s: Annotated[float, Meta(ge=0, le=3600)] = 30
    """How long open requests may continue during shutdown, in seconds."""
    body_s: Seconds = 30
    """How long a client may pause while it sends its body, in seconds."""
    write_s: Seconds = 60
    """How long a client may leave its response unread, in seconds."""


class IssuerConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[auth.jwt]]`: one of several issuers of tokens."""

    issuer: str
    """The issuer (`iss`), exactly as it is in its tokens."""
    audience: tuple[str, ...]
    """Tokens have to be for one of these audiences (`aud`)."""
    name: str = ""
    """What the ids of its users begin with, before a colon (`name:sub`); one issuer may have none."""
    jwks_url: str | None = None
    """The URL of the issuer's public keys; None: the one that its OpenID configuration names."""
    secret: Secret | None = None
    """The secret that its tokens are signed with (HS256), in place of or beside keys at `jwks_url`."""
    algorithms: tuple[JWTAlgorithm, ...] = ()
    """Algorithms that its tokens may be signed with; empty: all that fit its keys."""
    admin_claim: str | None = None
    """The claim of its tokens that may use the admin API, as `claim=value`."""


class Auth(Struct, frozen=True, kw_only=True):
    """`[auth]`: who may call."""

    mode: Literal["open", "keys"] = "open"
    """`open` requires no key, `keys` requires one of `keys`, of the store, or a token. The default is `keys`
    if any of them is set up."""
    keys: tuple[Secret, ...] = ()
    """Client keys."""
    admin_keys: tuple[Secret, ...] = ()
    """Keys for the admin API, which clients must not have; empty: nobody may use it."""
    open_beyond_loopback: bool = False
    """Whether the gateway may listen beyond loopback without client keys."""
    supabase_url: str | None = None
    """The URL of a Supabase project whose users may call, with the tokens that it issues to them."""
    jwt_secret: Secret | None = None
    """The secret that tokens are signed with (HS256): of a Supabase project, or of `jwt_issuer`."""
    jwt_issuer: str | None = None
    """The issuer of tokens (`iss`), exactly as it is in them; by default that of `supabase_url`."""
    jwt_audience: tuple[str, ...] = ()
    """Tokens have to be for one of these audiences (`aud`); by default Supabase's `authenticated`."""
    jwt_jwks_url: str | None = None
    """The URL of the issuer's public keys; by default that of `supabase_url`, else the one that the OpenID
    configuration of `jwt_issuer` names."""
    jwt_algorithms: tuple[JWTAlgorithm, ...] = ()
    """Algorithms that tokens may be signed with; empty: all that fit the issuer's keys."""
    jwt_admin_claim: str | None = None
    """The claim of tokens that may use the admin API, as `claim=value` (`app_metadata.role=admin`)."""
    jwt_issuers: tuple[IssuerConfig, ...] = ()
    """More issuers of tokens, each a table `[[auth.jwt]]`."""

    @property
    def has_own_issuer(self) -> bool:
        """Whether tokens of an issuer beside `jwt_issuers` are accepted."""
        own = (self.supabase_url, self.jwt_secret, self.jwt_jwks_url, self.jwt_issuer)
        return any(one is not None for one in own)

    @property
    def takes_tokens(self) -> bool:
        """Whether tokens are accepted."""
        return self.has_own_issuer or bool(self.jwt_issuers)

    @property
    def names_administrators(self) -> bool:
        """Whether some tokens may use the admin API."""
        claims = (self.jwt_admin_claim, *(one.admin_claim for one in self.jwt_issuers))
        return any(one is not None for one in claims)


class Store(Struct, frozen=True, kw_only=True):
    """`[store]`: the database for keys, wallets and records."""

    url: Secret | None = None
    """`sqlite:///tidegate.db` or `postgresql://user:password@host/name`; None: no store. A gateway with a
    store requires keys, unless `auth.mode` says otherwise."""
    journal: str = ""
    """The folder of the workers' journals, on this machine; empty: beside the SQLite file, else
    `tidegate-journal` in the working directory."""
    secret_keys: tuple[Secret, ...] = ()
    """Secrets that keys of providers in the store are encrypted with: the first encrypts, all decrypt."""
    durability: Literal["process", "disk"] = "process"
    """What a hold and a settlement survive before the answer goes on: `process` the end of the process,
    `disk` the loss of power."""
    on_failure: Literal["serve", "refuse"] = "serve"
    """What happens while the database is slow or away: `serve` goes on with what the journal can take,
    `refuse` answers requests with 503."""
    valkey: Secret | None = None
    """`valkey://host:6379/0` (or `redis://`; with TLS `valkeys://`, `rediss://`): shares limits and what is
    known of providers between several hosts. None: a PostgreSQL store counts limits for all hosts, and each
    learns of providers by itself."""


class Billing(Struct, frozen=True, kw_only=True):
    """`[billing]`: prepaid wallets."""

    enabled: bool = False
    """Whether requests are paid from the wallets of their users. Needs a store."""
    minimum_funds_usd: Annotated[float, Meta(ge=0, le=1_000_000)] = 0.01
    """What a wallet must have available for any request, in USD."""
    overdraft_usd: Annotated[float, Meta(ge=0, le=1_000_000)] = 1.0
    """How far a wallet may be overdrawn by requests that cost more than was held for them, in USD. What goes
    beyond is written off."""
    output_tokens: Annotated[int, Meta(ge=1, le=1_000_000)] = 4096
    """Tokens of the answer that are held for where a request does not limit them."""
    searches: Annotated[int, Meta(ge=0, le=1000)] = 5
    """Web searches that are held for where a request lets the provider search and does not limit them."""
    low_balance_usd: Annotated[float, Meta(ge=0, le=1_000_000)] = 0.0
    """Below how much a wallet is reported to the operator, in USD, unless its user has a threshold of their
    own; 0: never. Needs a store."""
    when_client_leaves: Literal["charge_delivered", "drain"] = "charge_delivered"
    """What a stream costs whose client leaves: `charge_delivered`, the prompt and what was delivered by then;
    `drain`, what the provider reports at its end, which is read without the client. Only where the provider
    charges for all of it anyway; elsewhere the request is cancelled. Needs a store."""
    provider_cost: Literal["exact", "always", "never"] = "exact"
    """When a request costs what its provider says that it costs: `exact`, where the provider is known to
    report exactly what it charges (OpenRouter, xAI), or where no price is known; `always`; `never`. Prices
    that the operator has set always win."""
    stripe_secrets: tuple[Secret, ...] = ()
    """Secrets that Stripe signs its events with; several while one is replaced. Empty: none are accepted.
    Need a store."""
    show_cost: bool = True
    """Whether answers say what they cost, as `usage.cost`. Needs a store."""


class Limits(Struct, frozen=True, kw_only=True):
    """`[limits]`: limits of each caller that sets none of its own."""

    requests_per_minute: Annotated[int, Meta(ge=1)] | None = None
    tokens_per_minute: Annotated[int, Meta(ge=1)] | None = None
    concurrent: Annotated[int, Meta(ge=1)] | None = None
    """Requests at the same time."""
    across_hosts: bool = True
    """Whether hosts that share `store.valkey` or a PostgreSQL store count together; False: each by itself,
    which saves a single host the round trips."""
    on_failure: Literal["per_host", "refuse"] = "per_host"
    """What happens while `store.valkey`, or the PostgreSQL store that counts limits without it, is not
    available: `per_host` counts on each host by itself, `refuse` answers requests with limits with 503."""


class ProviderConfig(Struct, frozen=True, kw_only=True):
    """`[providers.<name>]`: a service, and how to reach it."""

    kind: str
    """A row of the table of providers."""
    base_url: str | None = None
    """The base URL as in the provider's documentation, without a trailing slash. None: the kind's default."""
    api_key: Secret | None = None
    api_keys: tuple[Secret, ...] = ()
    """Additional keys. Requests are spread over all keys; one that is refused or limited rests."""
    headers: Mapping[str, Secret] = MappingProxyType({})
    """Headers for every request, overriding those of the kind. Their values are treated as secrets."""
    dialect: Mapping[str, Any] = MappingProxyType({})
    """Differences from its wire format, overriding those of the kind: fields of that format's `Dialect`."""
    verify: bool = True
    """Whether its TLS certificate is verified."""
    prefixes: tuple[str, ...] = ()
    """Prefixes of its model names. Such a name needs no provider in front."""
    strip_prefixes: tuple[str, ...] = ()
    """Prefixes that select it and are removed from the model's name."""
    responses: bool | None = None
    """Whether the server has the Responses API beside chat completions, at the same base URL. None: as the
    kind says."""
    catch_all: bool = False
    """Whether it serves every model that is not in `[models]` and does not start with a provider's name."""
    region: str | None = None
    """For kinds that have regions."""
    project: str | None = None
    """For kinds that have projects."""
    location: str | None = None
    """For kinds that have locations."""
    api_version: str | None = None
    """For kinds whose API has dated versions."""
    organization: str | None = None
    """The organization that is billed, for kinds that have organizations."""
    access_key_id: str | None = None
    """AWS's access key ID. With `secret_access_key`, it replaces `api_key`."""
    secret_access_key: Secret | None = None
    """AWS's secret access key."""
    session_token: Secret | None = None
    """The session token of AWS's temporary credentials."""
    credentials_file: str | None = None
    """A Google service account file. Without it and without `api_key`, Google's application default
    credentials are used."""

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """All values that must never be shown: every Secret, and the headers' values."""
        values = (getattr(self, name) for name in self.__struct_fields__)
        own = (value for value in values if isinstance(value, Secret))
        return (*own, *self.api_keys, *self.headers.values())


class ModelConfig(Struct, frozen=True, kw_only=True):
    """`[models."<name>"]`: a model name for clients, and the providers that serve it."""

    candidates: tuple[str, ...]
    """A list of `provider/model`, in order of preference; at most MAX_CANDIDATES."""
    order: Order | None = None
    """How they are ordered; None: by `routing.order`."""
    weights: tuple[Weight, ...] = ()
    """For `order = "weighted"`: the candidates' shares, in the order of `candidates`. Empty: equal shares."""
    hedge: bool | None = None
    """Whether a second candidate is started when the first token is late; None: as `routing.hedge`."""
    resume: bool | None = None
    """Whether a broken stream is continued by the next candidate; None: as `routing.resume`."""
    requests_per_minute: Annotated[int, Meta(ge=1)] | None = None
    """Of all callers together, as the other limits here are."""
    tokens_per_minute: Annotated[int, Meta(ge=1)] | None = None
    concurrent: Annotated[int, Meta(ge=1)] | None = None
    """Requests at the same time."""
    daily_budget_usd: Annotated[float, Meta(ge=0, le=1_000_000)] | None = None
    """What requests for this name may cost in a day (UTC), in USD. Needs a store."""
    monthly_budget_usd: Annotated[float, Meta(ge=0, le=1_000_000)] | None = None
    """The same for a month."""


class ImagePriceConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The price of an image."""

    price: Decimal
    """USD per image."""
    size: str | None = None
    """As requests name it (`1024x1024`); None: every size."""
    quality: str | None = None
    """As requests name it (`hd`); None: every quality."""


class PriceConfig(Struct, frozen=True, kw_only=True):
    """`[prices."<provider>/<model>"]`: the prices of a model, replacing the built-in ones.

    In USD per million tokens. A class that is None costs the same as the class that it is part of: cached
    tokens, audio and images in the prompt as `input`; reasoning, audio and images in the answer as
    `output`.
    """

    input: Decimal | None = None
    output: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    """For the provider's default lifetime (5 minutes at Anthropic)."""
    cache_write_1h: Decimal | None = None
    reasoning: Decimal | None = None
    input_audio: Decimal | None = None
    output_audio: Decimal | None = None
    input_image: Decimal | None = None
    output_image: Decimal | None = None
    searches: Decimal | None = None
    """USD per thousand web searches run by the provider."""
    requests: Decimal | None = None
    """USD per thousand requests."""
    images: tuple[ImagePriceConfig, ...] = ()
    """For models that are billed per image; the first matching row is used."""


class Routing(Struct, frozen=True, kw_only=True):
    """`[routing]`: how hard Tidegate tries, and how long it waits."""

    retries: Annotated[int, Meta(ge=0, le=10)] | None = None
    """Retries at the same candidate after no response or a failure of its own. Never after the first byte.
    None: one, and only while no other candidate can serve at once."""
    deadline_s: Seconds = 600
    """Seconds until a response begins, over all attempts. Then a stream is limited only by `idle_s`."""
    attempt_s: Seconds = 300
    """Seconds for one non-streaming response from one candidate. If more candidates remain, at most half of
    the time left of `deadline_s`."""
    connect_s: Seconds = 10
    """Seconds to connect to a provider."""
    first_byte_s: Seconds = 60
    """Seconds until the first byte of a streaming response."""
    idle_s: Seconds = 60
    """Seconds without data within a stream."""
    rate_limit_wait_s: Annotated[float, Meta(ge=0, le=86_400)] = 10
    """How long a request waits for rate limits at most, where nobody else can serve it: a client that knows
    when to come back is better off than one that hangs. 0: it is refused at once."""
    probe: Literal["off", "list", "request"] = "off"
    """Whether Tidegate itself tries what is down, and how: by the list of models, or by a chat of one token.
    `off`: a client's request is the probe."""
    unsupported: Literal["lenient", "strict"] = "lenient"
    """What to do with tuning parameters that a provider does not support: `lenient` drops and names them,
    `strict` rejects the request."""
    order: Order = "priority"
    """How the candidates of a request are ordered, unless `[models]` sets it."""
    exponents: tuple[Exponent, Exponent, Exponent] = (2.0, 2.0, 8.0)
    """For `order = "balanced"`: the weights of cost, time and success."""
    affinity: bool = True
    """Whether a conversation stays where its prompt cache is warm, as long as this is cheaper."""
    hedge: bool = False
    """Whether a second candidate is started when the first token of a stream is late."""
    resume: bool = False
    """Whether a stream that breaks in the middle of a text is continued by the next candidate that can
    continue an answer from its beginning."""
    hedge_max_usd: Annotated[float, Meta(ge=0, le=1000)] = 0.05
    """Requests whose prompt costs more than this, in USD, are not hedged."""


class Images(Struct, frozen=True, kw_only=True):
    """`[images]`: links to images and PDFs for providers that accept only bytes."""

    fetch: bool = True
    """Whether Tidegate fetches them; otherwise such requests are rejected."""
    max_mb: Annotated[int, Meta(ge=1, le=1024)] = 20
    """Maximum total size per request, in megabytes of 1,048,576 bytes."""
    timeout_s: Seconds = 10
    """Seconds for each link, including redirects."""


Bodies: TypeAlias = Literal["full", "redacted", "none"]
"""What is kept of bodies."""


class Logs(Struct, frozen=True, kw_only=True):
    """`[logs]`: request records and the log."""

    format: Literal["auto", "text", "json"] = "auto"
    """`auto`: text on a terminal, JSON elsewhere."""
    level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    directory: str | None = None
    """Where records are kept in files too, one a day; relative to the working directory. None or "": only
    standard output has them."""
    keep_days: Annotated[int, Meta(ge=1, le=3650)] = 14
    """How many days' files stay in `directory`; older ones are deleted."""
    bodies: Bodies = "none"
    """What is kept of the bodies of requests and responses, with the records in the store and in the files of
    interactions: `full` all but keys, `redacted` without what `redact` and `redact_fields` name. A key may
    have its own choice."""
    redact: tuple[str, ...] = ()
    """Regular expressions of what `redacted` takes out, beside e-mail addresses and numbers of cards and
    accounts."""
    redact_fields: tuple[str, ...] = ()
    """Names of JSON fields whose values `redacted` takes out."""
    body_kb: Annotated[int, Meta(ge=1, le=65_536)] = 256
    """Maximum size of a body that is kept, in kilobytes; of a longer one the beginning is."""
    bodies_mb: Annotated[int, Meta(ge=1, le=4096)] = 32
    """Memory of a worker for bodies until they are written, in megabytes. Beyond it they are left out."""
    bodies_days: Annotated[int, Meta(ge=1, le=3650)] = 14
    """How many days bodies stay in the store."""
    records_days: Annotated[int, Meta(ge=1, le=3650)] | None = None
    """How many days records stay in the store; None: for ever, as the books do."""
    interactions: Literal["text", "json"] = "text"
    """How requests are written to the files of interactions in `directory`."""
    file_mb: Annotated[int, Meta(ge=1, le=4096)] = 64
    """Size of a file in `directory` after which the next one is begun, in megabytes."""


class Metrics(Struct, frozen=True, kw_only=True):
    """`[metrics]`: who may read `/metrics`. Without client keys everybody may, as they may call models."""

    public: bool = False
    """Whether they need no key where clients do."""
    token: Secret | None = None
    """A key for `/metrics` alone, which Prometheus sends as a bearer token; admin keys suffice, too."""


class Alerts(Struct, frozen=True, kw_only=True):
    """`[alerts]`: who is notified when something is wrong."""

    urls: tuple[Secret, ...] = ()
    """Destinations as Apprise URLs, which may contain tokens; `https://…` is an ntfy topic."""
    repeat_s: Seconds = 900
    """Minimum time between two alerts about the same problem of the same provider, in seconds."""
    changes: bool = True
    """Whether models that move away from their own past, or will retire soon, are reported."""


class Traces(Struct, frozen=True, kw_only=True):
    """`[traces]`: OpenTelemetry spans of requests. They need the extra `tidegate[otel]`."""

    endpoint: str | None = None
    """The collector's base URL for OTLP over HTTP, such as `http://localhost:4318`. None: no traces."""
    service: str = "tidegate"
    """The name of this service in traces (`service.name`)."""
    sample: Annotated[float, Meta(ge=0, le=1)] = 1.0
    """The share of traces that are exported. Requests with a `traceparent` follow its decision instead."""
    content: bool = False
    """Whether prompts and answers are exported too."""
    content_kb: Annotated[int, Meta(ge=1, le=1024)] = 64
    """How much of a prompt, and of an answer, is exported, in kilobytes of 1,024 bytes."""


class Api(Struct, frozen=True, kw_only=True):
    """`[api]`: how the documentation pages describe this gateway."""

    title: str = "Tidegate"
    description: str = "A self-hosted gateway to language models."
    llm_gate: str = "/llm-gate"
    """The prefix of LLM Gate's paths."""


class Config(Struct, frozen=True, kw_only=True):
    """All settings. Loading the same sources twice gives equal Configs."""

    server: Server = Server()
    auth: Auth = Auth()
    store: Store = Store()
    billing: Billing = Billing()
    limits: Limits = Limits()
    providers: Mapping[str, ProviderConfig] = MappingProxyType({})
    """By the name that clients use in `name/model`, in the order of the file."""
    models: Mapping[str, ModelConfig] = MappingProxyType({})
    prices: Mapping[str, PriceConfig] = MappingProxyType({})
    """By `provider/model`; the provider is one of `providers`."""
    routing: Routing = Routing()
    images: Images = Images()
    logs: Logs = Logs()
    alerts: Alerts = Alerts()
    metrics: Metrics = Metrics()
    traces: Traces = Traces()
    api: Api = Api()
    origins: Mapping[Path, Origin] = MappingProxyType({})
    """The origin of each value; values that are missing here have their default."""
    not_used_yet: tuple[str, ...] = ()
    """Variables of replaced gateways that are set but not supported yet."""
    warnings: tuple[str, ...] = ()
    """Problems that do not prevent the start."""

    def origin(self, *path: str | int) -> Origin:
        """The origin of a value."""
        return self.origins.get(path, DEFAULT)


def secrets_of(config: Config) -> tuple[str, ...]:
    """The values of all secrets, for those who make sure that none is written anywhere."""
    auth = config.auth
    found = [*auth.keys, *auth.admin_keys, *config.alerts.urls]
    for provider in config.providers.values():
        found += provider.secrets
    if auth.jwt_secret is not None:
        found.append(auth.jwt_secret)
    return tuple({part for one in found for part in (one.reveal(), one.reveal().rpartition(":")[2])})
