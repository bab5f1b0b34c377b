"""The bus: small messages between the workers of one gateway, and claims that only one of them holds.

A message belongs to a *topic* and consists of bytes. Subscribers decode them into a msgspec type and trust
nothing else. A worker does not receive its own messages.

**Guarantees.** `publish` never blocks, never raises and never delays requests. Messages of one worker arrive
in order, usually within milliseconds. Delivery is not guaranteed: queues are bounded, a slow worker misses
the oldest messages, and a new worker has missed all earlier ones. Anything that must be known has to be
published repeatedly (as figures are, every second), or be kept in a store that a message only points to.

**A claim** is a name that at most one worker holds. It is released by its holder, or when the holder's
process ends for any reason.

**Memory.** Workers of one host also share memory, for what has to be counted exactly (see `Memory`).

`SocketBus` connects the processes of one supervisor through inherited sockets. There is no file, port or
address, so no other process can send or receive. `Alone` is the bus of a single worker. `FolderBus`
(`folder.py`) connects workers that another server has started. `HostsBus` also
carries messages between hosts, through a database that they share; claims are those of one host there, and
`lead` decides among the workers of all.
"""

from .claims import Claims
from .contract import ALONE, Alone, Bus, Taker
from .hosts import Carrier, HostsBus
from .links import Links, Seat
from .memory import Memory
from .questions import Questions
from .sockets import SocketBus

__all__ = [
    "ALONE",
    "Alone",
    "Bus",
    "Carrier",
    "Claims",
    "HostsBus",
    "Links",
    "Memory",
    "Questions",
    "Seat",
    "SocketBus",
    "Taker",
]
