"""The names of the replaced gateways work as they are, and Tidegate's own by a rule."""

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import fields

from tidegate.config import Config, ConfigError, IssuerConfig, ProviderConfig, load
from tidegate.config.environment import NO_EFFECT, OWN_SECTIONS, own_names
from tidegate.process.worker import WORKER
from tidegate.providers import kinds

Read = Callable[[Mapping[str, str]], Config]
KEY = "sk-1234567890abcdefghij"


@pytest.fixture
def read(tmp_path: Path) -> Read:
    return lambda environ: load(None, environ, tmp_path)


def key_of(provider: ProviderConfig) -> str | None:
    return provider.api_key.reveal() if provider.api_key else None


# --- the replaced gateways, with their own names -----------------------------------------------


def test_gateway_a_finds_its_providers_by_their_keys(read: Read) -> None:
    first = ("OPENAI", "ANTHROPIC", "MISTRAL", "COHERE", "GOOGLE", "DEEPSEEK")
    second = ("XAI", "QWEN", "AI21", "PERPLEXITY", "DEEPINFRA")
    config = read({f"{name}_API_KEY": f"key-of-{name}" for name in (*first, *second)})
    assert {name: key_of(provider) for name, provider in config.providers.items()} == {
        "openai": "key-of-OPENAI",
        "anthropic": "key-of-ANTHROPIC",
        "gemini": "key-of-GOOGLE",
        "mistral": "key-of-MISTRAL",
        "cohere": "key-of-COHERE",
        "deepseek": "key-of-DEEPSEEK",
        "xai": "key-of-XAI",
        "qwen": "key-of-QWEN",
        "ai21": "key-of-AI21",
        "perplexity": "key-of-PERPLEXITY",
        "deepinfra": "key-of-DEEPINFRA",
    }
    assert config.not_used_yet == ()
    assert config.warnings == ()


def test_gateway_b_starts_with_its_environment(read: Read) -> None:
    later = {
        "SUPABASE_URL": "https://x.supabase.co",
        "SUPABASE_ANON_KEY": "anon",
        "SUPABASE_SERVICE_ROLE_KEY": "role",
        "MINIMAL_FUND": "0.01",
        "CACHE_TTL_SECONDS": "300",
        "BALANCE_CACHE_TTL_SECONDS": "60",
        "RATE_LIMIT_REQUESTS_PER_MINUTE": "60",
    }
    keys = {"API_KEY_OPENAI": "o", "API_KEY_ANTHROPIC": "a", "API_KEY_GOOGLE": "g", "API_KEY_TOGETHER": "t"}
    ntfy = {"NTFY_ERROR_URL": "https://ntfy.sh/x"}
    config = read({**later, **keys, **ntfy, "PORT": "3000"})
    assert [url.reveal() for url in config.alerts.urls] == ["https://ntfy.sh/x"]
    assert {name: key_of(provider) for name, provider in config.providers.items()} == {
        "openai": "o",
        "anthropic": "a",
        "gemini": "g",
        "together": "t",
    }
    assert config.server.port == 3000
    used = {"MINIMAL_FUND", "RATE_LIMIT_REQUESTS_PER_MINUTE", "SUPABASE_URL"}
    assert config.not_used_yet == tuple(sorted(later.keys() - used))
    assert config.limits.requests_per_minute == 60
    assert config.billing.minimum_funds_usd == 0.01
    assert config.warnings == ()
    assert (config.auth.mode, config.auth.supabase_url) == ("keys", "https://x.supabase.co")
    [warning] = read({"SUPABASE_ANON_KEY": "anon"}).warnings
    assert warning.startswith("SUPABASE_ANON_KEY is set, but neither SUPABASE_URL nor SUPABASE_JWT_SECRET")


def test_gateway_c_names_keys_and_addresses(read: Read) -> None:
    environ = {}
    for name in ("openai", "anthropic", "deepseek"):
        environ |= {
            f"{name.upper()}_API_KEY": name,
            f"{name.upper()}_API_BASE": f"https://{name}.example/v1/",
        }
    providers = read(environ).providers
    assert {name: provider.base_url for name, provider in providers.items()} == {
        "openai": "https://openai.example/v1",
        "anthropic": "https://anthropic.example/v1",
        "deepseek": "https://deepseek.example/v1",
    }


