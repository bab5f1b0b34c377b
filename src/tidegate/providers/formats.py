"""Wire formats and tasks by name, loaded on first use.

The wire formats are in `config`, which needs them to validate dialect settings.
"""

import importlib
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from tidegate.config import FORMATS, protocol_named
from tidegate.protocols.adapted import AdaptedDialect
from tidegate.protocols.task import Task

__all__ = ["FORMATS", "TASKS", "adapted_named", "protocol_named", "task_named"]

TASKS: Mapping[str, str] = MappingProxyType(
    {
        "compactions": "tidegate.protocols.openai_responses.compact",
        "completions": "tidegate.protocols.completions",
        "embeddings": "tidegate.protocols.embeddings",
        "image_edits": "tidegate.protocols.images.edits",
        "images": "tidegate.protocols.images",
        "moderations": "tidegate.protocols.moderations",
    }
)
"""Name of a task other than chat → the package with its `TASK`."""


@cache
def task_named(name: str) -> Task:
    """The task of this name. Raises KeyError."""
    task: Task = importlib.import_module(TASKS[name]).TASK
    return task


ADAPTED_DIALECTS: Mapping[str, str] = MappingProxyType({"llm_gate": "tidegate.protocols.llm_gate"})
"""Name of a dialect that rewords OpenAI's → the module whose `WORDING` it is."""


@cache
def adapted_named(name: str) -> AdaptedDialect:
    """The dialect of this name. Raises KeyError."""
    adapted: AdaptedDialect = importlib.import_module(ADAPTED_DIALECTS[name]).ADAPTED
    return adapted
