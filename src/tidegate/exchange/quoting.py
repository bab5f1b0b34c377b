"""What a request is expected to need, before anyone is asked: the most that is held for it."""

from collections.abc import Sequence
from math import ceil
from typing import Any, NamedTuple

from tidegate.accounts import Caller, Quote
from tidegate.config import Billing
from tidegate.money.greatest import Greatest
from tidegate.protocols.errors import TidegateError
from tidegate.providers import Candidate

from .facts import BYTES_PER_TOKEN, MEDIA, MOST_WITH_MEDIA
from .gateway import Gateway
from .tariff import Drawing

__all__ = ["drawing_of", "foreseen_refusal", "prompt_bytes", "quote_of"]

TOKENS_OF_IMAGE = {"low": 408, "medium": 1584, "high": 6240}
"""Tokens of the largest image by its quality, at models that bill images by token
(https://platform.openai.com/docs/guides/image-generation)."""
MOST_TOKENS_OF_IMAGE = max(TOKENS_OF_IMAGE.values())
TOKENS_OF_PICTURE = 6500
"""The most tokens of an image that is to be edited, at high fidelity (the same guide)."""


class Demand(NamedTuple):
    """What a request asks for."""

    size: int
    """Of its prompt, in bytes."""
    answer: int
    """The most tokens of its answer, over all choices."""
    searches: int
    """The most web searches, over all choices."""
    images: int
    """The number of images to be generated; 0 if it is not for images."""
    drawing: Drawing


def drawing_of(parsed: Any) -> Drawing:
    """What a request says about the images that it wants."""
    return Drawing(getattr(parsed, "size", None), getattr(parsed, "quality", None))


def prompt_bytes(parsed: Any) -> int:
    """The size of a request's prompt in bytes. Media count as little as they cost: their bytes say nothing
    about their tokens.
    """
    size = len(getattr(parsed, "body", b""))
    most = MOST_WITH_MEDIA * BYTES_PER_TOKEN
    if size > most and hasattr(parsed, "needs") and not MEDIA.isdisjoint(parsed.needs()):
        return most
    return size


def demand_of(parsed: Any, billing: Billing) -> Demand:
    """What a request asks for; `billing` says how much that is where the request sets no bound."""
    images = getattr(parsed, "image_count", 0)
    if images:
        answer = images * TOKENS_OF_IMAGE.get(getattr(parsed, "quality", None) or "", MOST_TOKENS_OF_IMAGE)
        pictures = getattr(parsed, "picture_count", 0) * TOKENS_OF_PICTURE * BYTES_PER_TOKEN
        return Demand(prompt_bytes(parsed) + pictures, answer, 0, images, drawing_of(parsed))
    most = getattr(parsed, "max_output", None)
    choices = getattr(parsed, "n", 1) or 1
    answer = (billing.output_tokens if most is None else most) * choices
    count = getattr(parsed, "searches", None)
    searches = count() if count is not None else 0
    if searches is None:
        searches = billing.searches
    return Demand(prompt_bytes(parsed), answer, searches * choices, 0, Drawing())


def quote_of(caller: Caller, parsed: Any, candidates: Sequence[Candidate], gateway: Gateway) -> Quote:
    """What a request is expected to need, at most: its cost at the most expensive candidate."""
    demand = demand_of(parsed, gateway.config.billing)
    body, tariff, sizes = getattr(parsed, "body", b""), gateway.tariff, gateway.prompt_sizes
    most = -1.0
    for one in candidates:
        service, model = one.service.name, one.model
        greatest = tariff.greatest(service, model, body)
        if greatest is not None:
            cost = _cost(greatest, demand, sizes.tokens(service, model, demand.size))
            most = max(most, -1.0 if cost is None else cost)
    if caller.margin:
        most *= 1 + float(caller.margin)
    cost = ceil(most) if most >= 0 else None
    return Quote(parsed.model or "", demand.size // BYTES_PER_TOKEN + demand.answer, cost)


def _cost(greatest: Greatest, demand: Demand, prompt: float) -> float | None:
    if demand.images and greatest.images:
        return greatest.cost_of_images(demand.images, *demand.drawing)
    return greatest.cost(prompt, demand.answer, demand.searches)


async def foreseen_refusal(
    caller: Caller, parsed: Any, candidates: Sequence[Candidate], gateway: Gateway
) -> TidegateError | None:
    """Why the caller's funds would not allow a request now; None if they would."""
    if gateway.accountant is None:
        return None
    if caller.wallet and len(candidates) > 1:
        candidates = gateway.tariff.with_prices(candidates)
    quote = quote_of(caller, parsed, candidates, gateway)
    return await gateway.accountant.foresee_refusal(caller, quote)
