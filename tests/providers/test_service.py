"""A configured provider says where and with which headers it is asked."""

import pytest

from tidegate.config import ProviderConfig, Secret
from tidegate.http.other_names import LONGEST, MOST
from tidegate.protocols.errors import ProviderRefused
from tidegate.protocols.task import render_path
from tidegate.providers import Service
from tidegate.providers.headers import ServiceHeaders

KEY = "sk-1234567890abcdef"


def service(kind: str, **settings) -> Service:
    return Service("mine", ProviderConfig(kind=kind, api_key=Secret(KEY), **settings))


class Sent:
    """A rendered block of headers, read back."""

    def __init__(self, block: bytes) -> None:
        assert block.endswith(b"\r\n")
        lines = block.decode().removesuffix("\r\n").split("\r\n")
        self.items = [tuple(line.split(": ", 1)) for line in lines]

    def getall(self, wanted: str) -> list[str]:
        return [value for name, value in self.items if name == wanted]

    def __getitem__(self, name: str) -> str:
        (value,) = self.getall(name)
        return value

    def __contains__(self, name: str) -> bool:
        return bool(self.getall(name))

    def __str__(self) -> str:
        return str(self.items)


def headers_for(service: Service, client=(), client_format: str = "openai_chat", extra=None) -> Sent:
    return Sent(service.headers_for(client, client_format, extra))


@pytest.mark.parametrize(
    ("kind", "header", "value"),
    [
        ("openai", "authorization", f"Bearer {KEY}"),
        ("anthropic", "x-api-key", KEY),
        ("gemini", "x-goog-api-key", KEY),
    ],
)
def test_the_key_travels_as_the_service_expects_it(kind: str, header: str, value: str) -> None:
    headers = headers_for(service(kind), [], "gemini")
    assert headers[header] == value
    assert [name for name, sent in headers.items if KEY in sent] == [header]


def test_a_service_without_a_key_sends_none() -> None:
    headers = headers_for(Service("x", ProviderConfig(kind="ollama")), [], "openai_chat")
    assert "authorization" not in headers
    demo = Service("x", ProviderConfig(kind="demo", api_key=Secret(KEY)))
    assert KEY not in str(headers_for(demo, [], "openai_chat"))


def test_every_request_identifies_its_sender_and_its_content() -> None:
    headers = headers_for(service("openai"), [], "anthropic")
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"].startswith("tidegate/")


def test_the_operators_headers_stand_over_all_others() -> None:
    own = {"User-Agent": Secret("ours"), "Authorization": Secret("Basic x"), "x-team": Secret("blue")}
    headers = headers_for(service("openai", headers=own), [], "anthropic", {"x-team": "red"})
    assert headers.getall("user-agent") == ["ours"]
    assert headers.getall("authorization") == ["Basic x"]
    assert headers.getall("x-team") == ["blue"]


def test_an_option_travels_as_a_header() -> None:
    headers = headers_for(service("openai", organization="org-1", project="proj-2"), [], "openai_chat")
    assert (headers["openai-organization"], headers["openai-project"]) == ("org-1", "proj-2")


CLIENT = [
    (b"host", b"gateway"),
    (b"authorization", b"Bearer client-key"),
    (b"x-api-key", b"client-key"),
    (b"anthropic-version", b"2024-01-01"),
    (b"anthropic-beta", b"one"),
    (b"anthropic-beta", b"two"),
    (b"cookie", b"a=b"),
]


def test_a_client_of_the_same_dialect_has_some_of_its_headers_passed_on() -> None:
    headers = headers_for(service("anthropic"), CLIENT, "anthropic")
    assert headers.getall("anthropic-version") == ["2024-01-01"]
    assert headers.getall("anthropic-beta") == ["one", "two"]
    assert headers.getall("x-api-key") == [KEY]
    assert "client-key" not in str(headers)
    assert "cookie" not in headers
    assert "host" not in headers


def test_what_is_remembered_of_clients_headers_is_bounded() -> None:
    headers = ServiceHeaders(
        ProviderConfig(kind="anthropic"), service("anthropic").kind, None, ["anthropic-*"]
    )
    for number in range(MOST + 50):
        other, long = b"x-%d" % number, b"y" * (LONGEST + 1 + number)
        passed = headers.passed([(other, b"1"), (b"anthropic-beta", b"1"), (long, b"1"), (other, b"2")])
        assert passed == [(b"anthropic-beta", b"1")]
    assert len(headers._others) == MOST
    assert max(map(len, headers._others)) <= LONGEST


