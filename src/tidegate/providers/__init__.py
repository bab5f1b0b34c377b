"""Services: what they are (a row), what is configured (a `Service`), and who serves a model.

- A *kind* is a row of `rows.toml`: address, key, wire format, and its differences from it.
- A *family* of models is a profile in `profiles/*.toml`: facts that change how a request is written.
- A *service* is a provider of the configuration, of some kind.
- The *model registry* maps a name to the services that serve it, in order: the candidates of a request. The
  rules are in `names.py`, what a request may want of the choice in `preferences.py`, the answer in
  `resolution.py`.

All of it is data over a wire format; only the model registry is used per request, which
remembers its answers.
"""

from .candidate import Candidate, ListedModel
from .families import profile_of
from .formats import FORMATS, TASKS, adapted_named, protocol_named, task_named
from .preferences import MaxPrice, Preferences
from .registry import ModelRegistry
from .resolution import Resolution
from .rows import Kind, kinds
from .service import CONCEALED, Service

__all__ = [
    "CONCEALED",
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
