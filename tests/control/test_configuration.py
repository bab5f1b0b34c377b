"""`/admin/configuration`: the settings in effect, without keys."""

from pathlib import Path

from administration import ADMIN, AS_ADMIN
from running import Gateway, parse_config
from tidegate.config import shown_settings

UPSTREAM = "sk-upstream-0123456789"


async def test_settings_come_with_their_origin_and_no_key(tmp_path: Path) -> None:
    more = f"""
        [auth]
        admin_keys = ["ops:{ADMIN}"]
        keys = ["alice:sk-client-0123456789"]
        [store]
        url = "sqlite:///{tmp_path}/t.db"
    """
    async with Gateway(
        {"one": ("openai_compatible", "http://127.0.0.1:9")}, more=more, routing="first_byte_s = 7"
    ) as gateway:
        reply = await gateway.get("/admin/configuration", AS_ADMIN)
    assert reply.status == 200
    for secret in (ADMIN, "sk-client-0123456789", UPSTREAM):
        assert secret not in reply.body.decode()
    settings = {one["key"]: one for one in reply.json["settings"]}
    assert settings["routing.first_byte_s"]["value"] == 7
    assert settings["routing.first_byte_s"]["origin"].startswith("tidegate.toml:")
    assert settings["server.workers"] == {
        "key": "server.workers", "value": 1, "origin": "default", "default": True,
    }  # fmt: skip
    assert settings["providers.one.kind"]["value"] == "openai_compatible"


async def test_it_needs_an_administrator_and_no_store() -> None:
    async with Gateway({"demo": ("demo", "")}, more=f'[auth]\nadmin_keys = ["{ADMIN}"]') as gateway:
        assert (await gateway.get("/admin/configuration")).status == 401
        assert (await gateway.get("/admin/configuration", AS_ADMIN)).status == 200
        assert (await gateway.get("/admin/keys", AS_ADMIN)).error["code"] == "no_store"


async def test_warnings_are_listed() -> None:
    async with Gateway(more=f'[auth]\nadmin_keys = ["{ADMIN}"]') as gateway:
        warnings = (await gateway.get("/admin/configuration", AS_ADMIN)).json["warnings"]
    assert any("no provider is configured" in one for one in warnings)


def test_passwords_in_urls_are_masked() -> None:
    config = parse_config('[store]\nurl = "postgresql://tide:pa%40ss:w0rd@db.example:5432/tide"')
    shown = {one.key: one.value for one in shown_settings(config)}
    assert shown["store.url"] == "postgresql://…@db.example:5432/tide"
