"""The process around the application: sockets, signals, workers.

- `source.py`: where the configuration comes from.
- `listeners.py`: the sockets, and TLS.
- `application.py`: the application with its records and its reloading.
- `worker.py`: one worker, from its start to its end.
- `supervisor.py`: several workers behind the same sockets.
- `descriptors.py`: standard streams and the limit of open files.
- `serve.py`: `tidegate serve`.
"""

from .application import make_app
from .serve import serve
from .source import Source

__all__ = ["Source", "make_app", "serve"]
