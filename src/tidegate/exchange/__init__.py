"""The lifecycle of one request, from the door to the record.

`exchange` (`exchange.py`) is the place to start reading: it names the layers. Each layer is a module that
returns its results and writes them nowhere:

- `admission`: the caller, the request and its candidates (`identity`, `operation`)
- `attempts`: which candidate is tried, and what happens after a failure; `attempt` is one try, and opens an
answer (`rendering`, `sending`; `linked` and `fetching` fetch what a request links to); `hedging` opens a
second one beside it, each in a `runner`
- `planning` asks the router for the order of the candidates, and `reporting` reports to it how attempts end;
`rate_limits` waits for limits, `deadline` reads the client's
- `delivery`: the only module that writes to the client; `transcript` keeps what was written, and
`continuation` opens the attempt that carries on a stream that broke
- `settlement`: the end: what the request costs (`accounting`, `billing`, `tariff`), and its record
(`recording`)

`state.Exchange` holds their results, `gateway.Gateway` is shared by all exchanges of a worker,
`request.Request` is the client's side, and `watchdog` ends whatever takes too long.
"""

from .counting import count
from .exchange import exchange, recorded, refuse, respond_json
from .gateway import Door, Gateway
from .operation import AdaptedOperation, Chat, Operation, TaskOperation
from .read_later import ReadLater
from .request import JSON, Header, Request

__all__ = [
    "JSON",
    "AdaptedOperation",
    "Chat",
    "Door",
    "Gateway",
    "Header",
    "Operation",
    "ReadLater",
    "Request",
    "TaskOperation",
    "count",
    "exchange",
    "recorded",
    "refuse",
    "respond_json",
]
