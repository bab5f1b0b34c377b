"""The table of services is complete and means what it says."""

import importlib
import inspect
import re

import msgspec
import pytest
from msgspec.structs import fields

from tidegate.config import Config, ProviderConfig
from tidegate.config.normal import url
from tidegate.protocols.errors import ModelNotFound
from tidegate.protocols.openai_chat import Dialect
from tidegate.providers import FORMATS, Kind, ModelRegistry, Service, kinds, protocol_named
from tidegate.providers.signers import SIGNERS

KINDS = list(kinds().values())
FIRST = ("openai", "anthropic", "gemini", "openai_compatible", "demo")


def a_service(kind: Kind) -> ProviderConfig:
    return ProviderConfig(kind=kind.name, base_url="https://service.example")


def at_home(kind: Kind) -> Service:
    """The service at its official address, with something for every option that is needed."""
    return Service("x", ProviderConfig(kind=kind.name, **dict.fromkeys(kind.required, "some-where")))


def test_the_basic_kinds_are_there() -> None:
    assert set(FIRST) <= kinds().keys()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_row_makes_a_service(kind: Kind) -> None:
    service = Service("x", a_service(kind))
    assert service.protocol is protocol_named(kind.protocol)
    assert isinstance(service.dialect, service.protocol.dialect)


@pytest.mark.parametrize("name", FORMATS)
def test_every_wire_format_has_the_name_that_it_is_found_by(name: str) -> None:
    assert protocol_named(name).name == name


def test_every_wire_format_is_spoken_by_some_service() -> None:
    variants = {variant.protocol for kind in KINDS for variant in kind.variants if variant.protocol}
    also = {name for kind in KINDS for row in (kind, *kind.variants) for name in row.also or ()}
    assert {kind.protocol for kind in KINDS} | variants | also == FORMATS.keys()


@pytest.mark.parametrize(
    ("kind", "address"),
    [("openai", None), ("xai", None), ("azure", "https://one.openai.azure.com/openai/v1")],
)
def test_a_service_is_called_in_the_clients_format_if_it_supports_it(kind: str, address: str | None) -> None:
    directory = ModelRegistry(Config(providers={"it": ProviderConfig(kind=kind, base_url=address)}))
    services = {name: directory.resolve("it/m", client_format=name).candidates[0].service for name in FORMATS}
    assert {name for name, service in services.items() if service.protocol.name == name} == {
        "openai_chat",
        "openai_responses",
    }
    assert {service.base_url for service in services.values()} == {services["openai_chat"].base_url}
    assert services["anthropic"].protocol.name == "openai_chat"


def test_an_address_other_than_openais_serves_chats_only() -> None:
    """What others serve behind OpenAI's variables may know chat completions and nothing else."""
    config = ProviderConfig(kind="openai", base_url="https://service.example/v1")
    (candidate,) = (
        ModelRegistry(Config(providers={"it": config}))
        .resolve("it/m", client_format="openai_responses")
        .candidates
    )
    assert candidate.service.protocol.name == "openai_chat"


def test_a_model_that_exists_in_one_format_only_is_called_in_it() -> None:
    directory = ModelRegistry(Config(providers={"it": ProviderConfig(kind="openai")}))
    formats = [
        directory.resolve(f"it/{name}").candidates[0].service.protocol.name
        for name in ("gpt-5-codex", "gpt-5")
    ]
    assert formats == ["openai_responses", "openai_chat"]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_an_official_address_is_in_normal_form(kind: Kind) -> None:
    if kind.base_url:
        home = at_home(kind).base_url
        assert url(home) == home
    for address in kind.base_urls.values():
        assert url(address) == address
    assert not (kind.base_url or "").endswith(kind.drop_suffix or "//")
    assert kind.docs.startswith("https://")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_service_can_be_configured_somehow(kind: Kind) -> None:
    """By its own address, by one of the operator's, or inside Tidegate; with a key wherever one is wanted."""
    assert kind.base_url or kind.embedded or kind.base_env
    assert (kind.auth == "none") == (not kind.key_env)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.key_env], ids=lambda kind: kind.name)
