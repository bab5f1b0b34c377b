"""`/metrics`, `/metrics/models` and `/metrics/trends` of a running gateway."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from running import HELLO, Gateway, Reply
from sdk.dialects import OPENAI
from simulator import Simulator, json, never

PRICES = '[prices."sim/gpt-4o"]\ninput = 2.5\noutput = 10\ncache_read = 1.25\n'
ONE_ANSWER = (11 * 2.5 + 7 * 10) / 1e6
"""What the simulator's answer costs, in USD."""


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        simulator.answer(OPENAI.text)
        yield simulator


@pytest.fixture
async def gateway(provider: Simulator) -> AsyncIterator[Gateway]:
    async with Gateway({"sim": ("openai_compatible", f"{provider.url}/v1")}, more=PRICES) as running:
        yield running


def parse(text: str) -> dict[str, float]:
    """The values of Prometheus' text by name and labels."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


async def scrape(gateway: Gateway, headers: Mapping[str, str] | None = None) -> dict[str, float]:
    reply = await gateway.get("/metrics", headers)
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return parse(reply.body.decode())


def of(name: str, model: str = "gpt-4o", **labels: str) -> str:
    named = {"provider": "sim", "model": model, **labels}
    inside = ",".join(f'{key}="{value}"' for key, value in named.items())
    return f"{name}{{{inside}}}"


async def test_an_answer_is_counted_once_in_everything(gateway: Gateway) -> None:
    assert (await gateway.chat("sim/gpt-4o")).status == 200
    found = await scrape(gateway)
    assert found[of("tidegate_requests_total", status_class="2xx")] == 1
    assert found[of("tidegate_attempts_total")] == 1
    assert found[of("tidegate_tokens_total", **{"class": "input"})] == 11
    assert found[of("tidegate_tokens_total", **{"class": "output"})] == 7
    assert found[of("tidegate_cost_usd_total")] == pytest.approx(ONE_ANSWER)
    assert found[of("tidegate_request_duration_seconds_count")] == 1
    assert found[of("tidegate_request_duration_seconds_bucket", le="+Inf")] == 1
    assert found[of("tidegate_time_to_first_token_seconds_count")] == 0
    assert found['tidegate_http_requests_total{door="openai",status_class="2xx"}'] == 1
    assert found["tidegate_open_requests"] == 0


async def test_bodies_for_which_there_is_no_room_are_counted(provider: Simulator, tmp_path: Path) -> None:
    provider.answer(never())
    store = f'[store]\nurl = "sqlite:///{tmp_path}/records.db"\n[auth]\nmode = "open"\n'
    more = f'{store}[logs]\nbodies = "full"\nbodies_mb = 1\nbody_kb = 1024'
    async with Gateway({"sim": ("openai_compatible", f"{provider.url}/v1")}, more=more) as gateway:
        assert (await scrape(gateway))["tidegate_dropped_details_total"] == 0
        long = [{"role": "user", "content": "x" * 700_000}]
        asked = [asyncio.create_task(gateway.chat("sim/m", messages=long)) for _ in range(2)]
        await provider.seen(2)
        assert (await scrape(gateway))["tidegate_dropped_details_total"] >= 1
        for one in asked:
            one.cancel()


async def test_a_stream_has_a_time_to_first_token_and_is_open_while_it_lasts(
    gateway: Gateway, provider: Simulator
) -> None:
    provider.answer(OPENAI.stream)
    async with gateway.open("sim/gpt-4o", stream=True) as response:
        await response.content.readany()
        seen = await scrape(gateway)
        assert seen["tidegate_open_streams"] in (0, 1)
        await response.read()
    found = await scrape(gateway)
    assert found[of("tidegate_time_to_first_token_seconds_count")] == 1
    assert found["tidegate_open_streams"] == 0


async def test_requests_are_open_until_they_are_answered(gateway: Gateway, provider: Simulator) -> None:
    provider.answer(never())
    asked = [asyncio.create_task(gateway.chat("sim/gpt-4o", stream=stream)) for stream in (True, True, False)]
    await provider.seen(3)
    found = await scrape(gateway)
    assert (found["tidegate_open_requests"], found["tidegate_open_streams"]) == (3, 2)
    for one in asked:
        one.cancel()


async def test_errors_are_counted_by_kind_where_they_happened(gateway: Gateway, provider: Simulator) -> None:
    provider.answer(json({"error": {"message": "slow down", "type": "rate_limit_error"}}, status=429))
    assert (await gateway.chat("sim/gpt-4o")).status == 429
    found = await scrape(gateway)
    assert found[of("tidegate_provider_errors_total", kind="rate_limit")] == 1
    assert found[of("tidegate_requests_total", status_class="4xx")] == 1
    assert found[of("tidegate_unpriced_answers_total")] == 0


async def test_names_that_nobody_knows_are_one_series(gateway: Gateway) -> None:
    for number in range(5):
        assert (await gateway.chat(f"sim/made-up-{number}")).status == 200
    text = (await gateway.get("/metrics")).body.decode()
    assert "made-up" not in text
    assert parse(text)[of("tidegate_requests_total", "other", status_class="2xx")] == 5
    models = (await gateway.get("/metrics/models")).json["models"]
    assert [one["name"] for one in models] == ["other"]


async def test_refused_requests_are_counted_by_reason(gateway: Gateway) -> None:
    assert (await gateway.get("/v1/no-such-path")).status == 404
    assert (await gateway.chat("gpt-4o", provider="nobody")).status in (400, 404)
    await gateway.post("/v1/chat/completions", b"{")
    found = await scrape(gateway)
    refused = 'tidegate_refused_requests_total{door="openai",reason="%s"}'
    assert found[refused % "model"] + found[refused % "request"] == 3
    assert found['tidegate_requests_total{provider="none",model="other",status_class="4xx"}'] == 1


async def test_the_text_is_as_prometheus_wants_it(gateway: Gateway, provider: Simulator) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: the package prometheus)")
    await gateway.chat("sim/gpt-4o")
    provider.answer(OPENAI.stream)
    await gateway.chat("sim/gpt-4o", stream=True)
    text = (await gateway.get("/metrics")).body
    process = await asyncio.create_subprocess_exec(
        promtool, "check", "metrics", stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate(text)
    assert (process.returncode, said) == (0, b"")


async def test_openmetrics_and_json_are_given_to_those_who_ask(gateway: Gateway) -> None:
    await gateway.chat("sim/gpt-4o")
    wanted = "application/openmetrics-text; version=1.0.0, text/plain;q=0.5"
    reply = await gateway.get("/metrics", {"accept": wanted})
    assert reply.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    text = reply.body.decode()
    assert text.endswith("# EOF\n")
    assert "# TYPE tidegate_requests counter\n" in text
    found = (await gateway.get("/metrics", {"accept": "application/json"})).json
    [tokens] = [
        one["value"] for one in found["tidegate_tokens_total"]["values"] if one["labels"]["class"] == "input"
        and one["labels"]["provider"] == "sim"
    ]  # fmt: skip
    assert tokens == 11


async def test_every_metric_has_a_name_that_says_its_unit(gateway: Gateway) -> None:
    text = (await gateway.get("/metrics")).body.decode()
    kinds = dict(re.findall(r"# TYPE (\S+) (\S+)", text))
    assert len(kinds) > 25
    for name, kind in kinds.items():
        assert name.endswith("_total") == (kind == "counter"), name


async def test_models_and_trends_answer_from_memory_without_a_store(gateway: Gateway) -> None:
    await gateway.chat("sim/gpt-4o")
    found = (await gateway.get("/metrics/models")).json
    assert (found["source"], found["totals"]["requests"]) == ("memory", 1)
    assert found["since"] <= found["to"]
    [model] = found["models"]
    assert (model["provider"], model["name"], model["requests"]) == ("sim", "gpt-4o", 1)
    assert (model["success_rate"], model["errors"]) == (1, 0)
    assert model["tokens"]["input"] == 11
    assert model["cost_usd"] == pytest.approx(ONE_ANSWER)
    assert model["latency_ms"]["p50"] > 0
    trends = (await gateway.get("/metrics/trends?hours=24&model=gpt-4o")).json
    assert trends["bucket_s"] == 900
    assert sum(point["requests"] for point in trends["series"]) == 1
    assert len(trends["series"]) <= 120
    assert (await gateway.get("/metrics/trends?model=other-one")).json["totals"]["requests"] == 0


WRONG = {
    "hours=no": "hours",
    "hours=-1": "hours",
    "hours=nan": "hours",
    "bucket=7": "bucket",
    "hours=100&bucket=300": "bucket",
}


@pytest.mark.parametrize("query", WRONG)
async def test_what_cannot_be_asked_is_refused_by_name(gateway: Gateway, query: str) -> None:
    reply = await gateway.get(f"/metrics/trends?{query}")
    assert (reply.status, reply.error["param"]) == (400, WRONG[query])


KEYS = '[auth]\nmode = "keys"\nkeys = ["alice:sk-alice-0123456789"]\n'


async def get(more: str, key: str | None) -> Reply:
    async with Gateway({"demo": ("demo", "")}, more=more) as running:
        headers = {"authorization": f"Bearer {key}"} if key is not None else {}
        replies = [await running.get(f"/metrics{path}", headers) for path in ("", "/models", "/trends")]
        assert len({reply.status for reply in replies}) == 1
        return replies[0]


ADMINS = f'{KEYS}admin_keys = ["root-0123456789-0123456789"]\n'
READERS: Mapping[str, Any] = {
    "nobody": (KEYS, None, 403),
    "a client": (KEYS, "sk-alice-0123456789", 403),
    "everybody": (f"{KEYS}[metrics]\npublic = true\n", None, 200),
    "prometheus": (f'{KEYS}[metrics]\ntoken = "prom-0123456789"\n', "prom-0123456789", 200),
    "a wrong token": (f'{KEYS}[metrics]\ntoken = "prom-0123456789"\n', "prom", 401),
    "no token": (f'{KEYS}[metrics]\ntoken = "prom-0123456789"\n', None, 401),
    "an administrator": (ADMINS, "root-0123456789-0123456789", 200),
    "a client beside administrators": (ADMINS, "sk-alice-0123456789", 401),
}


@pytest.mark.parametrize("reader", READERS)
async def test_who_may_read(reader: str) -> None:
    more, key, status = READERS[reader]
    assert (await get(more, key)).status == status


async def test_a_store_keeps_trends_over_a_restart(provider: Simulator, tmp_path: Path) -> None:
    more = f'{PRICES}[auth]\nmode = "open"\n[store]\nurl = "sqlite:///{tmp_path}/tidegate.db"\n'
    service = {"sim": ("openai_compatible", f"{provider.url}/v1")}
    async with Gateway(service, more=more) as first:
        for _ in range(3):
            assert (await first.post("/v1/chat/completions", {"model": "sim/gpt-4o", **HELLO})).status == 200
        before = (await first.get("/metrics/trends")).json
    async with Gateway(service, more=more) as second:
        after = (await second.get("/metrics/trends")).json
        models = (await second.get("/metrics/models")).json["models"]
        now = await scrape(second)
    assert (before["source"], before["totals"]["requests"]) == ("store", 3)
    assert after["totals"] == before["totals"]
    assert models[0]["cost_usd"] == pytest.approx(3 * ONE_ANSWER)
    assert of("tidegate_requests_total", status_class="2xx") not in now
