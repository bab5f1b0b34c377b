"""Wire formats by name, loaded when somebody wants one."""

import importlib
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from tidegate.protocols.contract import Protocol
from tidegate.protocols.task import Task

__all__ = ["FORMATS", "TASKS", "protocol_named", "task_named"]

FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "openai_chat": "tidegate.protocols.openai_chat",
        "openai_responses": "tidegate.protocols.openai_responses",
        "anthropic": "tidegate.protocols.anthropic",
        "gemini": "tidegate.protocols.gemini",
        "cohere": "tidegate.protocols.cohere",
        "bedrock": "tidegate.protocols.bedrock",
    }
)
"""Name → the module whose `PROTOCOL` it is."""


@cache
def protocol_named(name: str) -> Protocol:
    """The wire format of this name. Raises KeyError."""
    protocol: Protocol = importlib.import_module(FORMATS[name]).PROTOCOL
    return protocol


TASKS: Mapping[str, str] = MappingProxyType({"embeddings": "tidegate.protocols.embeddings"})
"""Name of what can be asked for beside chat → the package whose `TASK` it is."""


@cache
def task_named(name: str) -> Task:
    """The task of this name. Raises KeyError."""
    task: Task = importlib.import_module(TASKS[name]).TASK
    return task
