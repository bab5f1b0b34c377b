"""Image generation.

Clients use OpenAI's dialect (`POST /v1/images/generations`); `parse` reads it, `contract` has the request and
the answer in no dialect. Each provider format is a small module.
"""

from tidegate.protocols.task import Task

from . import gemini, openai
from .contract import Drawn, ImagesRequest
from .parse import parse_request

__all__ = ["TASK", "Drawn", "ImagesRequest"]

TASK = Task("images", parse_request, {"openai": openai.FORMAT, "gemini": gemini.FORMAT})