def test_the_customary_names_of_variables_are_understood(kind: Kind) -> None:
    name = (kind.env_name or kind.name).upper()
    assert f"{name}_API_KEY" in kind.key_env
    assert {f"{name}_BASE_URL", f"{name}_API_BASE"} <= set(kind.base_env)


def test_no_two_services_claim_the_same_names() -> None:
    claims = [prefix for kind in KINDS for prefix in (*kind.prefixes, *kind.strip_prefixes)]
    assert sorted(set(claims)) == sorted(claims)
    names = [name for kind in KINDS for name in (kind.name, *kind.aliases)]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.prefixes], ids=lambda kind: kind.name)
def test_a_claimed_name_reaches_the_service(kind: Kind) -> None:
    other = "anthropic" if kind.name != "anthropic" else "gemini"
    directory = ModelRegistry(Config(providers={"it": a_service(kind), "other": ProviderConfig(kind=other)}))
    for prefix in kind.prefixes:
        (candidate,) = directory.resolve(f"{prefix}x").candidates
        assert (candidate.service.name, candidate.model) == ("it", f"{prefix}x")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.prefixes], ids=lambda kind: kind.name)
def test_a_claimed_name_without_its_service_is_reported(kind: Kind) -> None:
    with pytest.raises(ModelNotFound, match=re.escape(kind.label)):
        ModelRegistry(Config()).resolve(f"{kind.prefixes[0]}x")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.check_model], ids=lambda kind: kind.name)
def test_the_model_to_check_with_has_a_name_that_its_own_service_claims(kind: Kind) -> None:
    if kind.prefixes:
        assert str(kind.check_model).startswith(kind.prefixes)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.embedded], ids=lambda kind: kind.name)
def test_an_embedded_service_has_a_server(kind: Kind) -> None:
    assert inspect.isclass(importlib.import_module(str(kind.embedded)).Server)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_an_option_is_a_setting_of_a_provider(kind: Kind) -> None:
    assert kind.options.keys() <= {field.name for field in fields(ProviderConfig)}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_row_refers_only_to_options_that_it_has(kind: Kind) -> None:
    named = {*kind.option_env, *kind.defaults, *kind.required, *kind.credentials, *kind.instead_of_key}
    assert named <= kind.options.keys()
    assert not set(kind.required) & kind.defaults.keys()
    assert set(kind.instead_of_key) <= set(kind.credentials)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_name_in_braces_is_an_option_that_has_a_value(kind: Kind) -> None:
    texts = [str(kind.base_url), str(kind.dialect), *(str(variant.dialect) for variant in kind.variants)]
    named = {name for text in texts for name in re.findall(r"{(\w+)}", text)}
    assert named - {"model"} <= {*kind.required, *kind.defaults}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.signer], ids=lambda kind: kind.name)
def test_a_signer_is_known(kind: Kind) -> None:
    assert kind.signer in SIGNERS


@pytest.mark.parametrize("struct", [Kind, Dialect], ids=["row", "dialect"])
def test_every_key_is_explained_where_it_is_defined(struct: type) -> None:
    source = inspect.getsource(struct)
    for field in fields(struct):
        explained = rf'^    {field.name}: .*\n(?:        .*\n|    [])].*\n)*    """'
        assert re.search(explained, source, re.MULTILINE), field.name


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_row_repeats_no_default_of_its_wire_format(kind: Kind) -> None:
    for row in (kind, *kind.variants):
        plain = protocol_named(row.protocol or kind.protocol).dialect()
        result = row.dialect or {}
        known = msgspec.convert(dict(result), type(plain))
        same = [name for name in result if getattr(known, name) == getattr(plain, name)]
        assert not same