def test_gateway_d_names_its_api_and_where_it_listens(read: Read) -> None:
    regions = {
        "AZURE_OPENAI_WEST_US_API_KEY": "w",
        "AZURE_OPENAI_WEST_US_ENDPOINT": "https://w.example",
        "AZURE_OPENAI_EAST_US_API_KEY": "e",
        "AZURE_OPENAI_EAST_US_ENDPOINT": "https://e.example",
    }
    config = read(
        {
            **regions,
            "HEIMDALL_API_PATH": "/gate/",
            "HEIMDALL_API_TITLE": "LLM Gate",
            "HEIMDALL_API_DESCRIPTION": "A gate",
            "HEIMDALL_SERVER_HOST": "localhost",
            "HEIMDALL_SERVER_PORT": "8080",
            "HTTPX_CLIENT_VERIFY": "False",
            "LOG_LEVEL": "WARNING",
            "OPENAI_API_KEY": KEY,
        }
    )
    assert (config.api.title, config.api.description, config.api.llm_gate) == ("LLM Gate", "A gate", "/gate")
    assert (config.server.host, config.server.port) == ("localhost", 8080)
    assert config.logs.level == "warning"
    azure = {name: provider for name, provider in config.providers.items() if provider.kind == "azure"}
    assert {name: (provider.base_url, key_of(provider)) for name, provider in azure.items()} == {
        "azure-west-us": ("https://w.example", "w"),
        "azure-east-us": ("https://e.example", "e"),
    }
    assert {provider.verify for provider in config.providers.values()} == {False}
    assert config.not_used_yet == ()
    assert config.warnings == ()


def test_gateway_e_reaches_litellm_and_openai(read: Read) -> None:
    config = read(
        {
            "LITELLM_API_KEY": "l",
            "LITELLM_BASE_URL": "http://litellm.example:4000",
            "OPENAI_API_KEY": "o",
            "OPENAI_BASE_URL": "https://openai.example/v1",
            "HOST": "127.0.0.1",
            "PORT": "8728",
            "ENABLE_RELOAD": "false",
            "DEBUG": "true",
        }
    )
    litellm = config.providers["litellm"]
    assert (litellm.kind, key_of(litellm)) == ("openai_compatible", "l")
    assert litellm.base_url == "http://litellm.example:4000"
    assert config.providers["openai"].base_url == "https://openai.example/v1"
    assert (config.server.port, config.logs.level) == (8728, "debug")
    assert config.warnings == ()


@pytest.mark.parametrize(
    ("environ", "level"),
    [
        ({"DEBUG": "1"}, "debug"),
        ({"DEBUG": "false"}, "info"),
        ({"DEBUG": "express:*"}, "info"),
        ({"DEBUG": "True", "LOG_LEVEL": "INFO"}, "info"),
        ({"LOG_LEVEL": "INFO", "TIDEGATE_LOG_LEVEL": "error"}, "error"),
    ],
)
def test_debug_sets_the_level_where_nothing_else_does(read: Read, environ, level: str) -> None:
    assert read(environ).logs.level == level


# --- Tidegate's own names ----------------------------------------------------------------------

