"""The process around the application: sockets, signals, workers.

- `source.py`: where the configuration comes from.
- `listeners.py`: the sockets, and TLS.
- `application.py`: the application with its records and its reloading.
- `worker.py`: one worker, from its start to its end.
- `supervisor.py`: several workers behind the same sockets.
- `descriptors.py`: standard streams and the limit of open files.
- `serve.py`: `tidegate serve`.
- `siblings.py`: the other workers, where another server has started this one.
"""

from .application import make_app
from .serve import serve
from .siblings import meet_siblings
from .source import Source

__all__ = ["Source", "make_app", "meet_siblings", "serve"]
