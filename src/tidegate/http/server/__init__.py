"""HTTP/1.1 towards clients: the server that reads their requests and sends the responses.

- `server.py`: `Server`, which has the listening sockets, all open connections and the running requests.
- `connection.py`: `Connection`, one client's connection: parsing, order, back-pressure, its end.
- `request.py`: `Request`, the `ServerRequest` that the application sees.
- `head.py`: heads of responses.
- `refusals.py`: what is answered to bytes that are no acceptable request, and the table of what is accepted.
- `limits.py`: `Limits`, how much and how long.

One task runs per request. Its response is complete when `respond` or `finish` returns; from then on the
connection takes the next request, whatever the task still does. Nothing here has a timer of its own: once
a second the server looks at all open connections.
"""

from .limits import Limits
from .server import Server

__all__ = ["Limits", "Server"]
