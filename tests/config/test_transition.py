"""A reload may close the gateway but never open it, whatever became of the file."""

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import fields, replace

from running import parse_config
from tidegate.config import Config, ConfigError, baseline_of, load, refusals
from tidegate.config.normal import is_loopback
from tidegate.config.transition import AT_START, SWITCHES, changes, kept, restarts

FILE = """# Ours
[server]
host = "0.0.0.0"
port = 8080
cors_origins = ["https://app.example.com"]
max_body_mb = 8

[auth]
keys = ["sk-of-a-client-0123456789", "sk-of-another-0123456789"]

[images]
fetch = false

[providers.openai]
kind = "openai"
api_key = "sk-upstream-0123456789"
base_url = "https://proxy.example.com/v1"

[models."fast"]
candidates = ["openai/gpt-4o-mini"]
"""
KEYLESS = FILE.replace("[auth]\n", "").replace(FILE.splitlines()[8] + "\n", "")
PROVIDER_KEY = {"OPENAI_API_KEY": "sk-upstream-0123456789"}
CLIENT_KEY = {"TIDEGATE_API_KEYS": "sk-of-a-client-0123456789"}


def put_in_force(folder: Path, environ: Mapping[str, str], old: Config) -> Config:
    """What is in force after a reload in a process that was started with `old`."""
    try:
        new = load(None, environ, folder)
    except ConfigError:
        return old
    exposed = not is_loopback(old.server.host)
    return old if refusals(baseline_of(old, exposed=exposed), new) else new


def openness(config: Config, host: str) -> dict[str, object]:
    """What a stranger may do."""
    return {
        "calls without a key": config.auth.mode == "open",
        "reaches it from outside": config.auth.mode == "open" and not is_loopback(host),
        "pages": "any" if config.server.cors_origins in ("auto", ("*",)) else "some",
        "links are fetched": config.images.fetch,
        "where conversations go": {
            name: provider.base_url for name, provider in config.providers.items() if provider.base_url
        },
    }


def assert_not_more_open(old: Config, new: Config) -> None:
    before, after = openness(old, old.server.host), openness(new, old.server.host)
    assert before["calls without a key"] or not after["calls without a key"]
    assert before["reaches it from outside"] or not after["reaches it from outside"]
    assert before["pages"] == "any" or after["pages"] == "some"
    assert before["links are fetched"] or not after["links are fetched"]
    for name, provider in new.providers.items():
        if name in old.providers:
            assert provider.base_url == old.providers[name].base_url


@pytest.mark.parametrize("where", ["the file", ".env", "the environment"])
def test_no_truncation_of_the_file_opens_the_gateway(tmp_path: Path, where: str) -> None:
    text = FILE if where == "the file" else KEYLESS
    environ = CLIENT_KEY if where == "the environment" else {}
    if where == ".env":
        (tmp_path / ".env").write_text("TIDEGATE_API_KEYS=sk-of-a-client-0123456789\n")
    file = tmp_path / "tidegate.toml"
    file.write_text(text)
    old = load(None, environ, tmp_path)
    assert old.auth.mode == "keys"
    accepted = 0
    for end in range(len(text)):
        file.write_text(text[:end])
        new = put_in_force(tmp_path, environ, old)
        accepted += new is not old
        assert_not_more_open(old, new)
    assert accepted  # what only closes is put in force


def test_no_truncation_of_dotenv_opens_the_gateway(tmp_path: Path) -> None:
    text = "OPENAI_API_KEY=sk-upstream-0123456789\nTIDEGATE_API_KEYS='sk-of-a-client-0123456789'\nPORT=1\n"
    (tmp_path / ".env").write_text(text)
    old = load(None, {}, tmp_path)
    for end in range(len(text)):
        (tmp_path / ".env").write_text(text[:end])
        assert_not_more_open(old, put_in_force(tmp_path, {}, old))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def blank(path: Path) -> None:
    path.write_text("# nothing yet\n\n")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parent / "nowhere")


def zeros(path: Path) -> None:
    path.write_bytes(bytes(len(path.read_bytes())))


def unreadable(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)  # a circle of links: no right can open it


@pytest.mark.parametrize("become", [empty, blank, folder, dangling, zeros, unreadable, Path.unlink])
@pytest.mark.parametrize("where", ["the file", ".env", "the environment"])
def test_a_file_that_is_no_longer_one_changes_nothing(
    tmp_path: Path, become: Callable[[Path], None], where: str
) -> None:
    environ = PROVIDER_KEY | (CLIENT_KEY if where == "the environment" else {})
    path = tmp_path / (".env" if where == ".env" else "tidegate.toml")
    texts = {
        "the file": FILE,
        ".env": "TIDEGATE_API_KEYS=sk-of-a-client-0123456789",
        "the environment": KEYLESS,
    }
    path.write_text(texts[where])
    old = load(None, environ, tmp_path)
    become(path)
    assert put_in_force(tmp_path, environ, old) is old
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    path.write_text(texts[where])
    assert put_in_force(tmp_path, environ, old) is not old


def refused(before: str, after: str, *, exposed: bool = False) -> list[str]:
    return refusals(baseline_of(parse_config(before), exposed=exposed), parse_config(after))


KEYS = '[auth]\nkeys = ["sk-of-a-client-0123456789"]\n'


