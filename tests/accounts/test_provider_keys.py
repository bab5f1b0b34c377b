"""Keys of providers that are set while the gateway runs."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from administration import ANSWER
from running import HELLO, Gateway, Reply, parse_config
from simulator import Simulator, json
from tidegate.accounts.encryption import CannotDecrypt, Cipher
from tidegate.accounts.provider_keys import why_not, with_stored_keys
from tidegate.cli.main import app
from tidegate.config import ConfigError, Secret
from tidegate.store.provider_keys import list_provider_keys

SECRET, OLD = "a-secret-of-the-operator-0123456789", "the-secret-of-the-year-before-012345"
ADMIN = "an-admin-key-for-tests-0123"
FIRST, SECOND = "sk-first-0123456789abcd", "sk-second-0123456789wxyz"


# --- encryption ------------------------------------------------------------------------------------


def test_what_is_encrypted_is_decrypted_only_for_what_it_is_about() -> None:
    cipher = Cipher([SECRET])
    encrypted = cipher.encrypt(FIRST, "openai")
    assert cipher.decrypt(encrypted, "openai") == FIRST
    assert FIRST not in encrypted
    assert encrypted != cipher.encrypt(FIRST, "openai"), "each has a nonce of its own"
    for wrong in ("anthropic", "", "openai "):
        with pytest.raises(CannotDecrypt, match="belongs to something else"):
            cipher.decrypt(encrypted, wrong)


def test_secrets_are_replaced_one_by_one() -> None:
    old, both, new = Cipher([OLD]), Cipher([SECRET, OLD]), Cipher([SECRET])
    encrypted = old.encrypt(FIRST, "openai")
    assert both.decrypt(encrypted, "openai") == FIRST
    assert (both.is_current(encrypted), old.is_current(encrypted)) == (False, True)
    again = both.encrypt(FIRST, "openai")
    assert new.decrypt(again, "openai") == FIRST
    with pytest.raises(CannotDecrypt, match="not configured any more"):
        new.decrypt(encrypted, "openai")


def test_what_was_changed_is_noticed_at_every_character() -> None:
    cipher = Cipher([SECRET])
    encrypted = cipher.encrypt(FIRST, "openai")
    for place in range(len(encrypted)):
        other = "A" if encrypted[place] != "A" else "B"
        changed = f"{encrypted[:place]}{other}{encrypted[place + 1 :]}"
        try:
            assert cipher.decrypt(changed, "openai") == FIRST  # unused bits of the last character
        except CannotDecrypt:
            continue
        assert place >= len(encrypted.rstrip("=")) - 1
    for text in ("", "v1", "v1..", "v2.a.b", encrypted[:-20]):
        with pytest.raises(CannotDecrypt):
            cipher.decrypt(text, "openai")


# --- whose key is used -----------------------------------------------------------------------------


def test_the_configuration_wins() -> None:
    text = f'[store]\nurl = "sqlite:///x.db"\nsecret_keys = ["{SECRET}"]\n[providers.eu]\nkind = "mistral"'
    config = parse_config(text, {"OPENAI_API_KEY": "sk-of-the-environment"})
    keys = {name: Secret(FIRST) for name in ("openai", "anthropic", "eu", "nobody", "azure", "demo")}
    found = with_stored_keys(config, keys).providers
    assert found["openai"].api_key == Secret("sk-of-the-environment")
    assert (found["anthropic"].kind, found["anthropic"].api_key) == ("anthropic", Secret(FIRST))
    assert found["eu"].api_key == Secret(FIRST)
    assert not {"nobody", "azure", "demo"} & found.keys()
    assert "OPENAI_API_KEY" in (why_not(config, "openai") or "")
    assert why_not(with_stored_keys(config, keys), "eu") is None, "it may be replaced"


def test_a_provider_may_wait_for_its_key_only_if_one_can_come() -> None:
    with pytest.raises(ConfigError, match="requires a key"):
        parse_config('[store]\nurl = "sqlite:///x.db"\n[providers.eu]\nkind = "mistral"')
    with pytest.raises(ConfigError, match=r"3: store.secret_keys\[0\]: is too short"):
        parse_config('[store]\nurl = "sqlite:///x.db"\nsecret_keys = ["short"]')


# --- at a gateway ----------------------------------------------------------------------------------


class Operator:
    """An operator at the admin API of a gateway with a provider that has no key."""

    def __init__(self, gateway: Gateway, provider: Simulator) -> None:
        self.gateway = gateway
        self.provider = provider

    async def ask(self, method: str, path: str, body: Any = None) -> Reply:
        url = f"{self.gateway.url}/admin{path}"
        headers = {"authorization": f"Bearer {ADMIN}"}
        async with self.gateway.session.request(method, url, json=body, headers=headers) as answer:
            return Reply(answer.status, answer.headers, await answer.read())

    async def set(self, key: str, provider: str = "eu") -> Reply:
        return await self.ask("PUT", f"/providers/{provider}/key", {"key": key})

    async def uses(self, key: str | None) -> None:
        """Wait until the provider is called with a key."""
        while (await self.called())[0] != (f"Bearer {key}" if key else None):
            await asyncio.sleep(0.05)

    async def called(self) -> tuple[str | None, int]:
        self.provider.answer(json(ANSWER))
        reply = await self.gateway.post("/v1/chat/completions", {"model": "eu/m", **HELLO})
        return self.provider.requests[-1].headers.get("authorization"), reply.status


def settings(folder: Path, provider: Simulator, secrets: str = f'secret_keys = ["{SECRET}"]') -> str:
    return f"""
        [auth]
        mode = "open"
        admin_keys = ["ops:{ADMIN}"]
        [store]
        url = "sqlite:///{folder}/tidegate.db"
        {secrets}
        [providers.eu]
        kind = "openai_compatible"
        base_url = "{provider.url}"
        [providers.us]
        kind = "openai_compatible"
        base_url = "{provider.url}"
        api_key = "sk-of-the-file"
    """


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with Simulator() as provider, Gateway(more=settings(tmp_path, provider)) as gateway:
        yield Operator(gateway, provider)


async def test_a_key_is_used_replaced_and_removed_while_the_gateway_runs(operator: Operator) -> None:
    await operator.uses(None)
    reply = await operator.set(FIRST)
    assert reply.status == 200, reply.body
    assert (reply.json["key"]["last_four"], reply.json["key"]["set_by"]) == ("abcd", "the key ops")
    await operator.uses(FIRST)
    assert (await operator.set(f" {SECOND}\n")).status == 200
    await operator.uses(SECOND)
    assert (await operator.ask("DELETE", "/providers/eu/key")).json["key"] is None
    await operator.uses(None)
    assert (await operator.ask("DELETE", "/providers/eu/key")).status == 404


async def test_a_key_is_disabled_and_enabled_while_the_gateway_runs(operator: Operator) -> None:
    async def switch(disabled: Any) -> Reply:
        return await operator.ask("PATCH", "/providers/eu/key", {"disabled": disabled})

    assert (await switch(True)).status == 404
    await operator.set(FIRST)
    await operator.uses(FIRST)
    off = (await switch(True)).json
    assert (off["in_use"], off["key"]["last_four"], off["key"]["disabled_at"] > 0) == (False, "abcd", True)
    await operator.uses(None)
    assert (await switch(True)).json == off, "it is disabled since it was"
    assert (await operator.ask("GET", "/providers")).json["data"][0] == off
    on = (await switch(False)).json
    assert (on["in_use"], on["key"]["disabled_at"]) == (True, None)
    await operator.uses(FIRST)
    await switch(True)
    await operator.uses(None)
    assert (await operator.set(SECOND)).json["in_use"], "a new key is enabled"
    await operator.uses(SECOND)
    for wrong in ("yes", None, 1):
        assert (await switch(wrong)).status == 400


async def test_a_key_is_never_shown_and_is_not_in_the_store_as_it_is(
    operator: Operator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    said = [await operator.set(FIRST), await operator.ask("GET", "/providers")]
    await operator.uses(FIRST)
    said.append(await operator.ask("GET", "/providers"))
    assert [one["name"] for one in said[-1].json["data"]] == ["eu", "us"]
    assert [one["in_use"] for one in said[-1].json["data"]] == [True, False]
    assert all(FIRST.encode() not in reply.body for reply in said)
    assert FIRST not in caplog.text
    store = operator.gateway.app._store
    assert store is not None
    rows = await store.ask(list_provider_keys)
    assert FIRST not in str(rows)
    assert Cipher([SECRET]).decrypt(rows["eu"]["encrypted"], "eu") == FIRST


@pytest.mark.parametrize(
    ("provider", "key", "status", "code"),
    [
        ("us", FIRST, 409, "key_configured"),
        ("nobody", FIRST, 404, "not_found"),
        ("eu", "", 400, None),
        ("eu", "a b", 400, None),
        ("eu", "schlüssel", 400, None),
        ("eu", "x" * 5000, 400, None),
    ],
)
async def test_a_key_that_cannot_be_used_is_refused(
    operator: Operator, provider: str, key: str, status: int, code: str | None
) -> None:
    reply = await operator.set(key, provider)
    assert reply.status == status, reply.body
    assert code in (None, reply.error["code"])
    assert reply.error["param"] == ("key" if status == 400 else "provider")
    assert not key or key.encode() not in reply.body


async def test_without_a_secret_no_key_can_be_set(tmp_path: Path) -> None:
    async with Simulator() as provider, Gateway(more=settings(tmp_path, provider, "")) as gateway:
        reply = await Operator(gateway, provider).set(FIRST)
    assert (reply.status, reply.error["code"]) == (409, "no_secret_key")
    assert "TIDEGATE_SECRET_KEY" in reply.error["message"]


async def test_a_key_whose_secret_is_gone_is_not_used_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Simulator() as provider:
        async with Gateway(more=settings(tmp_path, provider)) as gateway:
            await Operator(gateway, provider).set(FIRST)
        more = settings(tmp_path, provider, f'secret_keys = ["{OLD}"]')
        async with Gateway(more=more) as gateway:
            assert (await Operator(gateway, provider).called())[0] is None
    assert "the key of eu in the store cannot be read" in caplog.text


def test_the_commands_set_list_and_encrypt_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEGATE_STORE_URL", f"sqlite:///{tmp_path}/t.db")

    def run(line: str, *, given: str = "", secrets: str = "", status: int = 0) -> str:
        env = {"TIDEGATE_SECRET_KEY": secrets}
        result = CliRunner().invoke(app, ["providers", *line.split()], input=given, env=env)
        assert result.exit_code == status, result.output
        return result.output

    assert "TIDEGATE_SECRET_KEY" in run("set-key openai", given=FIRST, status=1)
    said = run("set-key openai", given=f"{FIRST}\n", secrets=OLD)
    said += run("list", secrets=OLD)
    assert "…abcd" in said
    assert FIRST not in said
    assert "1 encrypted again" in run("reencrypt", secrets=f"{SECRET},{OLD}")
    assert "0 encrypted again" in run("reencrypt", secrets=SECRET)
    assert "cannot be read" not in run("list", secrets=SECRET)
    assert "there is no provider nobody" in run("set-key nobody", given=FIRST, secrets=SECRET, status=1)
    run("disable-key openai")
    assert "disabled" in run("list", secrets=SECRET)
    run("enable-key openai")
    assert "disabled" not in run("list", secrets=SECRET)
    for command in ("disable-key", "enable-key"):
        assert "no key of anthropic" in run(f"{command} anthropic", status=1)
    run("remove-key openai", secrets=SECRET)
    run("remove-key openai", secrets=SECRET, status=1)
