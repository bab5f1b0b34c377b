"""LLM Gate's API ("Heimdall"), under a configurable prefix."""

import uuid
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from tidegate.catalog import CatalogModel, Tiered, models
from tidegate.exchange import (
    AdaptedOperation,
    Chat,
    Gateway,
    Operation,
    Request,
    TaskOperation,
    exchange,
    refuse,
    respond_json,
)
from tidegate.money import PriceList
from tidegate.protocols.errors import InvalidRequest
from tidegate.providers import Service, adapted_named, task_named

from .details import Rendered, encode
from .health import HealthDoor
from .routing import Routes

__all__ = ["LLMGateDoor"]

REQUIRED = ("X-Correlation-Id", "X-User-Id", "client_id")
"""Required headers; the first is a UUID."""

IDS = uuid.UUID("6f0e5a54-0a57-5c7a-9d7e-2f6b0c1a7d31")
"""The namespace of ids. They are derived from names, so they never change."""

PER_MILLION = 1_000_000


class LLMGateDoor:
    """For clients of LLM Gate."""

    name = "llm_gate"

    def __init__(self, prefix: str) -> None:
        adapted = adapted_named("llm_gate")
        self.prefix = f"{prefix}/"
        self.protocol = adapted.errors
        self._start = prefix
        self._health = HealthDoor()
        self._chat = AdaptedOperation(Chat(adapted.base), adapted.tasks["chat"])
        self._images = AdaptedOperation(
            TaskOperation(task_named("images"), adapted.base), adapted.tasks["images"]
        )
        self._embeddings = AdaptedOperation(
            TaskOperation(task_named("embeddings"), adapted.base), adapted.tasks["embeddings"]
        )
        self._rendered = Rendered()

    def routes(self) -> Routes:
        """See Door."""
        paths = {
            ("GET", "/v1/providers"): self.providers,
            ("POST", "/v1/chat"): self.chat,
            ("POST", "/v1/images/generations"): self.draw,
            ("POST", "/v1/embeddings"): self.embed,
            ("GET", "/health"): self._health.live,
            ("GET", "/v1/health"): self._health.live,
        }
        return {(method, self._start + path): endpoint for (method, path), endpoint in paths.items()}

    def chat(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Create a chat completion."""
        return self._exchange(request, gateway, self._chat)

    def draw(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Generate images."""
        return self._exchange(request, gateway, self._images)

    def embed(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Create embeddings."""
        return self._exchange(request, gateway, self._embeddings)

    def providers(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """List the providers with their models and prices."""

        async def answer() -> bytes:
            return self._rendered.answer(gateway, _list_providers)

        return self._with_headers(request, gateway, lambda: respond_json(request, self, gateway, answer))

    def _exchange(self, request: Request, gateway: Gateway, operation: Operation[Any]) -> Awaitable[None]:
        return self._with_headers(request, gateway, lambda: exchange(request, self, gateway, operation))

    def _with_headers(
        self, request: Request, gateway: Gateway, go_on: Callable[[], Awaitable[None]]
    ) -> Awaitable[None]:
        """Continue with a request if it has the required headers."""
        wrong = _take_headers(request)
        return go_on() if wrong is None else refuse(request, self, gateway, wrong)


def _take_headers(request: Request) -> InvalidRequest | None:
    """The problem with the headers, if any. The correlation id goes into the record and the response."""
    correlation, *_ = found = [request.header(name.lower().encode()) for name in REQUIRED]
    if correlation and _is_uuid(correlation):
        request.correlation = correlation.decode()
        request.add_header(b"x-correlation-id", correlation)
    for name, value in zip(REQUIRED, found, strict=True):
        if not value:
            return InvalidRequest(f"the header {name} is required", param=f"header.{name}")
    if request.correlation is None:
        return InvalidRequest(f"the header {REQUIRED[0]} must be a UUID", param=f"header.{REQUIRED[0]}")
    return None


def _is_uuid(value: bytes) -> bool:
    try:
        uuid.UUID(value.decode("ascii"))
    except ValueError:
        return False
    return True


# --- the list of providers -------------------------------------------------------------------


def _list_providers(gateway: Gateway) -> bytes:
    """Providers by kind: several regions are one provider here, as in requests."""
    first: dict[str, Service] = {}
    for service in gateway.registry.services.values():
        first.setdefault(service.kind.name, service)
    prices, now = gateway.tariff.prices, datetime.now(UTC)
    return encode({"data": [_render_provider(service, prices, now) for service in first.values()]})


def _render_provider(service: Service, prices: PriceList, at: datetime) -> dict[str, Any]:
    # Of the names of a kind the longest that begins as its own: what this dialect's clients call it.
    own = service.kind.name
    name = max((alias for alias in (own, *service.kind.aliases) if alias.startswith(own)), key=len)
    rows = [model for model in models() if model.kind == service.kind.name]
    return {
        "id": _id(name),
        "name": name,
        "label": service.kind.label,
        "description": f"{service.kind.label}, served by this gateway.",
        "model": [_render_model(name, service, row, prices, at) for row in rows],
    }


def _render_model(
    provider: str, service: Service, row: CatalogModel, prices: PriceList, at: datetime
) -> dict[str, Any]:
    price = [*_token_prices(service.name, row, prices, at), *_pixel_prices(service.name, row, prices, at)]
    listed = [{"id": _id(provider, row.id, str(number)), **one} for number, one in enumerate(price)]
    known = {"contextWindow": row.context, "tranningData": _month(row.cutoff), "price": listed or None}
    return {
        "id": _id(provider, row.id),
        "name": row.id,
        "label": row.label,
        "description": row.description,
        **{key: value for key, value in known.items() if value is not None},
        "enabled": True,
    }


def _month(cutoff: str | None) -> str | None:
    """A month as the original writes it (`2023-10`: `Oct 2023`); anything more or less exact as it is."""
    year, _, month = (cutoff or "").partition("-")
    if len(month) != 2 or not month.isdecimal() or not 1 <= int(month) <= 12:
        return cutoff
    return f"{MONTHS[int(month) - 1]} {year}"


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _token_prices(
    provider: str, row: CatalogModel, prices: PriceList, at: datetime
) -> Iterator[dict[str, Any]]:
    rates = prices.rates(provider, row.id, at)
    plain = {name: rate.base if isinstance(rate, Tiered) else rate for name, rate in rates.items()}
    names = {"input": "inputValue", "output": "outputValue"}
    token = {theirs: plain[ours] for ours, theirs in names.items() if ours in plain}
    if token:
        yield {"unitOfMeasure": PER_MILLION, "currency": "USD", "token": token}


def _pixel_prices(
    provider: str, row: CatalogModel, prices: PriceList, at: datetime
) -> Iterator[dict[str, Any]]:
    for price in prices.image_prices(provider, row.id, at):
        width, by, height = (price.size or "").partition("x")
        if by and width.isdecimal() and height.isdecimal():
            size: dict[str, Any] = {"width": int(width), "height": int(height)}
            quality = (
                {} if price.quality is None else {"quality": QUALITIES.get(price.quality, price.quality)}
            )
            pixel = {**size, **quality, "value": price.price}
            # The original has this unit in every price, although the value is that of one image.
            yield {"unitOfMeasure": PER_MILLION, "currency": "USD", "pixel": pixel}


QUALITIES = {"standard": "Standard", "hd": "HD"}
"""OpenAI's name of a quality → this dialect's name."""


def _id(*names: str) -> str:
    return str(uuid.uuid5(IDS, "/".join(names)))