VALUES = {
    "server.host": "localhost",
    "server.port": 81,
    "server.uds": "/run/a.sock",
    "server.ssl_certfile": "/etc/a.pem",
    "server.ssl_keyfile": "/etc/a.key",
    "server.workers": 3,
    "server.max_body_mb": 5,
    "server.hosts": ("a.example", "b.example"),
    "server.trusted_proxies": ("10.0.0.0/8", "unix"),
    "server.cors_origins": ("https://a.example", "https://b.example"),
    "server.grace_s": 1.5,
    "server.body_s": 2.5,
    "server.write_s": 7.0,
    "auth.mode": "keys",
    "auth.keys": ("one", "two"),
    "auth.admin_keys": ("an-admin-key-0123456789", "ops:another-admin-key-0123"),
    "auth.open_beyond_loopback": True,
    "auth.supabase_url": "https://x.supabase.co",
    "auth.jwt_secret": "a-secret-of-more-than-thirty-two-characters",
    "auth.jwt_issuer": "https://login.example/",
    "auth.jwt_audience": ("a", "b"),
    "auth.jwt_jwks_url": "https://login.example/jwks",
    "auth.jwt_algorithms": ("ES256", "EdDSA"),
    "auth.jwt_admin_claim": "app_metadata.role=admin",
    "auth.jwt_issuers": (IssuerConfig(name="b", issuer="https://b.example", audience=("a",)),),
    "store.url": "sqlite:///a.db",
    "store.journal": "/var/lib/journal",
    "store.secret_keys": ("a-secret-of-the-operator-0123456789", "the-secret-of-the-year-before-012345"),
    "store.durability": "disk",
    "store.on_failure": "refuse",
    "store.valkey": "valkey://localhost:6379/0",
    "billing.enabled": True,
    "billing.minimum_funds_usd": 0.5,
    "billing.low_balance_usd": 3.5,
    "billing.overdraft_usd": 2.5,
    "billing.output_tokens": 100,
    "billing.searches": 9,
    "billing.when_client_leaves": "drain",
    "billing.provider_cost": "always",
    "billing.stripe_secrets": ("whsec_a", "whsec_b"),
    "billing.show_cost": False,
    "limits.requests_per_minute": 6,
    "limits.tokens_per_minute": 7,
    "limits.concurrent": 8,
    "limits.across_hosts": False,
    "limits.on_failure": "refuse",
    "routing.retries": 2,
    "routing.deadline_s": 3.0,
    "routing.attempt_s": 2.0,
    "routing.connect_s": 4.0,
    "routing.first_byte_s": 5.0,
    "routing.idle_s": 6.0,
    "routing.rate_limit_wait_s": 0.5,
    "routing.probe": "list",
    "routing.unsupported": "strict",
    "routing.order": "balanced",
    "routing.exponents": (1.0, 0.5, 4.0),
    "routing.affinity": False,
    "routing.hedge": True,
    "routing.resume": True,
    "routing.hedge_max_usd": 0.25,
    "images.fetch": False,
    "images.max_mb": 7,
    "images.timeout_s": 8.0,
    "logs.format": "json",
    "logs.level": "critical",
    "logs.directory": "records",
    "logs.keep_days": 3,
    "logs.bodies": "full",
    "logs.redact": ("[a-z]+@[a-z.]+",),
    "logs.redact_fields": ("email", "phone"),
    "logs.body_kb": 8,
    "logs.bodies_mb": 4,
    "logs.bodies_days": 2,
    "logs.records_days": 90,
    "logs.interactions": "json",
    "logs.file_mb": 1,
    "alerts.urls": ("ntfys://ntfy.sh/a", "slack://b"),
    "alerts.repeat_s": 60.0,
    "alerts.changes": False,
    "metrics.public": True,
    "metrics.token": "prom-0123456789",
    "traces.endpoint": "http://collector.test:4318",
    "traces.service": "gateway",
    "traces.sample": 0.5,
    "traces.content": True,
    "traces.content_kb": 8,
    "api.title": "Yes",
    "api.description": "on",
    "api.llm_gate": "/gate",
}


def test_every_setting_has_a_variable_of_its_own(read: Read) -> None:
    def text(value: object) -> str:
        if isinstance(value, tuple) and isinstance(value[0], IssuerConfig):
            return msgspec.json.encode(value).decode()
        return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)

    names = {path: f"TIDEGATE_{path.replace('.', '_').upper()}" for path in VALUES}
    config = read({names[path]: text(value) for path, value in VALUES.items()})
    found = {}
    for section, struct in OWN_SECTIONS.items():
        for field in fields(struct):
            found[f"{section}.{field.name}"] = getattr(getattr(config, section), field.name)
    for secret in ("auth.jwt_secret", "metrics.token", "store.url", "store.valkey"):
        found[secret] = found[secret].reveal()
    for secrets in (
        "auth.keys",
        "auth.admin_keys",
        "store.secret_keys",
        "billing.stripe_secrets",
        "alerts.urls",
    ):
        found[secrets] = tuple(key.reveal() for key in found[secrets])
    assert found == VALUES


