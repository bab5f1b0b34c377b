"""The settings, as one tree of frozen structs.

A field's name is its key in `tidegate.toml`, its type says what may stand there, its docstring
what it means. `docs/configuration.md` is for people who run Tidegate; a test holds them together.
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
    "Config",
    "ImagePriceConfig",
    "Logs",
    "ModelConfig",
    "Order",
    "PriceConfig",
    "ProviderConfig",
    "Routing",
    "Server",
]

MAX_CANDIDATES = 20
"""Candidates of one request: each can cost its patience and its retries."""

Order: TypeAlias = Literal["priority", "weighted", "cost", "latency", "throughput", "balanced"]
"""By what candidates are ordered; `docs/configuration.md` describes each."""

Weight: TypeAlias = Annotated[float, Meta(ge=0, le=1_000_000)]
Exponent: TypeAlias = Annotated[float, Meta(ge=0, le=32)]

Seconds: TypeAlias = Annotated[float, Meta(gt=0, le=86_400)]
"""A time limit; a day at the most."""


class Server(Struct, frozen=True, kw_only=True):
    """`[server]`: how clients reach Tidegate."""

    host: str = "127.0.0.1"
    """The address to listen on. Beyond loopback, keys are required (see `Auth`)."""
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8000
    """0 takes any free port."""
    uds: str | None = None
    """The path of a unix socket to listen on, in the place of `host` and `port`."""
    ssl_certfile: str | None = None
    """The certificate (PEM, with its chain) that makes clients speak TLS."""
    ssl_keyfile: str | None = None
    """The certificate's private key; None if `ssl_certfile` contains it."""
    workers: Annotated[int, Meta(ge=1, le=256)] = 1
    """Processes that share the port."""
    max_body_mb: Annotated[int, Meta(ge=1, le=1024)] = 32
    """The largest body of a request, in megabytes of 1,048,576 bytes."""
    hosts: tuple[str, ...] = ()
    """Further names by which a gateway without keys may be called (`Host`); "*" is any."""
    cors_origins: tuple[str, ...] | Literal["auto"] = "auto"
    """Origins of web pages that may call; "*" is any. `auto`: any with keys, else those on loopback."""
    grace_s: Annotated[float, Meta(ge=0, le=3600)] = 30
    """How long open requests may continue during shutdown."""
    body_s: Seconds = 30
    """How long a client may be silent while it sends its body."""
    write_s: Seconds = 60
    """How long a client may read nothing of an answer that waits for it."""


class Auth(Struct, frozen=True, kw_only=True):
    """`[auth]`: who may call."""

    mode: Literal["open", "keys"] = "open"
    """`open` lets everyone in; `keys` wants one of `keys`. Where keys are given and no mode, it is `keys`."""
    keys: tuple[Secret, ...] = ()
    """The keys of clients."""
    open_beyond_loopback: bool = False
    """Whether a gateway without keys may listen beyond loopback."""


class ProviderConfig(Struct, frozen=True, kw_only=True):
    """`[providers.<name>]`: a service, and how to reach it."""

    kind: str
    """A row of the table of providers."""
    base_url: str | None = None
    """The official prefix form, without a slash at the end. None is the kind's own address."""
    api_key: Secret | None = None
    api_keys: tuple[Secret, ...] = ()
    """Further keys: requests are spread over all of them, and one that is refused or limited rests."""
    headers: Mapping[str, Secret] = MappingProxyType({})
    """Headers for every request to it, over those of the kind. Their values count as secrets."""
    dialect: Mapping[str, Any] = MappingProxyType({})
    """Its differences from its wire format, over those of the kind: fields of that format's `Dialect`."""
    verify: bool = True
    """Whether its certificate must be valid."""
    prefixes: tuple[str, ...] = ()
    """How the names of its models begin: such a name reaches it without the provider's name."""
    strip_prefixes: tuple[str, ...] = ()
    """Prefixes that lead to it and are not part of the model's name."""
    catch_all: bool = False
    """Whether it serves every name that is neither in `[models]` nor begins with a provider's."""
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
    """Half of AWS's credentials, which take the place of `api_key`."""
    secret_access_key: Secret | None = None
    """The other half."""
    session_token: Secret | None = None
    """What comes with AWS's temporary credentials."""
    credentials_file: str | None = None
    """Google's file of a service account; without it and without `api_key`, Google's ambient
    credentials are used."""

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Everything in here that must not be seen: every field that is a Secret, and the headers' values."""
        values = (getattr(self, name) for name in self.__struct_fields__)
        own = (value for value in values if isinstance(value, Secret))
        return (*own, *self.api_keys, *self.headers.values())


class ModelConfig(Struct, frozen=True, kw_only=True):
    """`[models."<name>"]`: a name that clients use, and who can serve it."""

    candidates: tuple[str, ...]
    """`provider/model`, the first choice first; at most MAX_CANDIDATES."""
    order: Order | None = None
    """By what they are ordered; None: by `routing.order`."""
    weights: tuple[Weight, ...] = ()
    """For `order = "weighted"`: each candidate's share, in the order of `candidates`. Empty: equal shares."""
    hedge: bool | None = None
    """Whether a second candidate is started when the first token is late; None: as `routing.hedge`."""


class ImagePriceConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an image costs."""

    price: Decimal
    """USD for one."""
    size: str | None = None
    """As requests name it (`1024x1024`); None: every size."""
    quality: str | None = None
    """As requests name it (`hd`); None: every quality."""


class PriceConfig(Struct, frozen=True, kw_only=True):
    """`[prices."<provider>/<model>"]`: what a model costs, in the place of what Tidegate knows of it.

    USD for a million tokens. A class that is None costs what the class costs that it is a part of:
    cached and written tokens, audio and images of the prompt as `input`, reasoning, audio and images of
    the answer as `output`.
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
    """USD for a thousand web searches that the provider ran."""
    requests: Decimal | None = None
    """USD for a thousand requests."""
    images: tuple[ImagePriceConfig, ...] = ()
    """For models that are billed by the image; the first row that fits counts."""


class Routing(Struct, frozen=True, kw_only=True):
    """`[routing]`: how hard Tidegate tries, and how long it waits."""

    retries: Annotated[int, Meta(ge=0, le=10)] = 1
    """More tries at one candidate that gave no answer, or failed by itself. Never after the first byte."""
    deadline_s: Seconds = 600
    """Until an answer begins, all attempts included. A stream that has begun is only limited by `idle_s`."""
    attempt_s: Seconds = 300
    """For one non-streaming response of one candidate. If more candidates remain, at most half of what
    is left of `deadline_s`."""
    connect_s: Seconds = 10
    """For the connection to a provider."""
    first_byte_s: Seconds = 60
    """For the first byte of a streamed answer."""
    idle_s: Seconds = 60
    """For the silence between two pieces of a stream."""
    unsupported: Literal["lenient", "strict"] = "lenient"
    """What becomes of tuning that a provider does not support: `lenient` drops and names it, `strict`
    refuses the request."""
    order: Order = "priority"
    """By what the candidates of a request are ordered, where `[models]` does not set it."""
    exponents: tuple[Exponent, Exponent, Exponent] = (2.0, 2.0, 8.0)
    """For `order = "balanced"`: how much cost, time and success weigh."""
    affinity: bool = True
    """Whether a conversation stays where its prompt cache is warm, as long as that is cheaper."""
    hedge: bool = False
    """Whether a second candidate is started when the first token is late. Without effect in this version; it
    is taken now so that files need not change."""
    hedge_max_usd: Annotated[float, Meta(ge=0, le=1000)] = 0.05
    """Requests whose prompt costs more than this, in USD, are not hedged."""


class Images(Struct, frozen=True, kw_only=True):
    """`[images]`: what becomes of links to images and PDFs, where a provider takes their bytes only."""

    fetch: bool = True
    """Whether Tidegate fetches them; otherwise such a request is refused."""
    max_mb: Annotated[int, Meta(ge=1, le=1024)] = 20
    """The most that is fetched for one request, in megabytes of 1,048,576 bytes."""
    timeout_s: Seconds = 10
    """For each of them, redirects included."""


class Logs(Struct, frozen=True, kw_only=True):
    """`[logs]`: what is written down."""

    format: Literal["auto", "text", "json"] = "auto"
    """`auto`: text on a terminal, JSON elsewhere."""
    level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    bodies: Literal["full", "redacted", "none"] = "full"
    """How much of requests and responses goes into the records. This version's records hold no bodies yet,
    so the choice has no effect; it is taken now so that files need not change."""


class Alerts(Struct, frozen=True, kw_only=True):
    """`[alerts]`: whom to tell at once when something is wrong."""

    urls: tuple[Secret, ...] = ()
    """Services in the form of Apprise's URLs, which may contain tokens; `https://…` is a topic of ntfy."""
    repeat_s: Seconds = 900
    """How long the same trouble with the same provider is not reported again, in seconds."""


class Api(Struct, frozen=True, kw_only=True):
    """`[api]`: how the documentation pages call this gateway."""

    title: str = "Tidegate"
    description: str = "A self-hosted gateway to language models."
    llm_gate: str = "/llm-gate"
    """Where the paths of LLM Gate's dialect begin."""


class Config(Struct, frozen=True, kw_only=True):
    """Everything that can be set. Two loads of the same sources give equal Configs."""

    server: Server = Server()
    auth: Auth = Auth()
    providers: Mapping[str, ProviderConfig] = MappingProxyType({})
    """By the name that clients use in `name/model`, in the order of the file."""
    models: Mapping[str, ModelConfig] = MappingProxyType({})
    prices: Mapping[str, PriceConfig] = MappingProxyType({})
    """By `provider/model`, the provider being one of `providers`."""
    routing: Routing = Routing()
    images: Images = Images()
    logs: Logs = Logs()
    alerts: Alerts = Alerts()
    api: Api = Api()
    origins: Mapping[Path, Origin] = MappingProxyType({})
    """Where each value was written; what is not in here has its default."""
    not_used_yet: tuple[str, ...] = ()
    """Variables of replaced gateways that are set and whose feature comes later."""
    warnings: tuple[str, ...] = ()
    """What is odd but no reason to refuse."""

    def origin(self, *path: str | int) -> Origin:
        """Where a value comes from."""
        return self.origins.get(path, DEFAULT)
