"""Services: rows of the built-in table, configured providers (`Service`), and which of them serve a model.

- A *kind* is a row of `rows.toml`: base URL, key, wire format, and differences from that format.
- A *family* of models is a profile in `profiles/*.toml`: facts that change how a request is written.
- A *service* is a configured provider of some kind.
- The *model registry* maps a model name to the services that serve it, in order: the candidates of a request.
  The rules are in `names.py`, a request's preferences in `preferences.py`, the result in `resolution.py`.

All of this is data over a wire format. Only the model registry is used per request, and it caches its
results.
"""

from .candidate import COUNTING, Candidate, ListedModel
from .families import profile_of
from .formats import FORMATS, TASKS, adapted_named, protocol_named, task_named
from .preferences import MaxPrice, Preferences
from .registry import ModelRegistry
from .resolution import Resolution
from .rows import Kind, kinds
from .service import CONCEALED, Service

__all__ = [
    "CONCEALED",
    "COUNTING",
    "FORMATS",
    "TASKS",
    "Candidate",
    "Kind",
    "ListedModel",
    "MaxPrice",
    "ModelRegistry",
    "Preferences",
    "Resolution",
    "Service",
    "adapted_named",
    "kinds",
    "profile_of",
    "protocol_named",
    "task_named",
]
