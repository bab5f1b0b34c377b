"""The HTTP surface of each client dialect: its paths, and what answers them.

A door is a small object with a name (used in records), the protocol of its clients and its routes. It
defines how its dialect lists models, counts tokens and renders errors; the exchange does the rest.
"""

from tidegate.bus import ALONE
from tidegate.recent import SharedItems

from .anthropic import AnthropicDoor
from .catalog import CatalogDoor
from .gemini import GeminiDoor
from .health import HealthDoor
from .home import HomeDoor
from .llm_gate import LLMGateDoor
from .me import MeDoor
from .metrics import MetricsDoor
from .openai import OpenAIDoor
from .responses import ResponsesDoor
from .routing import Door, Endpoint, Router, Routes
from .sign_in import SignInDoor, may_view
from .webhooks import WebhookDoor

__all__ = [
    "AnthropicDoor",
    "CatalogDoor",
    "Door",
    "Endpoint",
    "GeminiDoor",
    "HealthDoor",
    "HomeDoor",
    "LLMGateDoor",
    "MeDoor",
    "MetricsDoor",
    "OpenAIDoor",
    "ResponsesDoor",
    "Router",
    "Routes",
    "SignInDoor",
    "WebhookDoor",
    "all_doors",
    "may_view",
]


def all_doors(llm_gate: str = "/llm-gate", recent: SharedItems | None = None) -> tuple[Door, ...]:
    """All doors. The first is the default, which answers for unknown paths. `llm_gate` is the prefix of that
    door's paths, `recent` what is remembered of responses.
    """
    return (
        OpenAIDoor(),
        ResponsesDoor(recent or SharedItems(ALONE)),
        AnthropicDoor(),
        GeminiDoor(),
        CatalogDoor(),
        MeDoor(),
        MetricsDoor(),
        WebhookDoor(),
        LLMGateDoor(llm_gate),
        HealthDoor(),
        SignInDoor(),
        HomeDoor(),
    )
