"""The available models and cost estimates, in the formats of gateways that Tidegate replaces."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime
from decimal import Decimal
from time import perf_counter
from typing import Any

from tidegate.catalog import model_named
from tidegate.exchange import Gateway, Request, respond_json
from tidegate.exchange.counting import estimate
from tidegate.money import PriceList
from tidegate.protocols.depth import within_depth
from tidegate.protocols.turn import Audio, Document, Image, ToolResult, Turn, Video
from tidegate.protocols.usage import Usage
from tidegate.providers import Candidate, Service, protocol_named

from .details import Rendered, describe_all, encode
from .listing import list_in_openai
from .routing import Routes

__all__ = ["CatalogDoor"]

MEDIA: dict[type, str] = {Image: "image", Document: "document", Audio: "audio", Video: "video"}
"""Parts that the token count does not include."""

REACHABLE = {"unknown": None, "healthy": True, "degraded": True, "unavailable": False}
"""Status → whether the provider serves requests; None if not known yet."""


class CatalogDoor:
    """For clients that query models, health and costs."""

    name = "catalog"
    prefix = "/models"

    def __init__(self) -> None:
        self.protocol = protocol_named("openai_chat")
        self._rendered = Rendered()

    def routes(self) -> Routes:
        """See Door."""
        return {
            ("GET", "/models"): self.by_provider,
            ("GET", "/v1/chat/models"): self.chat_models,
            ("GET", "/v1/chat/health"): self.health,
            ("POST", "/v1/chat/estimate"): self.estimate,
        }

    def by_provider(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """List the models by provider, plus OpenAI's list."""

        async def answer() -> bytes:
            await gateway.model_lists.refresh()
            return self._rendered.answer(gateway, _list_by_provider)

        return respond_json(request, self, gateway, answer)

    def chat_models(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """List the chat models with all their details."""

        async def answer() -> bytes:
            await gateway.model_lists.refresh()
            return self._rendered.answer(gateway, _list_chat_models)

        return respond_json(request, self, gateway, answer)

    def health(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Report each provider's health as seen by requests, without calling it."""

        async def answer() -> bytes:
            now = perf_counter()
            providers = [_health_of(one, gateway, now) for one in gateway.registry.services.values()]
            up = any(one["status"] != "unavailable" for one in providers)
            status = "ok" if up else "unavailable"
            saved = gateway.router.savings.as_dict()
            return encode({"status": status, "providers": providers, "prompt_cache": saved})

        return respond_json(request, self, gateway, answer)

    def estimate(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Estimate the cost of a chat request, without calling a provider."""

        async def answer() -> bytes:
            parsed = within_depth(self.protocol.parse_request)(await request.read_body(gateway.max_body))
            resolution = gateway.registry.resolve(parsed.model, parsed.provider, parsed.fallbacks)
            candidates = resolution.candidates
            turn = within_depth(parsed.turn)()
            tokens = await asyncio.to_thread(estimate, turn)
            return encode(render_estimate(turn, tokens, candidates, PriceList(gateway.config)))

        return respond_json(request, self, gateway, answer)


def _health_of(service: Service, gateway: Gateway, now: float) -> dict[str, Any]:
    health = gateway.router.health(service.name, now)
    return {
        "name": service.name,
        "kind": service.kind.name,
        "configured": True,
        "reachable": REACHABLE[health.status],
        "status": health.status,
        "models": health.endpoints,
        "credentials": health.credentials,
    }


def _list_by_provider(gateway: Gateway) -> bytes:
    listed = gateway.registry.listed()
    models: dict[str, list[str]] = {name: [] for name in gateway.registry.services}
    for model in listed:
        models[model.owner].append(model.id.removeprefix(f"{model.owner}/"))
    return encode({**list_in_openai(listed), "models": models})


def _list_chat_models(gateway: Gateway) -> bytes:
    data = [model for model in describe_all(gateway) if model.get("type", "chat") == "chat"]
    return encode({"object": "list", "data": data})


def render_estimate(
    turn: Turn, tokens: int, candidates: tuple[Candidate, ...], prices: PriceList
) -> dict[str, Any]:
    """The tokens of the prompt, and the minimum and maximum cost at each candidate."""
    now = datetime.now(UTC)
    rows = [_estimate_of(one, turn, tokens, prices, now) for one in candidates]
    least = [row["min_cost"] for row in rows if row["min_cost"] is not None]
    most = [row["max_cost"] for row in rows]
    return {
        "object": "chat.estimate",
        "model": turn.model,
        "prompt_tokens": tokens,
        "uncounted": sorted(_media_of(turn)),
        "currency": "USD",
        "min_cost": min(least, default=None),
        "max_cost": max(most) if None not in most else None,
        "providers": rows,
    }


def _estimate_of(
    candidate: Candidate, turn: Turn, tokens: int, prices: PriceList, now: datetime
) -> dict[str, Any]:
    provider, model = candidate.service.name, candidate.model
    context = {"service_tier": turn.service_tier} if turn.service_tier is not None else {}
    row = model_named(candidate.service.kind.name, model)
    limit = turn.max_tokens or (row.output if row is not None else None)
    answer = limit * (turn.n or 1) if limit is not None else None

    def cost(output: int | None) -> Decimal | None:
        if output is None:
            return None
        return prices.price(provider, model, Usage(input=tokens, output=output), now, context)

    return {
        "provider": provider,
        "model": model,
        "max_completion_tokens": answer,
        "min_cost": cost(0),
        "max_cost": cost(answer),
    }


def _media_of(turn: Turn) -> set[str]:
    parts: list[object] = [part for message in turn.messages for part in message.parts]
    parts += [piece for part in parts if isinstance(part, ToolResult) for piece in part.content]
    return {MEDIA[type(part)] for part in parts if type(part) in MEDIA}
