"""The story of one request, from the door to the record.

`exchange` (`exchange.py`) is where a newcomer starts to read. The steps that it names are one
module each: `identity` (who calls), `operation` (what is asked for, and what a provider is sent for
it), `relay` (candidates, attempts, the passing of bytes), `settlement` (what is written down), with
`http` (the client's side of the wire) and `watchdog` (deadlines, clients that leave) beneath.
"""

from .counting import count
from .exchange import Door, Gateway, exchange, respond_json
from .http import Request
from .operation import AdaptedOperation, Chat, Operation, TaskOperation

__all__ = [
    "AdaptedOperation",
    "Chat",
    "Door",
    "Gateway",
    "Operation",
    "Request",
    "TaskOperation",
    "count",
    "exchange",
    "respond_json",
]
