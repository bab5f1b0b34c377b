"""The available models and cost estimates, in the formats of gateways that Tidegate replaces."""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from time import perf_counter
from typing import Any

from tidegate.catalog import model_named
from tidegate.exchange import JSON, Gateway, Request, recorded, respond_json
from tidegate.exchange.accounting import permitted
from tidegate.exchange.admission import identify
from tidegate.exchange.counting import estimate
from tidegate.exchange.quoting import foreseen_refusal
from tidegate.exchange.state import Exchange
from tidegate.protocols.depth import within_depth
from tidegate.protocols.errors import TidegateError
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

        async def handler(this: Exchange) -> None:
            await identify(this)
            parsed = within_depth(self.protocol.parse_request)(await request.read_body(gateway.max_body))
            resolution = gateway.registry.resolve(parsed.model, parsed.provider, parsed.fallbacks)
            candidates = permitted(this.caller, parsed.model, resolution.candidates, gateway.tariff)
            turn = within_depth(parsed.turn)()
            tokens = await asyncio.to_thread(estimate, turn)
            estimator = Estimator(turn, tokens, this.caller.margin, gateway)
            estimated = estimator.render(candidates)
            for row, candidate in zip(estimated["providers"], candidates, strict=True):
                refusal = await foreseen_refusal(this.caller, parsed, (candidate,), gateway)
                row["allowed"] = refusal is None
            refusal = await foreseen_refusal(this.caller, parsed, candidates, gateway)
            estimated["allowed"] = refusal is None
            estimated["refusal"] = None if refusal is None else _describe_refusal(refusal)
            request.respond(200, [JSON], encode(estimated))

        return recorded(request, self, gateway, handler)


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


class Estimator:
    """Estimates what a chat costs at its candidates. Nobody is called."""

    def __init__(self, turn: Turn, tokens: int, margin: Decimal, gateway: Gateway) -> None:
        """`tokens` are those of the prompt; `margin` is added to each cost."""
        self._turn = turn
        self._tokens = tokens
        self._factor = 1 + margin
        self._prices = gateway.tariff.prices
        self._router = gateway.router
        self._now = datetime.now(UTC)

    def render(self, candidates: Sequence[Candidate]) -> dict[str, Any]:
        """The tokens of the prompt, and the smallest, likely and greatest cost at each candidate."""
        rows = [self._row(one, candidates) for one in candidates]
        least = [row["min_cost"] for row in rows if row["min_cost"] is not None]
        most = [row["max_cost"] for row in rows]
        return {
            "object": "chat.estimate",
            "model": self._turn.model,
            "prompt_tokens": self._tokens,
            "estimated": True,
            "uncounted": sorted(_media_of(self._turn)),
            "currency": "USD",
            "min_cost": min(least, default=None),
            "likely_cost": rows[0]["likely_cost"],
            "max_cost": max(most) if None not in most else None,
            "providers": rows,
        }

    def _row(self, candidate: Candidate, candidates: Sequence[Candidate]) -> dict[str, Any]:
        turn, model = self._turn, candidate.model
        row = model_named(candidate.service.kind.name, model)
        limit = turn.max_tokens or (row.output if row is not None else None)
        answer = limit * (turn.n or 1) if limit is not None else None
        likely = self._router.expected_output(candidates, limit, turn.n or 1, perf_counter())
        least = self._cost(candidate, 0)
        return {
            "provider": candidate.service.name,
            "model": model,
            "max_completion_tokens": answer,
            "price_known": least is not None,
            "min_cost": least,
            "likely_cost": self._cost(candidate, round(likely)),
            "max_cost": self._cost(candidate, answer),
        }

    def _cost(self, candidate: Candidate, output: int | None) -> Decimal | None:
        if output is None:
            return None
        tier = self._turn.service_tier
        context = {"service_tier": tier} if tier is not None else {}
        usage = Usage(input=self._tokens, output=output)
        cost = self._prices.price(candidate.service.name, candidate.model, usage, self._now, context)
        return None if cost is None else (cost * self._factor).normalize() + 0


def _describe_refusal(error: TidegateError) -> dict[str, Any]:
    return {"status": error.status, "code": error.code, "message": error.message}


def _media_of(turn: Turn) -> set[str]:
    parts: list[object] = [part for message in turn.messages for part in message.parts]
    parts += [piece for part in parts if isinstance(part, ToolResult) for piece in part.content]
    return {MEDIA[type(part)] for part in parts if type(part) in MEDIA}
