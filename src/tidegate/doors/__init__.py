"""The HTTP surface of each client dialect: which paths there are, and what answers them.

A door is a small object with a name (it stands in records), the protocol of its clients and its
routes. What happens behind the path is the exchange's business; a door only says how its dialect
lists models, counts tokens and is told about errors.
"""

from .anthropic import AnthropicDoor
from .gemini import GeminiDoor
from .health import HealthDoor
from .openai import OpenAIDoor
from .responses import ResponsesDoor
from .routing import Door, Endpoint, Router, Routes

__all__ = [
    "AnthropicDoor",
    "Door",
    "Endpoint",
    "GeminiDoor",
    "HealthDoor",
    "OpenAIDoor",
    "ResponsesDoor",
    "Router",
    "Routes",
    "all_doors",
]


def all_doors() -> tuple[Door, ...]:
    """Every door, the default first: it answers for paths that nobody knows."""
    return (OpenAIDoor(), ResponsesDoor(), AnthropicDoor(), GeminiDoor(), HealthDoor())