@pytest.mark.parametrize(
    ("names", "setting"),
    [
        (["TIDEGATE_SERVER_PORT", "TIDEGATE_PORT", "HEIMDALL_SERVER_PORT", "PORT"], "port"),
        (["TIDEGATE_SERVER_WORKERS", "TIDEGATE_WORKERS"], "workers"),
    ],
)
def test_of_several_names_the_first_counts_and_the_others_are_reported(read: Read, names, setting) -> None:
    environ = {name: str(number) for number, name in enumerate(names, 1)}
    for number, name in enumerate(names, 1):
        config = read(environ)
        assert getattr(config.server, setting) == number
        assert config.warnings == tuple(
            f"{other}: not used, because {name} takes precedence and differs" for other in names[number:]
        )
        del environ[name]


def test_two_names_with_the_same_value_are_not_reported(read: Read) -> None:
    assert read({"GOOGLE_API_KEY": KEY, "GEMINI_API_KEY": KEY}).warnings == ()


def test_a_misspelt_name_of_ours_is_reported(read: Read) -> None:
    (warning,) = read({"TIDEGATE_SEVER_PORT": "1", WORKER: "{}"}).warnings
    hint = 'did you mean "TIDEGATE_SERVER_PORT"?'
    message = "unknown variable TIDEGATE_SEVER_PORT; it has no effect"
    assert warning == f"TIDEGATE_SEVER_PORT: {message} ({hint})"


def test_a_misspelt_name_of_a_provider_is_reported_unless_the_right_one_is_there(read: Read) -> None:
    (warning,) = read({"ANTHROPIC_APIKEY": KEY}).warnings
    assert warning.endswith('it has no effect (did you mean "ANTHROPIC_API_KEY"?)')
    assert read({"ANTHROPIC_APIKEY": KEY, "ANTHROPIC_API_KEY": KEY}).warnings == ()
    assert read({"DATABASE_URL": "x", "GITHUB_TOKEN": "x", "HOSTS": "x"}).warnings == ()