def test_a_client_of_another_dialect_has_none_passed_on() -> None:
    headers = headers_for(service("anthropic"), CLIENT, "openai_chat")
    assert headers.getall("anthropic-version") == ["2023-06-01"]
    assert "anthropic-beta" not in headers
    assert "client-key" not in str(headers)


def test_the_version_is_sent_if_the_client_sends_none() -> None:
    headers = headers_for(service("anthropic"), [(b"anthropic-beta", b"one")], "anthropic")
    assert headers["anthropic-version"] == "2023-06-01"
    assert headers["anthropic-beta"] == "one"


def test_the_operators_header_is_not_replaced_by_the_clients() -> None:
    own = {"Anthropic-Version": Secret("2025-05-05")}
    headers = headers_for(service("anthropic", headers=own), CLIENT, "anthropic")
    assert headers.getall("anthropic-version") == ["2025-05-05"]


def test_a_request_may_need_headers_of_its_own() -> None:
    headers = headers_for(service("anthropic"), CLIENT, "anthropic", {"x-extra": "1"})
    assert headers["x-extra"] == "1"


def test_one_request_leaves_nothing_for_the_next() -> None:
    one = service("anthropic")
    before = one.headers_for([], "anthropic")
    headers_for(one, CLIENT, "anthropic", {"x-extra": "1"})
    assert one.headers_for([], "anthropic") == before


@pytest.mark.parametrize(
    ("kind", "given", "base_url"),
    [
        ("openai", None, "https://api.openai.com/v1"),
        ("openai", "https://proxy.example/v1", "https://proxy.example/v1"),
        ("anthropic", None, "https://api.anthropic.com"),
        ("anthropic", "https://proxy.example/anthropic/v1", "https://proxy.example/anthropic"),
        ("gemini", "https://proxy.example/v1beta", "https://proxy.example"),
        ("deepseek", None, "https://api.deepseek.com"),
        ("demo", None, ""),
    ],
)
def test_the_address_is_what_paths_are_put_behind(kind: str, given: str | None, base_url: str) -> None:
    assert service(kind, base_url=given).base_url == base_url


def test_a_service_shows_no_key() -> None:
    assert KEY not in repr(service("openai", headers={"x-key": Secret(KEY)}))


def test_a_client_does_not_choose_who_is_billed() -> None:
    client = [(b"openai-organization", b"theirs"), (b"openai-project", b"theirs")]
    own = service("openai", organization="org-1", project="proj-2")
    for form in (own, own.speaking("openai_responses")):
        headers = headers_for(form, client, form.protocol.name)
        assert headers.getall("openai-organization") == ["org-1"]
        assert headers.getall("openai-project") == ["proj-2"]


def test_a_clients_header_that_is_no_line_is_left_out() -> None:
    headers = headers_for(service("anthropic"), [(b"anthropic-beta", b"a\r\nx-evil: 1")], "anthropic")
    assert "anthropic-beta" not in headers
    assert "x-evil" not in headers


def test_no_field_of_an_error_shows_a_secret() -> None:
    error = ProviderRefused(f"bad {KEY}", status=401, type=f"t-{KEY}", code=KEY, param=f"{KEY}.x")
    shown = service("openai").attribute(error)
    assert KEY not in f"{shown} {shown.message} {shown.type} {shown.code} {shown.param}"
    assert service("openai").conceal_value(f"limit of {KEY}".encode()) == b"limit of [concealed]"


def test_addresses_are_kept_and_bounded() -> None:
    one = service("openai", base_url="https://proxy.example/v1")
    assert one.address_for("/x") is one.address_for("/x")
    for number in range(1000):
        assert one.address_for(f"/{number}").target == b"/v1/%d" % number
    assert len(one._addresses) <= 256
    one.address_for("/" + "x" * 100_000)
    assert max(map(len, one._addresses)) < 1000


@pytest.mark.parametrize("model", [".", "..", "..."])
def test_a_model_of_dots_stays_in_its_segment(model: str) -> None:
    assert render_path("/models/{model}:run", model) == f"/models/{'%2E' * len(model)}:run"
    assert render_path("/models/{model}", "gpt-4.1") == "/models/gpt-4.1"
