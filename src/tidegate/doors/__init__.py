"""The HTTP surface of each client dialect: which paths there are, and what answers them.

A door is a small object with a name (it stands in records), the protocol of its clients and its
routes. What happens behind the path is the exchange's business; a door only says how its dialect
lists models, counts tokens and is told about errors.
"""

from .anthropic import AnthropicDoor
from .health import HealthDoor
from .openai import OpenAIDoor
from .routing import Door, Endpoint, Router, Routes

__all__ = ["AnthropicDoor", "Door", "Endpoint", "HealthDoor", "OpenAIDoor", "Router", "Routes", "all_doors"]


def all_doors() -> tuple[Door, ...]:
    """Every door, the default first: it answers for paths that nobody knows."""
    return (OpenAIDoor(), AnthropicDoor(), HealthDoor())