def test_a_variable_that_the_file_refers_to_is_used(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENAI_APIKEY=x\nNODE_ENV=production\n")
    file = tmp_path / "tidegate.toml"
    file.write_text('[providers.mine]\nkind = "openai"\nheaders = { a = "env:OPENAI_APIKEY" }\napi_key = "k"')
    assert load(None, {}, tmp_path).warnings == (".env: Tidegate does not use NODE_ENV",)


def test_kubernetes_variables_for_a_service_of_our_name_are_ignored(read: Read) -> None:
    config = read(
        {
            "TIDEGATE_PORT": "tcp://10.0.0.7:8000",
            "TIDEGATE_SERVICE_HOST": "10.0.0.7",
            "TIDEGATE_SERVICE_PORT": "8000",
            "TIDEGATE_SERVICE_PORT_HTTP": "8000",
            "TIDEGATE_PORT_8000_TCP": "tcp://10.0.0.7:8000",
            "TIDEGATE_PORT_8000_TCP_ADDR": "10.0.0.7",
            "PORT": "81",
        }
    )
    assert config.server.port == 81
    assert config.warnings == ()


def test_a_malformed_line_of_dotenv_is_reported(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=81\nthis is no setting\n")
    config = load(None, {}, tmp_path)
    assert config.server.port == 81
    assert config.warnings == (".env:2: expected NAME=value; the line is ignored",)


# --- keys and addresses of providers -----------------------------------------------------------

KEYED = [kind for kind in kinds().values() if kind.key_env]


def needed(kind) -> dict[str, str]:
    """The variables of what a kind cannot do without, beside key and address."""
    return {kind.option_env[option][0]: "x" for option in kind.required}


@pytest.mark.parametrize("kind", KEYED, ids=lambda kind: kind.name)
def test_each_name_of_a_key_configures_the_provider(read: Read, kind) -> None:
    for name in kind.key_env:
        environ = (
            {name: KEY} | needed(kind) | ({} if kind.base_url else {kind.base_env[0]: "https://x.example"})
        )
        (found,) = read(environ).providers.items()
        assert (found[0], found[1].kind, key_of(found[1])) == (kind.env_name or kind.name, kind.name, KEY)


@pytest.mark.parametrize("kind", KEYED, ids=lambda kind: kind.name)
def test_each_name_of_an_address_is_read(read: Read, kind) -> None:
    for name in kind.base_env:
        environ = {kind.key_env[0]: KEY, name: "https://x.example/y/"} | needed(kind)
        (provider,) = read(environ).providers.values()
        assert provider.base_url == "https://x.example/y"


@pytest.mark.parametrize("kind", KEYED, ids=lambda kind: kind.name)
def test_an_address_alone_configures_only_what_needs_no_key(read: Read, kind) -> None:
    providers = read({kind.base_env[0]: "https://x.example"} | needed(kind)).providers
    assert set(providers) == ({kind.env_name or kind.name} if kind.key_optional else set())


def test_a_key_for_an_address_that_nobody_gives_is_reported(read: Read) -> None:
    config = read({"LITELLM_API_KEY": KEY})
    assert not config.providers
    (warning,) = config.warnings
    missing = "none of LITELLM_BASE_URL, LITELLM_API_BASE"
    assert warning == f"LITELLM_API_KEY is set, but {missing}: there is no provider litellm"


def test_a_key_without_the_other_options_of_its_kind_is_reported(read: Read) -> None:
    config = read({"AWS_BEARER_TOKEN_BEDROCK": KEY})
    assert not config.providers
    missing = "none of BEDROCK_REGION, AWS_REGION, AWS_DEFAULT_REGION"
    assert config.warnings == (
        f"AWS_BEARER_TOKEN_BEDROCK is set, but {missing}: there is no provider bedrock",
    )


def test_a_region_with_half_of_its_variables_is_reported(read: Read) -> None:
    config = read({"AZURE_OPENAI_WEST_US_API_KEY": KEY})
    assert not config.providers
    assert config.warnings == (
        "AZURE_OPENAI_WEST_US_API_KEY is set, but not AZURE_OPENAI_WEST_US_ENDPOINT: "
        "there is no provider azure-west-us",
    )


AWS = {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s3cr3t"}


def read_bedrock(tmp_path: Path, text: str, environ: dict[str, str]):
    (tmp_path / "tidegate.toml").write_text(f"[providers.it]\nkind = 'bedrock'\n{text}")
    return load(None, environ, tmp_path).providers["it"]


def test_credentials_of_the_environment_make_no_provider_but_serve_one(read: Read, tmp_path: Path) -> None:
    assert not read(AWS).providers
    provider = read_bedrock(tmp_path, "", AWS | {"AWS_SESSION_TOKEN": "t0k3n"})
    assert (provider.region, provider.access_key_id) == ("eu-west-1", "AKID")
    assert provider.session_token is not None
    assert provider.session_token.reveal() == "t0k3n"


def test_credentials_of_two_sources_are_not_mixed(tmp_path: Path) -> None:
    own = "access_key_id = 'MINE'\nsecret_access_key = 'mine'"
    provider = read_bedrock(tmp_path, own, AWS | {"AWS_SESSION_TOKEN": "t0k3n"})
    assert (provider.region, provider.access_key_id) == ("eu-west-1", "MINE")
    assert provider.session_token is None


def test_no_name_has_two_meanings() -> None:
    names = [*own_names(), *NO_EFFECT, "DEBUG", "HOST", "PORT", "LOG_LEVEL", "HTTPX_CLIENT_VERIFY"]
    names += [name for kind in kinds().values() for name in (*kind.key_env, *kind.base_env)]
    names += [name for kind in kinds().values() for options in kind.option_env.values() for name in options]
    assert sorted(set(names)) == sorted(names)


def test_a_wrong_address_of_alerts_is_named_by_place_and_not_repeated(read: Read) -> None:
    with pytest.raises(ConfigError) as caught:
        read({"TIDEGATE_ALERTS_URLS": "ntfys://ntfy.sh/topic,my-secret-topic"})
    assert "alerts.urls: entry 2 is not an Apprise URL, such as ntfys://ntfy.sh/topic" in str(caught.value)
    assert "my-secret-topic" not in str(caught.value)
