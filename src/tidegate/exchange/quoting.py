"""What a request is expected to need, before anyone is asked: the most that is held for it."""

from collections.abc import Sequence
from math import ceil
from typing import Any

from msgspec import Struct

from tidegate.accounts import Caller, Quote
from tidegate.config import Billing
from tidegate.protocols.errors import TidegateError
from tidegate.providers import Candidate

from .facts import BYTES_PER_TOKEN, MEDIA, MOST_WITH_MEDIA
from .gateway import Gateway
from .tariff import PLAIN, Drawing

__all__ = ["drawing_of", "foreseen_refusal", "full_quote", "prompt_bytes", "quote_of"]

TOKENS_OF_IMAGE = {"low": 408, "medium": 1584, "high": 6240}
"""Tokens of the largest image by its quality, at models that bill images by token
(https://platform.openai.com/docs/guides/image-generation)."""
MOST_TOKENS_OF_IMAGE = max(TOKENS_OF_IMAGE.values())
TOKENS_OF_PICTURE = 6500
"""The most tokens of an image that is to be edited, at high fidelity (the same guide)."""
MOST_BYTES = MOST_WITH_MEDIA * BYTES_PER_TOKEN


class Demand(Struct, frozen=True, gc=False):
    """What a request asks for."""

    size: int
    """Of its prompt, in bytes."""
    answer: int
    """The most tokens of its answer, over all choices."""
    images: int = 0
    """The number of images to be generated; 0 if it is not for images."""
    drawing: Drawing = PLAIN


def drawing_of(parsed: Any) -> Drawing:
    """What a request says about the images that it wants."""
    return Drawing(getattr(parsed, "size", None), getattr(parsed, "quality", None))


def prompt_bytes(parsed: Any) -> int:
    """The size of a request's prompt in bytes. Media count as little as they cost: their bytes say nothing
    about their tokens.
    """
    size = len(getattr(parsed, "body", b""))
    if size > MOST_BYTES and hasattr(parsed, "needs") and not MEDIA.isdisjoint(parsed.needs()):
        return MOST_BYTES
    return size


def demand_of(parsed: Any, billing: Billing) -> Demand:
    """What a request asks for; `billing` says how much that is where the request sets no bound."""
    images = getattr(parsed, "image_count", 0)
    if images:
        answer = images * TOKENS_OF_IMAGE.get(getattr(parsed, "quality", None) or "", MOST_TOKENS_OF_IMAGE)
        pictures = getattr(parsed, "picture_count", 0) * TOKENS_OF_PICTURE * BYTES_PER_TOKEN
        return Demand(prompt_bytes(parsed) + pictures, answer, images, drawing_of(parsed))
    most = getattr(parsed, "max_output", None)
    answer = (billing.output_tokens if most is None else most) * (getattr(parsed, "n", 1) or 1)
    return Demand(prompt_bytes(parsed), answer)


def searches_of(parsed: Any, usual: int) -> int:
    """The most web searches that a request asks for, over all choices; `usual` where it sets no bound."""
    count = getattr(parsed, "searches", None)
    most = count() if count is not None else 0
    return (usual if most is None else most) * (getattr(parsed, "n", 1) or 1)


def quote_of(caller: Caller, parsed: Any, candidates: Sequence[Candidate], gateway: Gateway) -> Quote:
    """What a request is expected to need, at most: its cost at the most expensive candidate."""
    if len(candidates) == 1 and not caller.margin and hasattr(parsed, "max_output"):
        quote = _usual_quote(parsed, candidates[0], gateway)
        if quote is not None:
            return quote
    return full_quote(caller, parsed, candidates, gateway)


def _usual_quote(parsed: Any, candidate: Candidate, gateway: Gateway) -> Quote | None:
    """What `full_quote` says of a request for text with one candidate and a known price, in fewer steps; None
    for any other.
    """
    body, service, model = parsed.body, candidate.service.name, candidate.model
    greatest = gateway.tariff.greatest(service, model, body)
    if greatest is None or greatest.prompt is None or greatest.answer is None:
        return None
    size = len(body)
    if size > MOST_BYTES:
        size = prompt_bytes(parsed)
    most = parsed.max_output
    if most == 0:  # as of embeddings
        return None
    billing = gateway.config.billing
    answer = (billing.output_tokens if most is None else most) * (parsed.n or 1)
    prompt = gateway.prompt_sizes.tokens(service, model, size)
    cost = prompt * greatest.prompt + answer * greatest.answer + greatest.request
    if greatest.search:
        cost += searches_of(parsed, billing.searches) * greatest.search
    return Quote(parsed.model or "", size // BYTES_PER_TOKEN + answer, ceil(cost))


def full_quote(caller: Caller, parsed: Any, candidates: Sequence[Candidate], gateway: Gateway) -> Quote:
    """The same of any request."""
    demand = demand_of(parsed, gateway.config.billing)
    if len(candidates) == 1:
        most = _cost_at(candidates[0], parsed, demand, gateway)
    else:
        costs = [_cost_at(one, parsed, demand, gateway) for one in candidates]
        most = max((cost for cost in costs if cost is not None), default=None)
    if most is not None and caller.margin:
        most *= 1 + float(caller.margin)
    cost = ceil(most) if most is not None else None
    return Quote(parsed.model or "", demand.size // BYTES_PER_TOKEN + demand.answer, cost)


def _cost_at(candidate: Candidate, parsed: Any, demand: Demand, gateway: Gateway) -> float | None:
    """What a candidate costs at most, in nano; None where that is not known."""
    service, model = candidate.service.name, candidate.model
    greatest = gateway.tariff.greatest(service, model, getattr(parsed, "body", b""))
    if greatest is None:
        return None
    if demand.images and greatest.images:
        return greatest.cost_of_images(demand.images, *demand.drawing)
    prompt = gateway.prompt_sizes.tokens(service, model, demand.size)
    searches = searches_of(parsed, gateway.config.billing.searches) if greatest.search else 0
    return greatest.cost(prompt, demand.answer, searches)


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
