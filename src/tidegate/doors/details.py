"""A model's details: limits, capabilities, prices."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs
from weakref import WeakKeyDictionary

import msgspec

from tidegate.catalog import model_named
from tidegate.exchange import Gateway, Request
from tidegate.money import render_prices
from tidegate.providers import ListedModel, ModelRegistry
from tidegate.providers.facts import facts_of

from .listing import one_in_openai

__all__ = ["Rendered", "describe", "describe_all", "encode", "find_listed", "wants_details"]

PRICES_HOLD_S = 900
"""How long a response with prices is cached: some prices change at quarter hours."""

encode = msgspec.json.Encoder(decimal_format="number").encode
"""JSON that writes amounts of money as numbers with all their digits."""


Render = Callable[[Gateway], bytes]


class Rendered:
    """Cached responses, valid for one Config and rendered on first use."""

    def __init__(self) -> None:
        self._answers: WeakKeyDictionary[ModelRegistry, dict[Render, tuple[Any, bytes]]] = WeakKeyDictionary()

    def answer(self, gateway: Gateway, render: Render) -> bytes:
        """The response that `render` creates for the current Config."""
        period = (int(time.time()) // PRICES_HOLD_S, gateway.registry.discovered)
        answers = self._answers.setdefault(gateway.registry, {})
        known = answers.get(render)
        if known is None or known[0] != period:
            known = answers[render] = (period, render(gateway))
        return known[1]


def wants_details(request: Request) -> bool:
    """Whether the query asks for more than names: `?details=true`."""
    values = parse_qs(request.query.decode("latin-1"), keep_blank_values=True).get("details", ["false"])
    return values[-1].lower() in ("", "1", "true", "yes")


def describe_all(gateway: Gateway) -> list[dict[str, Any]]:
    """All listed models, as OpenAI's objects with additional fields."""
    return [describe(model, gateway) for model in gateway.registry.listed()]


def describe(model: ListedModel, gateway: Gateway) -> dict[str, Any]:
    """One model; unknown fields are omitted."""
    served = _served_by(model, gateway.registry)
    provider, name = served[0]
    found = gateway.tariff.find(provider, name)
    row = model_named(gateway.registry.services[provider].kind.name, name)
    facts = {
        "label": row.label if row is not None and model.label == model.id else model.label,
        "provider": provider,
        "model": name,
        "served_by": [f"{provider}/{name}" for provider, name in served] if len(served) > 1 else None,
        **(facts_of(row) if row is not None else {}),
        "prices": render_prices(found.rates, found.images),
    }
    return {**one_in_openai(model), **{key: value for key, value in facts.items() if value is not None}}


async def find_listed(name: str, gateway: Gateway) -> ListedModel:
    """The model with this name as in a list, even if it is not listed. Raises ModelNotFound."""
    await gateway.model_lists.refresh()
    for model in gateway.registry.listed():
        if model.id == name:
            return model
    first = gateway.registry.resolve(name).candidates[0]
    return ListedModel(name, first.service.name, name, first.row)


def _served_by(model: ListedModel, registry: ModelRegistry) -> list[tuple[str, str]]:
    """The providers, each with its own name for the model, in order of preference."""
    own = model.id.removeprefix(f"{model.owner}/")
    if own != model.id:
        return [(model.owner, own)]
    return [(one.service.name, one.model) for one in registry.resolve(model.id).candidates]
