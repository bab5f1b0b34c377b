"""What one worker bears, and what four lose when one is killed.

    uv run python benchmarks/load.py [--streams 2000] [--rate 3] [--requests 10000] [--leaves 20]

Three processes: the gateway (`tidegate serve`), a provider that answers at once (`load_upstream.py`), and
this one, the clients. The times depend on what else the machine does and decide nothing. The counts do not:
a request that fails and should not, or a record that does not match what its client saw, is marked with
`!` and makes the exit status 1. `tests/process/test_process_load.py` holds the same at small scale.
"""

import argparse
import asyncio
import os
import resource
import signal
import sys
from collections import Counter
from pathlib import Path
from statistics import quantiles
from time import monotonic

import uvloop
from rich.console import Console
from rich.table import Table

from load_gateway import Client, Gateway, Outcome, free_port, gateway, rise
from load_upstream import WAIT

FAULTS = ("m-cut", "m-reset", "m-500", "m-hang")
ENDINGS = {"m": "complete", "m-left": "client_left", "m-500": "failed"}
"""How a stream of each model ends; those of the other faults end as `provider_broke`."""
SETTLE_S = 90.0
"""How long idle connections to the provider may stay open: 55 s, and some."""


def model_of(number: int) -> str:
    """Of every hundred streams ten are left by their clients and five meet a fault, each in its turn."""
    if number % 10 == 3:
        return "m-left"
    return FAULTS[number // 20 % len(FAULTS)] if number % 20 == 7 else "m"


class Report:
    """The table of figures, and whether all counts are right."""

    def __init__(self) -> None:
        self.failed = False
        self._table = Table("what", "figure")
        self._table.columns[1].justify = "right"

    def note(self, what: str, figure: str) -> None:
        self._table.add_row(what, figure)

    def expect(self, what: str, found: object, expected: object, figure: str = "") -> None:
        """Note a count that has to be exact."""
        right = found == expected
        self.failed = self.failed or not right
        self.note(what, (figure or f"{found}") if right else f"! {found}, not {expected}")

    def print(self) -> None:
        Console(width=110).print(self._table)


class OneWorker:
    """The measurements on one worker, one after another on the same process."""

    def __init__(self, options: argparse.Namespace, served: Gateway, report: Report) -> None:
        self._options, self._gateway, self._report = options, served, report
        self._client = Client(served.port)
        self._peak = 0.0
        self._expected: Counter[tuple[str, str]] = Counter({("m", "complete"): 1})  # the first answer

    async def run(self, reports: asyncio.StreamReader) -> None:
        report, served = self._report, self._gateway
        report.note("from the command to the first answer", f"{served.first_answer_s:.2f} s")
        await self._use_each_model()
        report.note("memory at rest, once each model was used", f"{served.resident:.0f} MB")
        await self._requests()
        descriptors = served.descriptors
        for _ in range(2):
            await self._streams()
        await self._leaves(reports)
        await self._settle(descriptors)

    async def _use_each_model(self) -> None:
        """What the gateway keeps of a model for good is made now, and not amid the streams."""
        for model in sorted({*ENDINGS, *FAULTS}):
            await self._client.stream(model, 0.5 if model == "m-left" else None)
            self._expected[model, ENDINGS.get(model, "provider_broke")] += 1

    async def _requests(self) -> None:
        report, served = self._report, self._gateway
        await self._client.plain(200)
        before, cpu, began = served.resident, served.busy, monotonic()
        shares = [self._options.requests // 8] * 8
        failed = sum(await asyncio.gather(*map(self._client.plain, shares)))
        took, cpu, count = monotonic() - began, served.busy - cpu, sum(shares)
        self._expected["m", "complete"] += count + 200
        report.expect(f"{count:,} plain requests: failed", failed, 0)
        report.note("  per second", f"{count / took:,.0f}")
        report.note("  processor time of each", f"{cpu / count * 1e6:.0f} µs")
        report.note("  memory before → after", f"{before:.1f} → {served.resident:.1f} MB")

    async def _streams(self) -> None:
        report, served, options = self._report, self._gateway, self._options
        watching = asyncio.create_task(self._watch())
        cpu = served.busy
        outcomes = await rise(self._one_stream, options.streams, options.ramp)
        cpu = served.busy - cpu
        watching.cancel()
        models = [model_of(number) for number in range(options.streams)]
        expected = Counter((model, ENDINGS.get(model, "provider_broke")) for model in models)
        seen = Counter((model, one.ended) for model, one in zip(models, outcomes, strict=True))
        self._expected += expected
        report.expect(f"{options.streams:,} streams, {options.rate:g} events/s each",
                      seen, expected, render(seen))  # fmt: skip
        firsts = [one.first_s * 1e3 for one in outcomes if one.first_s is not None]
        cuts = quantiles(firsts, n=100)
        report.note("  first event after: p50 · p95 · p99 · max",
                    f"{cuts[49]:.1f} · {cuts[94]:.1f} · {cuts[98]:.1f} · {max(firsts):.1f} ms")  # fmt: skip
        events = sum(one.ended == "complete" for one in outcomes) * (options.events + 3)
        report.note(
            "  processor time of an event, with its share of the start", f"{cpu / events * 1e6:.0f} µs"
        )
        report.note("  memory: most · after", f"{self._peak:.0f} · {served.resident:.0f} MB")

    async def _one_stream(self, number: int) -> Outcome:
        leaves_after_s = number % 50 / 25 if model_of(number) == "m-left" else None
        return await self._client.stream(model_of(number), leaves_after_s)

    async def _watch(self) -> None:
        while True:
            self._peak = max(self._peak, self._gateway.resident)
            await asyncio.sleep(0.1)

    async def _leaves(self, reports: asyncio.StreamReader) -> None:
        count = self._options.leaves
        for stream, name in ((True, "stream"), (False, "plain call")):
            # From at once to after half a second: those who leave early are noticed later.
            pauses = [0.01 + 0.5 * number / count for number in range(count)]
            times = sorted([await self._client.leave(WAIT, stream, pause, reports) for pause in pauses])
            self._expected[WAIT, "client_left"] += count
            self._report.note(f"a client leaves a {name}: seen upstream after: p50 · max",
                              f"{times[count // 2] * 1e3:.0f} · {times[-1] * 1e3:.0f} ms")  # fmt: skip

    async def _settle(self, descriptors: int) -> None:
        """Await that idle connections are closed, and look at what is left."""
        report, served, began = self._report, self._gateway, monotonic()
        while served.descriptors > descriptors and monotonic() - began < SETTLE_S:
            await asyncio.sleep(0.5)
        found = served.descriptors
        figure = f"{found} after {monotonic() - began:.0f} s; {descriptors} before the streams"
        report.expect("descriptors at the end", found <= descriptors, True, figure)
        report.note("memory at the end", f"{served.resident:.0f} MB")
        records = served.endings()
        endings = Counter(ended for _, ended in records.elements())
        report.expect("records", records, self._expected, render_counts(endings))


def render(seen: Counter[tuple[str, str]]) -> str:
    return render_counts(Counter(ended for _, ended in seen.elements()))


def render_counts(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.most_common())


async def lose_a_worker(options: argparse.Namespace, served: Gateway, report: Report) -> None:
    """Kill one of four workers in the middle of its streams: those, and only those, are lost."""
    client, count = Client(served.port), options.streams // 4
    streaming = asyncio.create_task(rise(lambda _: client.stream("m"), count, options.ramp / 4))
    while sum(len(served.peers_of(worker)) for worker in served.workers) < count:
        await asyncio.sleep(0.1)
    shares = {worker: served.peers_of(worker) for worker in served.workers}
    killed = max(shares, key=lambda worker: len(shares[worker]))
    os.kill(killed, signal.SIGKILL)
    while served.exists(killed):
        await asyncio.sleep(0.01)
    failed = sum(await asyncio.gather(*(client.plain(50, kept=False) for _ in range(10))))
    outcomes = await streaming
    lost = {one.client_port for one in outcomes if one.ended != "complete"}
    sizes = " + ".join(str(len(share)) for share in shares.values())
    report.expect(f"{count} streams on {len(shares)} workers ({sizes}), one killed: lost",
                  lost, shares[killed], f"{len(lost)}, all its own")  # fmt: skip
    report.expect("500 new connections after that: failed", failed, 0)
    while len(served.workers) < len(shares):
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)  # records are written ten times a second
    complete = Counter({("m", "complete"): 1 + 500 + count - len(shares[killed])})
    report.expect("records", served.endings(), complete, render(complete))


async def run(options: argparse.Namespace) -> bool:
    port, report = free_port(), Report()
    upstream = await asyncio.create_subprocess_exec(
        *(sys.executable, str(Path(__file__).with_name("load_upstream.py"))),
        *(str(port), str(options.rate), str(options.events)),
        stdout=asyncio.subprocess.PIPE,
    )
    reports = upstream.stdout
    assert reports is not None
    try:
        await reports.readline()  # it listens
        with gateway(port) as served:
            await OneWorker(options, served, report).run(reports)
        with gateway(port, workers=4) as served:
            await lose_a_worker(options, served, report)
    finally:
        upstream.terminate()
        await upstream.wait()
    report.print()
    return report.failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--streams", type=int, default=2000, help="open at once")
    parser.add_argument("--rate", type=float, default=3, help="events a second of each stream")
    parser.add_argument("--ramp", type=float, default=10, help="seconds over which the streams begin")
    parser.add_argument("--events", type=int, default=0, help="of each stream; 0: enough to overlap")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--leaves", type=int, default=20, help="clients that leave, of each kind")
    options = parser.parse_args()
    options.events = options.events or int((options.ramp + 5) * options.rate)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sys.exit(uvloop.run(run(options)))


if __name__ == "__main__":
    main()
