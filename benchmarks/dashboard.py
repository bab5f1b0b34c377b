#!/usr/bin/env python3
"""What the paths of the dashboard cost a gateway that serves requests meanwhile.

    uv run python benchmarks/dashboard.py sqlite:////tmp/million.db
    uv run python benchmarks/dashboard.py postgresql://user@host/name

The store is one that `million.py` has filled. Four clients ask the demo provider, each thirty times a second
at most; each path is asked six times. Printed are the median on the wall, and the processor time of the
gateway's process beyond what it needs for the load: its threads for the store included, PostgreSQL's server
not.
"""

import http.client
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic, sleep

from load_gateway import free_port

CLIENT, ADMIN = "sk-client-0123456789abcdef", "an-admin-key-for-benchmarks"
CLIENTS, TIMES, ALONE_S = 4, 6, 10.0
ONE = f"req_{777_777:020x}"
PATHS = (
    "overview?hours=24", "overview?hours=168", "overview?hours=720", "overview?hours=720&by=user",
    "overview?hours=720&by=key", "overview?hours=720&by=key&user=user-3", "requests?limit=50",
    "requests?user=user-3&limit=50", "requests?model=model-23&errors=true&limit=50",
    "requests?q=no+such+words&limit=50", "requests?q=stream+ended&limit=50", f"requests?q={ONE}",
    f"requests/{ONE}", "sessions?limit=50", "sessions?user=user-3&limit=50",
    "sessions?model=model-3&limit=50", "sessions/session-3-60", "live", "refusals", "usage?by=user",
    "usage?by=day",
)  # fmt: skip
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


def settings(url: str, port: int, folder: Path) -> str:
    return f"""
        [server]
        port = {port}
        [auth]
        mode = "keys"
        keys = ["benchmark:{CLIENT}"]
        admin_keys = ["ops:{ADMIN}"]
        [store]
        url = "{url}"
        journal = "{folder}/journal"
        [providers.demo]
        kind = "demo"
    """


def ask(port: int, method: str, path: str, key: str, body: str | None = None) -> int:
    """The status of one request, on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, body, {"authorization": f"Bearer {key}"})
    reply = connection.getresponse()
    reply.read()
    connection.close()
    return reply.status


def load(port: int, stop: threading.Event, sent: list[int]) -> None:
    body = json.dumps({"model": "demo/echo", "messages": [{"role": "user", "content": "Hi"}]})
    while not stop.wait(0.03):
        sent.append(ask(port, "POST", "/v1/chat/completions", CLIENT, body))


def processor_ms(process: int) -> float:
    """What a process and its threads have used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_MS


def measure(port: int, process: int) -> None:
    stop, sent = threading.Event(), list[int]()
    clients = [threading.Thread(target=load, args=(port, stop, sent)) for _ in range(CLIENTS)]
    for one in clients:
        one.start()
    sleep(3)
    used, count = processor_ms(process), len(sent)
    sleep(ALONE_S)
    each = (processor_ms(process) - used) / (len(sent) - count)
    print(f"{(len(sent) - count) / ALONE_S:.0f} requests a second take {each:.1f} ms of processor each")
    for path in PATHS:
        ask(port, "GET", f"/admin/{path}", ADMIN)  # what is prepared at the first time
        walls, used, count = [], processor_ms(process), len(sent)
        for _ in range(TIMES):
            began = monotonic()
            assert ask(port, "GET", f"/admin/{path}", ADMIN) == 200, path
            walls.append((monotonic() - began) * 1000)
        own = (processor_ms(process) - used - each * (len(sent) - count)) / TIMES
        print(f"{path:48} {median(walls):8.1f} ms  processor {own:6.1f}")
    stop.set()
    for one in clients:
        one.join()
    assert set(sent) == {200}, "the load was served"


def main() -> None:
    """Start a gateway on the store, and measure."""
    port = free_port()
    with TemporaryDirectory() as name:
        file = Path(name) / "tidegate.toml"
        file.write_text(settings(sys.argv[1], port, Path(name)))
        command = [sys.executable, "-m", "tidegate", "serve", "--config", str(file)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as gateway:
            try:
                for _ in range(600):
                    try:
                        ask(port, "GET", "/health", CLIENT)
                        break
                    except ConnectionRefusedError:
                        sleep(0.1)
                measure(port, gateway.pid)
            finally:
                gateway.terminate()


if __name__ == "__main__":
    main()
