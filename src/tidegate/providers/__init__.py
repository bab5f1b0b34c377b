"""Services: what they are (a row), what is configured (a `Service`), and who serves a model.

- A *kind* is a row of `rows.toml`: address, key, wire format, and its differences from it.
- A *family* of models is a profile in `profiles/*.toml`: facts that change how a request is written.
- A *service* is a provider of the configuration, of some kind.
- The *directory* says which services serve a name, in order: the candidates of a request.

All of it is data over a wire format; nothing here is asked per request but the directory, which
remembers its answers.
"""

from .candidate import Candidate, ListedModel
from .families import profile_of
from .formats import FORMATS, TASKS, protocol_named, task_named, wording_named
from .resolve import Directory
from .rows import Kind, kinds
from .service import CONCEALED, Service

__all__ = [
    "CONCEALED",
    "FORMATS",
    "TASKS",
    "Candidate",
    "Directory",
    "Kind",
    "ListedModel",
    "Service",
    "kinds",
    "profile_of",
    "protocol_named",
    "task_named",
    "wording_named",
]
