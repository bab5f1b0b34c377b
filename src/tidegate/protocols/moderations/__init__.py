"""Moderations (`POST /v1/moderations`): whether texts and images are harmful, by category.

Categories and scores are each provider's own, so nothing is translated: `openai` passes the bytes to
providers that have such an endpoint.
"""

from tidegate.protocols.task import Task

from . import openai
from .request import parse_request

__all__ = ["TASK"]

TASK = Task("moderations", parse_request, {"openai": openai.FORMAT})