def test_keys_may_come_change_and_become_fewer_but_not_go() -> None:
    two = KEYS.replace('"]', '", "sk-of-another-0123456789"]')
    assert refused("[logs]\n", KEYS) == []
    assert refused(KEYS, KEYS.replace("of-a", "of-b")) == []
    assert refused(two, KEYS) == []
    assert refused(KEYS, "[logs]\n") == ["auth.keys: clients need a key and would no longer need one"]
    assert refused(KEYS, '[auth]\nmode = "open"\n') != []
    assert refused(KEYS, "[auth]\nopen_beyond_loopback = true\n") != []


def test_the_address_that_is_bound_decides_and_not_the_one_in_the_file() -> None:
    outside = '[server]\nhost = "0.0.0.0"\n[auth]\nopen_beyond_loopback = true\n'
    inside = '[server]\nhost = "127.0.0.1"\n'
    [reason] = refused(outside, inside, exposed=True)
    assert reason.startswith("auth.open_beyond_loopback: the gateway listens beyond loopback")
    assert refused(outside, inside + KEYS, exposed=True) == []
    assert refused(inside, inside, exposed=False) == []


def test_a_restriction_is_lifted_by_writing_so_and_not_by_leaving_it_out() -> None:
    closed = '[server]\ncors_origins = []\n[images]\nfetch = false\n[logs]\nlevel = "info"\n'
    assert refused(closed, '[server]\ncors_origins = ["*"]\n[images]\nfetch = true\n') == []
    assert [line.split(":")[0] for line in refused(closed, "[logs]\n")] == [
        "server.cors_origins",
        "images.fetch",
    ]


def test_a_provider_keeps_its_address_or_goes() -> None:
    proxied = '[providers."a.b"]\nkind = "openai"\napi_key = "sk-upstream-0123456789"\nbase_url = "https://p.example"\n'
    moved = proxied.replace("p.example", "q.example")
    assert refused(proxied, moved) == []
    assert refused(proxied, "[logs]\n") == []
    [reason] = refused(proxied, proxied.rpartition("base_url")[0])
    assert reason.startswith('providers."a.b".base_url: was set and is now missing')


def test_changes_are_named_and_no_value_is_shown() -> None:
    old, new = (
        parse_config(FILE),
        parse_config(FILE.replace("8080", "8081").replace("of-a-client", "of-b-client")),
    )
    assert changes(old, new) == ["server.port", "auth.keys"]
    assert changes(old, parse_config(FILE + '[models.slow]\ncandidates = ["openai/gpt-4o"]\n')) == [
        "models.slow (new)"
    ]
    assert changes(parse_config(FILE), parse_config(FILE.partition("[models")[0])) == ["models.fast (gone)"]
    assert changes(old, old) == []


# --- what stays until a restart -------------------------------------------------------------------

SECTIONS = [field.name for field in fields(Config) if isinstance(getattr(Config(), field.name), Struct)]
SETTINGS = [(name, field.name) for name in SECTIONS for field in fields(getattr(Config(), name))]
OTHER = "another value"


def with_value(config: Config, path: tuple[str, str], value: object) -> Config:
    section, name = path
    return replace(config, **{section: replace(getattr(config, section), **{name: value})})


def value_of(config: Config, path: tuple[str, str]) -> object:
    return getattr(getattr(config, path[0]), path[1])


@pytest.mark.parametrize("path", SETTINGS, ids=".".join)
def test_a_changed_setting_is_followed_or_named_and_left_as_it_was(path: tuple[str, str]) -> None:
    started = Config()
    changed = with_value(started, path, OTHER)
    stays = path in AT_START or path in SWITCHES
    named = [line for line in restarts(started, changed) if line.startswith(f"{'.'.join(path)}: ")]
    assert len(named) == len(restarts(started, changed)) == stays
    assert value_of(kept(started, changed), path) == (value_of(started, path) if stays else OTHER)
    assert kept(started, changed) == (started if stays else changed)


def test_a_certificate_may_change_but_not_begin_or_end() -> None:
    started = with_value(with_value(Config(), SWITCHES[0], "a.pem"), SWITCHES[1], "a.key")
    renewed = with_value(started, SWITCHES[0], "b.pem")
    assert restarts(started, renewed) == []
    assert kept(started, renewed) == renewed
    assert kept(started, Config()) == started
    assert len(restarts(started, Config())) == 2


def test_the_documentation_lists_what_stays() -> None:
    page = Path(__file__).parents[2].joinpath("docs/configuration.md").read_text()
    listed = page.partition("<!-- at start -->")[2].partition("<!-- end -->")[0]
    found = set()
    for line in listed.strip().splitlines():
        section, _, names = line.removeprefix("- ").partition(": ")
        found |= {(section.strip("`[]"), name) for name in re.findall(r"`(\w+)`", names)}
    assert found == {*AT_START, *SWITCHES}


def test_no_password_is_in_what_is_said_of_a_store() -> None:
    started = parse_config('[store]\nurl = "postgresql://u:old-secret@a/b"\n[auth]\nmode = "keys"')
    changed = parse_config('[store]\nurl = "postgresql://u:new-secret@c/b"\n[auth]\nmode = "keys"')
    (line,) = restarts(started, changed)
    assert line.startswith("store.url: ")
    assert "secret" not in line
