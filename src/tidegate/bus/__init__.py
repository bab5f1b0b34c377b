"""The bus: small messages between the workers of one gateway, and claims that only one of them holds.

A message belongs to a *topic* and is bytes; whoever sends on a topic knows what they mean, and whoever
subscribes decodes them into a type of msgspec and trusts nothing else. A worker does not hear what it sends
itself.

**What a sender can rely on.** `publish` never blocks, never raises and is never on a request's path. Messages
of one worker arrive in order, within milliseconds while the others are well. They are not guaranteed to
arrive: queues are bounded, a worker that does not keep up misses the oldest, and one that starts has missed
all before. So a message is news, not state. What must be known has to be published again from time to time
(figures are, each second) or be kept in a store that a message only tells others to read.

**A claim** is a name that at most one worker holds. It is free again when the holder releases it or ends,
however it ends.

`SocketBus` connects the processes of one supervisor by sockets that they inherit: there is no file, no port
and no address, so nobody else can send or listen. `Alone` is the bus of a single worker. Another `Bus` may
carry the same messages between hosts.
"""

from .claims import Claims
from .contract import ALONE, Alone, Bus, Taker
from .links import Links, Seat
from .sockets import SocketBus

__all__ = ["ALONE", "Alone", "Bus", "Claims", "Links", "Seat", "SocketBus", "Taker"]
