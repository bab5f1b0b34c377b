"""A file, an environment and a `.env` become one Config, or all problems are reported."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tidegate.config import DEFAULT, Config, ConfigError, ImagePriceConfig, Secret, load

Load = Callable[..., Config]
KEY = "sk-1234567890abcdefghij"


@pytest.fixture
def read(tmp_path: Path) -> Load:
    """Load the text of a file, an environment and the text of a `.env`."""

    def read(
        file: str | None = None,
        environ: Mapping[str, str] | None = None,
        dotenv: str | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> Config:
        for name, text in {"tidegate.toml": file, ".env": dotenv}.items():
            if text is not None:
                (tmp_path / name).write_text(text)
        return load(None, environ or {}, tmp_path, overrides or {})

    return read


@pytest.fixture
def complaints(read: Load) -> Callable[..., list[str]]:
    """What is wrong with it, line by line."""

    def complaints(*args: Any, **kwargs: Any) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            read(*args, **kwargs)
        return list(caught.value.lines)

    return complaints


# --- what is right -----------------------------------------------------------------------------


def test_nothing_at_all_is_a_configuration(read: Load) -> None:
    config = read()
    assert config == Config()
    assert config.server.host == "127.0.0.1"
    assert config.auth.mode == "open"
    assert not config.providers


def test_every_section_of_the_file_arrives(read: Load) -> None:
    config = read(
        """
        [server]
        host = "::1"
        port = 0
        cors_origins = ["https://App.Example/", "http://localhost:3000"]
        [auth]
        mode = "keys"
        keys = ["one-key-of-a-client"]
        [providers.azure-west.us]
        [providers.west-1]
        kind = "openai_compatible"
        base_url = "https://west.example:8443/openai/v1/"
        headers = { x-team = "blue" }
        verify = false
        [models."llama 3"]
        candidates = ["west-1/meta/llama-3:70b"]
        [routing]
        retries = 0
        idle_s = 0.5
        [logs]
        level = "WARNING"
        [api]
        title = "Ours"
        """.replace("[providers.azure-west.us]", "")
    )
    west = config.providers["west-1"]
    assert (config.server.host, config.server.port) == ("::1", 0)
    assert config.server.cors_origins == ("https://app.example", "http://localhost:3000")
    assert config.auth.keys == (Secret("one-key-of-a-client"),)
    assert (west.base_url, west.verify) == ("https://west.example:8443/openai/v1", False)
    assert west.headers["x-team"].reveal() == "blue"
    assert config.models["llama 3"].candidates == ("west-1/meta/llama-3:70b",)
    assert (config.routing.retries, config.routing.idle_s) == (0, 0.5)
    assert (config.logs.level, config.api.title) == ("warning", "Ours")


def test_a_named_file_is_read_instead_of_the_usual_one(read: Load, tmp_path: Path) -> None:
    read("[server]\nport = 1")
    (tmp_path / "other.toml").write_text("[server]\nport = 2")
    assert load(Path("other.toml"), {}, tmp_path).server.port == 2
    assert load(tmp_path / "other.toml", {}, tmp_path).server.port == 2


def test_two_loads_of_the_same_sources_are_equal(read: Load) -> None:
    sources = ("[providers.x]\nkind = 'openai'\napi_key = 'env:K'", {"K": KEY}, "HOST=localhost")
    assert read(*sources) == read(*sources)


def test_a_config_cannot_be_changed(read: Load) -> None:
    config = read("[providers.x]\nkind = 'demo'")
    with pytest.raises(AttributeError):
        config.server.port = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        config.providers["y"] = config.providers["x"]  # type: ignore[index]


# --- which source wins -------------------------------------------------------------------------


def test_the_file_wins_over_the_environment_and_that_over_dotenv(read: Load) -> None:
    def port(*sources: Any, **more: Any) -> int:
        return read(*sources, **more).server.port

    assert port("", {}, "PORT=1") == 1
    assert port("", {"PORT": "2"}, "PORT=1") == 2
    assert port("[server]\nport = 3", {"PORT": "2"}, "PORT=1") == 3
    assert port("[server]\nport = 3", {"PORT": "2"}, overrides={"server.port": 4}) == 4


def test_the_file_wins_only_for_what_it_names(read: Load) -> None:
    config = read(
        "[server]\nport = 3\n[providers.openai]\nkind = 'openai'\nbase_url = 'https://mine.example'",
        {"HOST": "localhost", "OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "https://other.example"},
    )
    assert (config.server.host, config.server.port) == ("localhost", 3)
    assert config.providers["openai"].base_url == "https://mine.example"
    assert config.providers["openai"].api_key == Secret(KEY)


def test_a_provider_of_another_kind_takes_nothing_from_the_environment(read: Load) -> None:
    config = read(
        "[providers.openai]\nkind = 'openai_compatible'\nbase_url = 'https://mine.example'",
        {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "https://other.example"},
    )
    assert config.providers["openai"].base_url == "https://mine.example"
    assert config.providers["openai"].api_key is None


def test_a_provider_of_the_file_takes_nothing_from_one_of_another_name(read: Load, complaints: Any) -> None:
    (line,) = complaints("[providers.mine]\nkind = 'openai'", {"OPENAI_API_KEY": KEY})
    assert line == (
        "tidegate.toml:1: providers.mine.api_key: is missing: "
        'the kind openai requires a key (such as "env:OPENAI_API_KEY")'
    )


def test_an_empty_variable_counts_as_not_set_and_hides_that_of_dotenv(read: Load) -> None:
    assert read("", {"PORT": ""}).server.port == 8000
    assert read("", {"PORT": " "}, "PORT=1").server.port == 8000


def test_values_of_the_file_may_stand_in_variables(read: Load) -> None:
    config = read(
        """
        [server]
        port = "env:MY_PORT"
        cors_origins = ["env:ORIGIN"]
        [auth]
        keys = ["env:CLIENT", "a-literal-client-key"]
        [providers.x]
        kind = "openai"
        api_key = "env:MY_KEY"
        verify = "env:VERIFY"
        headers = { x-a = "env:A" }
        """,
        {"MY_PORT": "81", "MY_KEY": f" {KEY}\n", "VERIFY": "no", "ORIGIN": "https://o.example"},
        "CLIENT=from-dotenv\nA='b c'",
    )
    assert config.server.port == 81
    assert config.server.cors_origins == ("https://o.example",)
    assert [key.reveal() for key in config.auth.keys] == ["from-dotenv", "a-literal-client-key"]
    assert config.providers["x"].api_key == Secret(KEY)
    assert config.providers["x"].verify is False
    assert config.providers["x"].headers["x-a"].reveal() == "b c"


def test_every_value_knows_where_it_comes_from(read: Load) -> None:
    config = read(
        "[server]\nport = 3\n[providers.x]\nkind = 'demo'",
        {"LOG_LEVEL": "error", "OPENAI_API_KEY": KEY},
        "\nHOST=localhost",
        {"server.workers": 2},
    )
    origins = {
        ("server", "port"): "tidegate.toml:2",
        ("server", "host"): ".env:2 HOST",
        ("server", "workers"): "--workers",
        ("server", "grace_s"): "default",
        ("logs", "level"): "LOG_LEVEL",
        ("providers", "x", "kind"): "tidegate.toml:4",
        ("providers", "openai", "api_key"): "OPENAI_API_KEY",
    }
    assert {path: str(config.origin(*path)) for path in origins} == origins


# --- what is wrong -----------------------------------------------------------------------------

FILE_MISTAKES = {
    "a wrong type": ("[server]\nport = '80'", "2: server.port: expected an integer, got a string"),
    "a fraction": ("[server]\nport = 80.5", "2: server.port: expected an integer, got a number"),
    "a truth": ("[server]\nport = true", "2: server.port: expected an integer, got true or false"),
    "a port too high": ("[server]\nport = 65536", "2: server.port: expected an integer <= 65535"),
    "no worker": ("[server]\nworkers = 0", "2: server.workers: expected an integer >= 1"),
    "no time": ("[routing]\nidle_s = 0", "2: routing.idle_s: expected a number > 0.0"),
    "endless time": ("[routing]\ndeadline_s = inf", "2: routing.deadline_s: expected a number <= 86400.0"),
    "no number": ("[routing]\nidle_s = nan", "2: routing.idle_s: expected a number > 0.0"),
    "a wrong word": ("[auth]\nmode = 'opne'", '2: auth.mode: expected "open" or "keys", not "opne"'),
    "a wrong word of a level": (
        "[logs]\nlevel = 'loud'",
        '2: logs.level: expected "debug", "info", "warning", "error" or "critical", not "loud"',
    ),
    "a host with a scheme": (
        "[server]\nhost = 'http://localhost'",
        "2: server.host: expected a host name or an IP address, without http:// and without a port",
    ),
    "an origin that is none": (
        "[server]\ncors_origins = ['*', 'app.example']",
        '2: server.cors_origins[1]: expected "*" or an origin such as https://app.example.com',
    ),
    "a word in the place of origins": (
        "[server]\ncors_origins = 'all'",
        '2: server.cors_origins: expected "auto" or a list, not "all"',
    ),
    "a name with a scheme": (
        "[server]\nhosts = ['a.example', 'https://b.example']",
        "2: server.hosts[1]: expected a host name or an IP address, without http:// and without a port",
    ),
    "a proxy that is no network": (
        "[server]\ntrusted_proxies = ['10.0.0.0/8', 'proxy.example']",
        '2: server.trusted_proxies[1]: expected a network such as 10.0.0.0/8, an address, or "unix"',
    ),
    "a list where none belongs": ("[server]\nhost = ['a']", "2: server.host: expected a string, got a list"),
    "an unknown key": ("[server]\n\nprot = 1", '3: server.prot: unknown key (did you mean "port"?)'),
    "an unknown section": (
        "\n[servr]\nport = 1",
        '2: servr: unknown section (did you mean "server"?)',
    ),
    "a section of later": (
        "[cache]\nenabled = true",
        "1: cache: this is not available in this version of Tidegate",
    ),
    "an unknown order": (
        "[providers.d]\nkind='demo'\n[models.m]\norder = 'price'\ncandidates = ['d/x']",
        '4: models.m.order: expected "priority", "weighted", "cost", "latency", "throughput" or "balanced", '
        'not "price"',
    ),
    "too few weights": (
        "[providers.d]\nkind='demo'\n[models.m]\ncandidates = ['d/x', 'd/y']\nweights = [1]",
        "5: models.m.weights: expected 2 weights, one for each candidate, got 1",
    ),
    "no weight": (
        "[providers.d]\nkind='demo'\n[models.m]\ncandidates = ['d/x', 'd/y']\nweights = [0, 0]",
        "5: models.m.weights: at least one weight must be greater than 0",
    ),
    "a price for nobody": (
        "[providers.eu]\nkind='demo'\n[prices.'ue/x']\ninput = 1",
        '3: prices."ue/x": no provider "ue" is configured',
    ),
    "a price of a bare name": (
        "[prices.x]\ninput = 1",
        '1: prices.x: expected [prices."provider/model"]',
    ),
    "a price that says nothing": (
        "[providers.eu]\nkind='demo'\n[prices.'eu/x']",
        '3: prices."eu/x": sets no price',
    ),
    "a price below zero": (
        "[providers.eu]\nkind='demo'\n[prices.'eu/x']\ninput = -1",
        '4: prices."eu/x".input: expected a price of zero or more',
    ),
    "a price that is no number": (
        "[providers.eu]\nkind='demo'\n[prices.'eu/x']\noutput = nan",
        '4: prices."eu/x".output: expected a price of zero or more',
    ),
    "a price of an image below zero": (
        "[providers.eu]\nkind='demo'\n[prices.'eu/x']\nimages = [{ price = 1 },\n{ price = -1 }]",
        '5: prices."eu/x".images[1]: expected a price of zero or more',
    ),
    "a key outside": ("port = 1", "1: port: expected a table, such as [server]"),
    "a value for a provider": ("[providers]\nx = 1", "2: providers.x: expected a table [providers.<name>]"),
    "no kind": ("\n[providers.x]\nbase_url = 'https://a.b'", "2: providers.x.kind: is missing"),
    "no URL": (
        "[providers.x]\nkind = 'ollama'\nbase_url = 'localhost:1'",
        "3: providers.x.base_url: expected a URL that starts with https:// or http://",
    ),
    "a URL that is no text": (
        "[providers.x]\nkind = 'ollama'\nbase_url = 1",
        "3: providers.x.base_url: expected a string, got an integer",
    ),
    "a key that is no text": (
        "[providers.x]\nkind = 'openai'\napi_key = 1",
        "3: providers.x.api_key: expected a string",
    ),
    "a URL with a query": (
        "[providers.x]\nkind = 'ollama'\nbase_url = 'http://a.b/v1?x=1'",
        "3: providers.x.base_url: a base URL must not contain ? or #; it is the part before the API's paths",
    ),
    "a URL with a password": (
        "[providers.x]\nkind = 'ollama'\nbase_url = 'http://u:p@a.b/v1'",
        "3: providers.x.base_url: a URL must not contain a user or password; use api_key or headers",
    ),
    "a URL with a wrong port": (
        "[providers.x]\nkind = 'ollama'\nbase_url = 'http://a.b:99999'",
        "3: providers.x.base_url: not a URL: Port out of range 0-65535",
    ),
    "a URL with junk": (
        "[providers.x]\nkind = 'ollama'\nbase_url = 'http://a.b/v1 # mine'",
        "3: providers.x.base_url: expected a URL such as https://api.example.com/v1",
    ),
    "the gateway's own address": (
        "[server]\nport = 81\n[providers.x]\nkind = 'ollama'\nbase_url = 'http://localhost:81/v1'",
        "5: providers.x.base_url: this is the address of this gateway itself, so requests would loop",
    ),
    "no address": (
        "[providers.x]\nkind = 'vllm'",
        "1: providers.x.base_url: is missing: the kind vllm has no default address",
    ),
    "an option of another kind": (
        "[providers.x]\nkind = 'demo'\nregion = 'eu'",
        "3: providers.x.region: the kind demo has no region",
    ),
    "an option of several lines": (
        "[providers.x]\nkind = 'openai'\napi_key = 'k'\norganization = \"a\\nb\"",
        "4: providers.x.organization: expected a name without spaces, in ASCII",
    ),
    "a name with a slash": (
        "[providers.'a/b']\nkind = 'demo'",
        '1: providers."a/b": a provider\'s name may contain only letters, digits, dots, dashes and '
        "underscores",
    ),
    "an empty key": (
        "[providers.x]\nkind = 'openai'\napi_key = ' '",
        "3: providers.x.api_key: is empty",
    ),
    "the name of no header": (
        "[providers.x]\nkind = 'demo'\n[providers.x.headers]\nok = 'a'\n'x y' = 'b'",
        '5: providers.x.headers."x y": not a valid header name',
    ),
    "a header of the connection": (
        "[providers.x]\nkind = 'demo'\nheaders = { Host = 'a' }",
        "3: providers.x.headers.Host: this header is set by the connection",
    ),
    "no candidates": (
        "[models.m]\norder = 'priority'",
        "1: models.m.candidates: is missing",
    ),
    "an empty list of candidates": (
        "[models.m]\ncandidates = []",
        "2: models.m.candidates: expected at least one candidate",
    ),
    "a candidate without a provider": (
        "[models.m]\ncandidates = [\n'gpt-4o']",
        '3: models.m.candidates[0]: expected "provider/model"',
    ),
    "a candidate of nobody": (
        "[providers.openai-eu]\nkind='demo'\n[models.m]\ncandidates = ['openai-eu/a',\n'openai-ue/b']",
        '5: models.m.candidates[1]: no provider "openai-ue" is configured (did you mean "openai-eu"?)',
    ),
    "a candidate twice": (
        "[providers.d]\nkind='demo'\n[models.m]\ncandidates = [ 'd/a',\n'd/a' ]",
        '5: models.m.candidates[1]: "d/a" is listed twice',
    ),
    "a model that hides a provider's": (
        "[providers.d]\nkind='demo'\n[models.'d/a']\ncandidates = [ 'd/b' ]",
        '3: models."d/a": would hide models of the provider "d": choose a name that does not start with '
        "the provider's name",
    ),
    "a variable that is not set": (
        "[providers.x]\nkind = 'openai'\napi_key = 'env:NOT_THERE'",
        "3: providers.x.api_key: the variable NOT_THERE is not set (or is empty) in "
        "the environment and in .env",
    ),
    "names that differ in case": (
        "[providers.Demo]\nkind = 'demo'\n[providers.demo]\nkind = 'demo'",
        '3: providers.demo: differs only in case from "Demo"',
    ),
    "keys that are not wanted": (
        "[auth]\nmode = 'open'\nkeys = ['a-key']",
        '2: auth.mode: mode is "open", but tidegate.toml:3 sets keys: remove one of them',
    ),
    "keys that are not given": (
        "[auth]\nmode = 'keys'",
        '2: auth.mode: mode is "keys", but there are none: set auth.keys or TIDEGATE_API_KEYS, or store.url',
    ),
    "an admin key that is a client's": (
        "[auth]\nkeys = ['a:0123456789abcdef']\nadmin_keys = ['ops:0123456789abcdef']",
        "3: auth.admin_keys: an admin key is also a client key: whoever calls a model could manage all "
        "accounts",
    ),
    "an admin key that is short": (
        "[auth]\nadmin_keys = ['0123456789abcde']",
        "2: auth.admin_keys: an admin key must have at least 16 characters",
    ),
    "no TOML": ("[server]\nport = \n", "2: not TOML: Invalid value"),
    "no TOML at the end": ("[server]\nport = [1,\n", "3: not TOML: Invalid value"),
    "a key twice": ("[server]\nport = 1\nport = 2\n", "3: not TOML: Cannot overwrite a value"),
}


@pytest.mark.parametrize(("file", "line"), FILE_MISTAKES.values(), ids=FILE_MISTAKES.keys())
def test_a_mistake_in_the_file_is_reported_with_line_and_key(complaints: Any, file: str, line: str) -> None:
    assert complaints(file) == [f"tidegate.toml:{line}"]


def test_an_unknown_kind_is_reported_with_similar_and_known_ones(complaints: Any) -> None:
    (line,) = complaints("[providers.x]\nkind = 'antropic'")
    assert line.startswith('tidegate.toml:2: providers.x.kind: unknown kind "antropic"')
    assert ' (did you mean "anthropic"?); kinds: ai21, ' in line
    assert line.endswith(", vllm, xai")


def test_everything_that_is_wrong_is_reported_at_once_in_the_order_of_the_file(complaints: Any) -> None:
    lines = complaints(
        "[server]\nport = -1\nhots = 'x'\n[providers.x]\nkind = 'demo'\nbase_url = 'x'\n"
        "[models.m]\ncandidates = ['y/z']",
        {"TIDEGATE_ROUTING_RETRIES": "many"},
    )
    assert [line.split(": ")[:2] for line in lines] == [
        ["TIDEGATE_ROUTING_RETRIES", "routing.retries"],
        ["tidegate.toml:2", "server.port"],
        ["tidegate.toml:3", "server.hots"],
        ["tidegate.toml:6", "providers.x.base_url"],
        ["tidegate.toml:8", "models.m.candidates[0]"],
    ]


def test_a_mistake_in_the_environment_is_reported_with_its_name(complaints: Any) -> None:
    assert complaints("", {"PORT": "eighty"}, "\nLITELLM_BASE_URL=litellm:4000\nLITELLM_API_KEY=a\n") == [
        ".env:2 LITELLM_BASE_URL: providers.litellm.base_url: expected a URL that starts with https:// or http://",
        "PORT: server.port: expected an integer, got a string",
    ]


def test_a_mistake_on_the_command_line_is_reported_with_its_option(complaints: Any) -> None:
    assert complaints("", overrides={"server.port": 70000}) == [
        "--port: server.port: expected an integer <= 65535"
    ]


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.toml: cannot be read: no such file or directory"):
        load(Path("missing.toml"), {}, tmp_path)


def test_a_file_that_is_not_text_is_reported(tmp_path: Path) -> None:
    (tmp_path / "tidegate.toml").write_bytes(b"[server]\nhost = '\xff'")
    with pytest.raises(ConfigError, match=r"tidegate\.toml: not UTF-8"):
        load(None, {}, tmp_path)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "tidegate.toml").write_bytes(b"\xef\xbb\xbf[server]\r\nport = 5\r\n")
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfHOST=localhost\r\n")
    config = load(None, {}, tmp_path)
    assert (config.server.host, config.server.port) == ("localhost", 5)


def test_no_complaint_shows_a_key(complaints: Any) -> None:
    secret = "sk-very secret key of mine"
    lines = complaints(
        f"""
        [auth]
        mode = "keys"
        keys = ["{secret}", 3]
        [providers.x]
        kind = "openai"
        api_key = "{secret}"
        [providers.y]
        kind = "demo"
        headers = {{ x-key = "{secret}\\n" }}
        """,
        {"ANTHROPIC_API_KEY": secret},
    )
    assert [line.split(": ")[1] for line in lines] == [
        "providers.anthropic.api_key",
        "auth.keys[0]",
        "auth.keys[1]",
        "providers.x.api_key",
        "providers.y.headers.x-key",
    ]
    assert not any("secret" in line for line in lines)


# --- who may call ------------------------------------------------------------------------------

BEYOND = ["0.0.0.0", "::", "192.168.1.5", "gateway.internal", "[::]"]
LOOPBACK = ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"]


@pytest.mark.parametrize("host", BEYOND)
def test_a_gateway_beyond_loopback_without_keys_is_refused_with_the_three_ways_out(
    complaints: Any, host: str
) -> None:
    (line,) = complaints("", {"TIDEGATE_HOST": host})
    assert line.startswith("TIDEGATE_HOST: server.host: ")
    assert all(way in line for way in ("TIDEGATE_API_KEYS", "127.0.0.1", "auth.open_beyond_loopback = true"))


@pytest.mark.parametrize("name", ["HOST", "HEIMDALL_SERVER_HOST"])
@pytest.mark.parametrize("host", BEYOND)
def test_without_keys_the_host_of_a_replaced_gateway_is_not_followed(
    read: Load, name: str, host: str
) -> None:
    config = read("", {name: host})
    assert config.server.host == "127.0.0.1"
    assert config.origin("server", "host") == DEFAULT
    [warning] = config.warnings
    assert warning.startswith(f"{name}: not listening on {host.strip('[]')}")
    assert "TIDEGATE_API_KEYS" in warning


def test_the_default_host_of_an_image_counts_least_and_is_as_strict(read: Load, complaints: Any) -> None:
    image = {"TIDEGATE_DEFAULT_HOST": "0.0.0.0", "TIDEGATE_API_KEYS": "a"}
    assert read("", image).server.host == "0.0.0.0"
    assert read("", image | {"HOST": "127.0.0.1"}).server.host == "127.0.0.1"
    assert read("", image | {"HOST": "127.0.0.1"}).warnings == ()
    (line,) = complaints("", {"TIDEGATE_DEFAULT_HOST": "0.0.0.0", "HOST": "0.0.0.0"})
    assert line.startswith("TIDEGATE_DEFAULT_HOST: server.host: listening on 0.0.0.0 needs client keys")


@pytest.mark.parametrize("host", BEYOND)
@pytest.mark.parametrize(
    "way",
    [{"TIDEGATE_API_KEYS": "a,b"}, {"TIDEGATE_AUTH_OPEN_BEYOND_LOOPBACK": "true"}],
    ids=["keys", "meant"],
)
def test_each_way_out_is_one(read: Load, host: str, way: Mapping[str, str]) -> None:
    assert read("", {"HOST": host, **way}).server.host == host.strip("[]")


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_needs_no_keys(read: Load, host: str) -> None:
    assert read("", {"HOST": host}).auth.mode == "open"


def test_keys_without_a_mode_are_required(read: Load) -> None:
    assert read("[auth]\nkeys = ['a-key']").auth.mode == "keys"
    config = read("", {"TIDEGATE_API_KEYS": "one, two,,one"})
    assert config.auth.mode == "keys"
    assert [key.reveal() for key in config.auth.keys] == ["one", "two"]


def test_keys_of_the_environment_are_not_passed_over_in_silence(complaints: Any) -> None:
    assert complaints("[auth]\nmode = 'open'", {"TIDEGATE_API_KEYS": "a"}) == [
        'tidegate.toml:2: auth.mode: mode is "open", but TIDEGATE_API_KEYS sets keys: remove one of them'
    ]


def test_a_provider_at_another_address_may_have_no_key(read: Load) -> None:
    config = read("[providers.x]\nkind = 'openai'\nbase_url = 'http://127.0.0.1:9/v1'")
    assert config.providers["x"].api_key is None


def test_an_embedded_provider_needs_no_address(read: Load) -> None:
    assert read("[providers.demo]\nkind = 'demo'").providers["demo"].base_url is None


def test_the_command_line_sets_what_it_names(read: Load) -> None:
    server = read("", overrides={"server.host": "localhost", "server.port": 1, "server.workers": 2}).server
    assert (server.host, server.port, server.workers) == ("localhost", 1, 2)


def test_prices_are_what_is_written_to_the_last_digit(tmp_path: Path) -> None:
    text = (
        "[providers.eu]\nkind = 'demo'\n[prices.'eu/meta/x']\ninput = 0.1\n"
        "output = '0.30000000000000000001'\nsearches = 10\n"
        "images = [{ size = '1024x1024', price = 0.003825 }]"
    )
    (tmp_path / "tidegate.toml").write_text(text)
    price = load(None, {}, tmp_path).prices["eu/meta/x"]
    assert (price.input, price.output) == (Decimal("0.1"), Decimal("0.30000000000000000001"))
    assert (price.searches, price.cache_read) == (Decimal(10), None)
    assert price.images == (ImagePriceConfig(price=Decimal("0.003825"), size="1024x1024"),)
