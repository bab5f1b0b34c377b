"""Images: a prompt becomes a picture.

Clients speak OpenAI's dialect (`POST /v1/images/generations`); `parse` reads it, `contract` has the
request and the answer in no dialect. Providers are asked in one of the formats, a small module each.
"""

from tidegate.protocols.task import Task

from . import gemini, openai
from .contract import Drawn, ImagesRequest
from .parse import parse_request

__all__ = ["TASK", "Drawn", "ImagesRequest"]

TASK = Task("images", parse_request, {"openai": openai.FORMAT, "gemini": gemini.FORMAT})
