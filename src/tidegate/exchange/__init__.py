"""The way of one request, from the door to the record.

`exchange` (`exchange.py`) is where a newcomer starts to read: it names the layers, and each is a module
that returns what it found out instead of writing it anywhere:

- `admission`: who calls, what is wanted, who could serve it (`identity`, `operation`)
- `attempts`: which candidate is tried, and what after a failure; `attempt` is one try, and opens an
  answer (`sending`, `linked` and `fetching` get what a request links to)
- `delivery`: the only one that writes to the client; `transcript` keeps what was written
- `settlement`: the record, built once at the end

`state.Exchange` is what they find out, `gateway.Gateway` what all exchanges of a worker share,
`request.Request` the client's side, and `watchdog` ends whatever takes too long.
"""

from .counting import count
from .exchange import exchange, recorded, refuse, respond_json
from .gateway import Door, Gateway
from .operation import AdaptedOperation, Chat, Operation, TaskOperation
from .request import JSON, Header, Request

__all__ = [
    "JSON",
    "AdaptedOperation",
    "Chat",
    "Door",
    "Gateway",
    "Header",
    "Operation",
    "Request",
    "TaskOperation",
    "count",
    "exchange",
    "recorded",
    "refuse",
    "respond_json",
]
