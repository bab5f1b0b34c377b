"""Counts what a request costs in machine instructions, or in Python's bytecodes: on a busy machine times say
little, and these stay the same.

    uv run python benchmarks/instructions.py [--scenario NAME …] [--source FOLDER] [--profile FOLDER]
    uv run python benchmarks/instructions.py --bytecodes 40 --scenario json

Instructions are counted by valgrind's callgrind, which has to be installed (Debian: `apt install valgrind`);
bytecodes by Python itself. `--source` is another `src` to count instead, such as that of an older commit in a
worktree; `--profile` keeps the profiles, for callgrind_annotate.

The whole path of a request is run in one process: the server's parser, the exchange, the client's parser.
Only the network is made up (`Network`): one client, and a provider that answers at once, in memory.
The clock is made up too: it moves by the same step whenever it is read, so that what is done every tenth of a
second is done for some hundreds of requests, as in reality, however slowly valgrind runs them.

"accounted" is "json" with a key, limits of requests and tokens, a wallet and the journal: all that the event
loop does of accounts. The journal is not moved into the store meanwhile, which another thread does.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from examples import ANTHROPIC, ANTHROPIC_STREAM, EVENTS, OPENAI, OPENAI_STREAM

STEP_S = 7e-6
"""How far the clock moves whenever it is read: about 140 µs in a request."""
WARM_UP = 300
"""Requests before counting begins."""
TURNS = 16
"""Turns of the event loop for each that looks for timers, too."""
CALLGRIND = ("--tool=callgrind", "--instr-atstart=no", "--quiet")
COUNTED = re.compile(r"^totals: (\d+)", re.MULTILINE)

CONFIG = """
[auth]
mode = "open"
[logs]
bodies = "none"
format = "json"
[routing]
retries = 0
[providers.a]
kind = "openai_compatible"
base_url = "http://127.0.0.1:1/v1"
api_key = "sk-up"
[providers.b]
kind = "openai_compatible"
base_url = "http://127.0.0.1:2/v1"
api_key = "sk-up"
[providers.c]
kind = "openai_compatible"
base_url = "http://127.0.0.1:3/v1"
api_key = "sk-up"
[providers.other]
kind = "anthropic"
base_url = "http://127.0.0.1:4"
api_key = "sk-up"
[models.priority]
candidates = ["a/m", "b/m", "c/m"]
[models.balanced]
candidates = ["a/m", "b/m", "c/m"]
order = "balanced"
[prices."a/m"]
input = 0.15
output = 0.60
cache_read = 0.075
[prices."b/m"]
input = 0.16
output = 0.64
cache_read = 0.08
[prices."c/m"]
input = 0.20
output = 0.80
cache_read = 0.10
"""

ACCOUNTED = (
    CONFIG.replace('mode = "open"', 'mode = "keys"')
    + """
[store]
url = "sqlite:///FOLDER/tidegate.db"
[billing]
enabled = true
"""
)
KEY = "sk-tide-benchmark"


def plain(value: object) -> list[bytes]:
    """A provider's whole answer."""
    body = json.dumps(value).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    return [head + body]


def streamed(events: Sequence[bytes]) -> list[bytes]:
    """A provider's stream, an event in each packet."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return [head, *[b"%x\r\n%b\r\n" % (len(event), event) for event in events], b"0\r\n\r\n"]


@dataclass(frozen=True)
class Scenario:
    """A kind of request."""

    model: str
    answer: list[bytes]
    stream: bool = False
    requests: int = 2000
    words: int = 20
    """How often the prompt says the same: twelve bytes each."""
    accounted: bool = False

    @property
    def parts(self) -> int:
        """What the instructions are divided by in a request: a stream costs so much for each event."""
        return EVENTS if self.stream else 1


SCENARIOS = {
    "json": Scenario("a/m", plain(OPENAI)),
    "accounted": Scenario("a/m", plain(OPENAI), accounted=True),
    "translated": Scenario("other/m", plain(ANTHROPIC)),
    "priority": Scenario("priority", plain(OPENAI)),
    "balanced": Scenario("balanced", plain(OPENAI)),
    "event": Scenario("a/m", streamed(OPENAI_STREAM), True, 40),
    "translated event": Scenario("other/m", streamed(ANTHROPIC_STREAM), True, 40),
    "300 KB": Scenario("a/m", plain(OPENAI), requests=200, words=25_000),
    "300 KB translated": Scenario("other/m", plain(ANTHROPIC), requests=200, words=25_000),
}


class Wire(asyncio.Transport):
    """A connection without a socket."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        super().__init__()
        self.write = write  # type: ignore[assignment, method-assign]

    def writelines(self, pieces: Any) -> None:
        self.write(pieces[0])

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...


