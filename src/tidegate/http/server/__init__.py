"""The HTTP/1.1 server for clients.

- `server.py`: `Server`, which owns the listening sockets, all open connections and the running requests.
- `connection.py`: `Connection`, a client's connection: parsing, pipelining, back-pressure, shutdown.
- `request.py`: `Request`, the `ServerRequest` that the application sees.
- `repeated.py`: heads that a client sends again and again, which are parsed once.
- `head.py`: response heads.
- `refusals.py`: responses to invalid requests, and the table of what is accepted.
- `limits.py`: `Limits`, sizes and timeouts.

Each request runs in a task that begins at once (`tidegate.http.direct`). Its response is complete when
`respond` or `finish` returns; the connection then continues with the next request, whatever the task still
does. There are no timers per connection: the server checks all open connections once a second.
"""

from .limits import Limits
from .server import Server

__all__ = ["Limits", "Server"]
