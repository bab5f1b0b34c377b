"""The URLs of the store and of Valkey hold passwords, which nothing shows: neither settings nor errors."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tidegate.cli.main import app
from tidegate.config import Config, ConfigError, shown_settings
from tidegate.config.secret import mask_url
from tidegate.process import Source
from tidegate.store.database import Database, DatabaseError, describe

CANARY = "Kanarie"
"""Part of every password here."""

SHOWN = {
    f"postgresql://alice:{CANARY}@db:5432/books": "postgresql://…@db:5432/books",
    f"postgresql://{CANARY}@db/books": "postgresql://…@db/books",
    f"postgresql://alice:a/{CANARY}@db/books": "postgresql://…@db/books",
    f"postgresql://alice:%40{CANARY}%2F@[::1]:5432/books": "postgresql://…@[::1]:5432/books",
    f"postgresql://db/books?user=alice&password={CANARY}": "postgresql://db/books?…",
    f"postgresql://@/books?host=/run/pg&password={CANARY}": "postgresql://…@/books?…",
    f"postgresql://alice:x@db/books?sslpassword={CANARY}&sslmode=require": "postgresql://…@db/books?…",
    f"postgres://db/books#{CANARY}": "postgres://db/books#…",
    "sqlite:///tidegate.db": "sqlite:///tidegate.db",
}
AMBIGUOUS = [
    f"postgresql://alice:a@{CANARY}@db/books",
    f"postgresql://alice:a?{CANARY}@db/books",
    f"postgresql://db:5432/books?password=a@{CANARY}",
    f"postgresql://alice:{CANARY}:1@db:{CANARY}/books",
    f"postgresql://db:{CANARY}/books",
    f"mysql://alice:{CANARY}@db/books",
    f"alice:{CANARY}@db",
    CANARY,
]
VALKEYS = {
    f"valkey://alice:{CANARY}@cache:6379/0": "valkey://…@cache:6379/0",
    f"valkeys://:a@{CANARY}@cache/0": "valkeys://…@cache/0",
    f"redis://{CANARY}@cache": "redis://…@cache",
    f"rediss://cache/0?password={CANARY}": "rediss://cache/0?…",
    f"unix://:{CANARY}@/run/valkey.sock": "unix://…@/run/valkey.sock",
}
AMBIGUOUS_VALKEYS = [
    f"valkey://alice:1/{CANARY}@cache",
    f"valkey://alice:1#{CANARY}@cache",
    f"valkey://alice:1?{CANARY}@cache",
    f"valkey://cache:{CANARY}",
    f"http://alice:{CANARY}@cache",
]

Read = Callable[[str], Config]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    monkeypatch.chdir(tmp_path)
    for name in os.environ.keys() - {"PATH", "HOME"}:
        monkeypatch.delenv(name)

    def read(lines: str) -> Config:
        file = tmp_path / "tidegate.toml"
        file.write_text(lines)
        return Source(file, tmp_path, {}).read()

    return read


def store_of(url: str, valkey: str | None = None) -> str:
    more = f'valkey = "{valkey}"\n' if valkey else ""
    return f'[store]\nurl = "{url}"\n{more}[providers.main]\nkind = "openai"\napi_key = "sk-0123456789"\n'


@pytest.mark.parametrize("url", SHOWN)
def test_the_settings_in_effect_show_where_the_store_is_and_no_password(read: Read, url: str) -> None:
    config = read(store_of(url))
    shown = {one.key: one.value for one in shown_settings(config)}
    assert shown["store.url"] == SHOWN[url]
    assert config.store.url is not None
    assert config.store.url.reveal() == url
    assert CANARY not in repr(config) + str(shown)


@pytest.mark.parametrize("url", VALKEYS)
def test_the_settings_in_effect_show_where_valkey_is_and_no_password(read: Read, url: str) -> None:
    config = read(store_of("sqlite:///a.db", url))
    shown = {one.key: one.value for one in shown_settings(config)}
    assert shown["store.valkey"] == VALKEYS[url]
    assert CANARY not in repr(config) + str(shown)


@pytest.mark.parametrize("lines", [
    *(pytest.param(store_of(url), id=url) for url in AMBIGUOUS),
    *(pytest.param(store_of("sqlite:///a.db", url), id=url) for url in AMBIGUOUS_VALKEYS),
])  # fmt: skip
def test_what_could_be_read_in_two_ways_is_refused_by_its_field_and_not_quoted(
    read: Read, lines: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read(lines)
    assert any("store." in said for said in caught.value.lines)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("url", [*AMBIGUOUS, *AMBIGUOUS_VALKEYS])
def test_what_is_refused_would_be_masked_all_the_same(url: str) -> None:
    by_port = mask_url(url).endswith((f":{CANARY}", f":{CANARY}/books"))
    assert by_port or CANARY not in mask_url(url)


@pytest.mark.parametrize("command", [("config", "show"), ("config", "show", "--json"), ("config", "check")])
@pytest.mark.parametrize("url", SHOWN)
def test_no_command_shows_it(read: Read, command: tuple[str, ...], url: str) -> None:
    read(store_of(url, next(iter(VALKEYS))))
    result = CliRunner().invoke(app, command, env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    assert CANARY not in result.output


@pytest.mark.parametrize("url", [
    f"postgresql://alice:{CANARY}@127.0.0.1:1/books",
    f"postgresql://127.0.0.1:1/books?user=alice&password={CANARY}",
    f"postgresql://alice:{CANARY}@127.0.0.1:1/books?nothing={CANARY}",
])  # fmt: skip
def test_no_error_of_the_database_shows_it(url: str) -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    database = Database(url)
    with pytest.raises(DatabaseError) as caught, database.read():
        pass
    database.close()
    assert CANARY not in describe(caught.value) + str(caught.value)


def test_a_port_that_is_none_is_not_quoted() -> None:
    with pytest.raises(ValueError, match="cannot be read") as caught:
        Database(f"postgresql://alice:a@db:{CANARY}/books")
    assert CANARY not in str(caught.value)
    assert caught.value.__suppress_context__