class Network(asyncio.SelectorEventLoop):
    """An event loop whose connections lead to a provider that answers at once, by a clock of its own.

    Each packet of an answer arrives in a turn of its own, as from a socket. Most turns only run what is
    ready, as asyncio's own take 18,000 instructions, and uvloop's a few thousand.
    """

    _ready: Any

    def __init__(self, clock: Callable[[], float], answer: list[bytes]) -> None:
        super().__init__()
        self.time = clock  # type: ignore[method-assign]
        self._answer = answer
        self._turn = 0

    def _run_once(self) -> None:
        self._turn += 1
        ready = self._ready
        if not ready or self._turn % TURNS == 0:
            super()._run_once()  # type: ignore[misc]
            return
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    async def sock_connect(self, sock: socket.socket, address: object) -> None: ...

    async def create_connection(self, make: Any, *args: Any, sock: Any = None, **options: Any) -> Any:
        sock.close()
        protocol = make()

        def write(_: bytes) -> None:
            self.call_soon(receive, iter(self._answer))

        def receive(packets: Iterator[bytes]) -> None:
            for packet in packets:
                protocol.data_received(packet)
                self.call_soon(receive, packets)
                break

        wire = Wire(write)
        protocol.connection_made(wire)
        return wire, protocol


class Client:
    """Sends the same request again and again."""

    def __init__(self, scenario: Scenario, connect: Callable[[], Any]) -> None:
        body: dict[str, Any] = {"model": scenario.model, "max_tokens": 256, "stream": scenario.stream}
        body["messages"] = [{"role": "user", "content": "Hello, you! " * scenario.words}]
        sent = json.dumps(body, separators=(",", ":")).encode()
        self._request = (
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nuser-agent: bench\r\n"
            b"authorization: Bearer %b\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n%b" % (KEY.encode(), len(sent), sent)
        )
        self._end = b"0\r\n\r\n" if scenario.stream else b"}"
        self._answered: asyncio.Future[bytes] | None = None
        self._connection = connect()
        self._connection.connection_made(Wire(self._receive))

    def _receive(self, data: bytes) -> None:
        if data.endswith(self._end) and self._answered is not None:
            self._answered.set_result(data)

    async def repeat(self, requests: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(requests):
            self._answered = loop.create_future()
            loop.call_soon(self._connection.data_received, self._request)  # as from a socket: in no task
            last = await self._answered
        assert b"error" not in last, last


def fill_store(folder: Path) -> None:
    """Add a user with funds and a key with limits, none of which the requests reach."""
    from tidegate.accounts.api_keys import digest_of
    from tidegate.store.database import Database
    from tidegate.store.keys import add_key, add_user
    from tidegate.store.schema import migrate
    from tidegate.store.wallets import add_credit

    database = Database(f"sqlite:///{folder}/tidegate.db")
    migrate(database)
    limits = {"requests_per_minute": 10**8, "tokens_per_minute": 10**12}
    with database.write() as connection:
        add_user(connection, "bench", 1)
        add_credit(connection, "bench", 10**15, 1, reference="bench")
        add_key(
            connection,
            {
                "id": "key_0123456789abcdef", "digest": digest_of(KEY).hex(), "prefix": KEY[:12],
                "name": "bench", "user": "bench", "settings": {"limits": limits}, "created_at": 1,
            },
        )  # fmt: skip
    database.close()


def build(folder: Path, accounted: bool) -> Any:
    """The application of a gateway."""
    from tidegate.app import Tidegate
    from tidegate.config import load
    from tidegate.observe import RequestLog
    from tidegate.observe.request_log import render_json

    path = folder / "tidegate.toml"
    path.write_text(ACCOUNTED.replace("FOLDER", str(folder)) if accounted else CONFIG)
    if accounted:
        from tidegate.store import store

        fill_store(folder)
        store.EVERY_S, store.MANY = 1e9, 10**9  # nothing is moved meanwhile
    return Tidegate(load(path, {}, folder), RequestLog(render_json, Path(os.devnull).open("wb")))


async def run(app: Any, scenario: Scenario, requests: int, counting: Any) -> None:
    """Send requests to a gateway, the counted ones within the context `counting`."""
    from tidegate.http.server import Server

    await app.startup()
    client = Client(scenario, Server(app.serve).connect)
    await client.repeat(WARM_UP // scenario.parts + 5)
    with counting:
        await client.repeat(requests)
    await app.shutdown()


def serve(scenario: Scenario, requests: int, counting: Any) -> None:
    """Run a scenario in this process, by a clock that moves when it is read."""
    clock = count(1000.0, STEP_S).__next__
    time.perf_counter = clock  # before the gateway imports it
    with tempfile.TemporaryDirectory() as folder:
        app = build(Path(folder), scenario.accounted)
        with asyncio.Runner(loop_factory=lambda: Network(clock, scenario.answer)) as runner:
            runner.run(run(app, scenario, requests, counting))


class Callgrind:
    """Lets callgrind count within a context."""

    def __enter__(self) -> None:
        self._switch("on")

    def __exit__(self, *error: object) -> None:
        self._switch("off")

    @staticmethod
    def _switch(to: str) -> None:
        subprocess.run(
            ["callgrind_control", f"--instr={to}", str(os.getpid())], check=True, capture_output=True
        )


class Bytecodes:
    """Counts bytecodes by function within a context."""

    def __init__(self) -> None:
        self.counted: Counter[CodeType] = Counter()

    def __enter__(self) -> None:
        sys.settrace(self._enter)

    def __exit__(self, *error: object) -> None:
        sys.settrace(None)

    def _enter(self, frame: FrameType, event: str, arg: object) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._count

    def _count(self, frame: FrameType, event: str, arg: object) -> Any:
        if event == "opcode":
            self.counted[frame.f_code] += 1
        return self._count


def show_bytecodes(name: str, most: int) -> None:
    """Print the bytecodes of a request, and the functions with most of them."""
    scenario, counting = SCENARIOS[name], Bytecodes()
    requests = max(1, 200 // scenario.parts)
    serve(scenario, requests, counting)
    requests *= scenario.parts
    print(f"{name}: {sum(counting.counted.values()) / requests:.1f} bytecodes")
    for code, number in counting.counted.most_common(most):
        file = "/".join(Path(code.co_filename).parts[-2:])
        print(f"{number / requests:10.1f} {file} {code.co_qualname}")


def instructions(name: str, source: Path, kept: Path) -> float:
    """The instructions of a request, or of an event of a stream."""
    scenario, profile = SCENARIOS[name], kept / f"{name.replace(' ', '-')}.callgrind"
    command = [
        "valgrind", *CALLGRIND, f"--callgrind-out-file={profile}", sys.executable, __file__, "--inside", name,
    ]  # fmt: skip
    environ = {**os.environ, "PYTHONPATH": str(source), "PYTHONHASHSEED": "0"}
    subprocess.run(command, check=True, env=environ)
    total = COUNTED.search(profile.read_text())
    assert total is not None, "callgrind has counted nothing"
    return int(total[1]) / scenario.requests / scenario.parts


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--scenario", action="append", choices=SCENARIOS, default=None)
    options.add_argument("--source", type=Path, default=Path(__file__).parents[1] / "src")
    options.add_argument("--profile", type=Path, help="keep the profiles in this folder")
    options.add_argument("--bytecodes", type=int, help="count bytecodes; print so many functions")
    options.add_argument("--inside", choices=SCENARIOS, help=argparse.SUPPRESS)
    asked = options.parse_args()
    if not (asked.source / "tidegate").is_dir():
        options.error(f"--source {asked.source} has no package tidegate")
    if asked.inside is not None:
        serve(SCENARIOS[asked.inside], SCENARIOS[asked.inside].requests, Callgrind())
        return
    for name in asked.scenario or SCENARIOS:
        if asked.bytecodes is not None:
            sys.path.insert(0, str(asked.source))
            show_bytecodes(name, asked.bytecodes)
            continue
        if shutil.which("valgrind") is None:
            sys.exit("valgrind is not installed; --bytecodes counts without it")
        with tempfile.TemporaryDirectory() as temporary:
            kept = asked.profile or Path(temporary)
            kept.mkdir(exist_ok=True)
            number = instructions(name, asked.source.resolve(), kept)
        print(f"{name:20} {number:12,.0f}", flush=True)


if __name__ == "__main__":
    main()
