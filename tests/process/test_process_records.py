"""Records in files: what a gateway with two workers keeps, `tidegate explain` explains."""

from pathlib import Path

from process.serving import CHAT, Served, eventually, one
from running import HELLO
from sdk.dialects import OPENAI
from simulator import Simulator, refusal

REQUESTS = 4
FALLBACK = """
directory = "logs"
[providers.first]
kind = "openai_compatible"
base_url = "{url}/v1"
[models.m]
candidates = ["first/x", "sim/y"]
"""


async def test_every_worker_keeps_records_that_can_be_explained(tmp_path: Path, unused_tcp_port: int) -> None:
    async with Simulator() as first, Simulator() as second:
        first.answer(refusal(503))
        second.answer(OPENAI.text)
        file = one(second, "workers = 2", FALLBACK.format(url=first.url))
        async with Served(tmp_path, file, port=unused_tcp_port) as gateway:
            replies = [await gateway.post(CHAT, {"model": "m", **HELLO}) for _ in range(REQUESTS)]
            kept = (tmp_path / "logs").glob
            await eventually(
                lambda: sum(path.read_bytes().count(b"\n") for path in kept("records-*")) == REQUESTS,
                "the records of all requests",
            )
            for reply in replies[::3]:
                result = await gateway.command("explain", reply.headers["x-request-id"])
                lines = result.stdout.decode().splitlines()
                assert "first: first, because it is listed first" in lines
                _, failed, answered = lines[lines.index("tried:") :][:3]
                assert failed.startswith("   1. first/x: failed after ")
                assert failed.endswith(": 503 simulated simulated_error")
                assert answered.startswith("   2. sim/y: answered; first byte after ")
            missing = await gateway.command("explain", "req_none")
            assert (missing.returncode, missing.stdout) == (1, b"")
