"""OpenAI's older completions (`POST /v1/completions`): a prompt becomes a text, streamed or not.

`request` decodes and checks a request. A provider that has such completions is called in `openai`, where
bytes pass through; any other is called as a chat with the prompt as the user's message (`chat`), where that
can be done without changing what is requested.
"""

from tidegate.protocols.task import Task

from . import openai
from .chat import CHAT
from .request import parse_request

__all__ = ["TASK"]

TASK = Task("completions", parse_request, {"openai": openai.FORMAT}, as_chat=CHAT)
