"""Counts what it costs to move a request with a wallet from the journal into the store, in machine
instructions of the gateway's process (see `instructions.py`; valgrind is needed).

    uv run python benchmarks/moving.py [--url postgresql://…] [--callers 50] [--source FOLDER]

Without a URL, the store is SQLite. The database is an empty one, and is filled. `--callers` is how many keys
the requests come from, in turn: the figures of each have rows of their own. Figures are added to the rollups
once, after the last look, as a worker does it after so many requests.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from instructions import CALLGRIND, COUNTED, Callgrind

LOOK = 800
"""Requests that are moved together."""
LOOKS = 12
WARM_UP = 2
"""Looks that are not counted."""


def requests(lease: str, callers: int) -> Callable[[int], Any]:
    """What makes the lines of a request, by its number."""
    from msgspec import Raw
    from msgspec.json import encode

    from tidegate.figures import Answered
    from tidegate.money import Line
    from tidegate.observe.record import Record
    from tidegate.protocols.usage import Usage
    from tidegate.store.journal import Begun, Charge, Ended

    def make(number: int) -> Any:
        name, at, key = f"req_0123456789ab{number:08x}", 1_796_000_000_000 + number, f"key_{number % callers}"
        record = Record(
            time="2026-11-30T11:01:19.382Z", id=name, door="openai", path="/v1/chat/completions", status=200,
            ended="complete", client="bench", model="a/m", provider="a", provider_model="m", stream=False,
            finish="stop", usage=Usage(input=18, output=38), user="bench", cost=25500, caller="bench",
            bill=[Line("input", 18, "0.15", 2700), Line("output", 38, "0.6", 22800)],
            total_ms=0.1 + number % 90, began_ms=0.035, answered_ms=0.084, response_bytes=416,
        )  # fmt: skip
        return Begun(name, at, "bench", key, lease, 165_938, "a/m"), Ended(
            id=name, at=at + 1, ended="complete", status=200, begun_at=at, user="bench", key=key, model="a/m",
            provider="a", provider_model="m", lease=lease, held=165_938, charges=(Charge(0, 25500),),
            cost=25500, tokens=56, door="openai", answered=Answered("a", "m", record.total_ms, 18, 38, 25500),
            detail=Raw(encode(record)),
        )  # fmt: skip

    return make


async def run(url: str, callers: int) -> None:
    """Append requests to the journal of a store, and move them."""
    from tidegate.app import spare_the_collector
    from tidegate.store import store as stores
    from tidegate.store.journal import Place
    from tidegate.store.keys import add_user
    from tidegate.store.leases import take_lease
    from tidegate.store.store import Store
    from tidegate.store.wallets import add_credit

    stores.EVERY_S, stores.MANY = 1e9, 10**9  # nothing is moved by itself, however slow valgrind is
    with tempfile.TemporaryDirectory() as folder:
        store = Store(url or f"sqlite:///{folder}/tidegate.db", Place(Path(folder)))
        await store.open()
        await store.change(add_user, "bench", 1)
        await store.change(add_credit, "bench", 10**15, 1, reference="bench")
        lease = await store.change(take_lease, "bench", 10**12, 10**12, 0, store.id, 1)
        make = requests(lease.id, callers)
        spare_the_collector()
        for look in range(WARM_UP + LOOKS):
            for number in range(look * LOOK, (look + 1) * LOOK):
                for line in make(number):
                    store.append(line)
            with Callgrind() if look >= WARM_UP else nullcontext():
                await store.flush(figures=look == WARM_UP + LOOKS - 1)
        await store.close()


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--url", default="", help="an empty database")
    options.add_argument("--callers", type=int, default=1)
    options.add_argument("--source", type=Path, default=Path(__file__).parents[1] / "src")
    options.add_argument("--profile", type=Path, help="keep the profile in this file")
    options.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.inside:
        asyncio.run(run(asked.url, asked.callers))
        return
    with tempfile.TemporaryDirectory() as temporary:
        profile = asked.profile or Path(temporary) / "moving.callgrind"
        command = [
            "valgrind", *CALLGRIND, f"--callgrind-out-file={profile}", sys.executable, __file__, "--inside",
            "--url", asked.url, "--callers", str(asked.callers),
        ]  # fmt: skip
        environ = {**os.environ, "PYTHONPATH": str(asked.source.resolve()), "PYTHONHASHSEED": "0"}
        subprocess.run(command, check=True, env=environ)
        total = COUNTED.search(profile.read_text())
        assert total is not None, "callgrind has counted nothing"
        print(f"{int(total[1]) / LOOK / LOOKS:,.0f} instructions a request")


if __name__ == "__main__":
    main()
