"""Which candidates cannot serve a request, according to what is known about their models.

Only a known "no" excludes a candidate. An estimate (whether a prompt fits) or something that can be
compensated (a stream made from a whole answer) excludes it only if another candidate is left.
"""

import math
from collections.abc import Sequence

from tidegate.catalog import CatalogModel, model_named
from tidegate.providers import Candidate
from tidegate.providers.facts import abilities_of

from .cost import Card
from .facts import MaxPrice, RequestFacts

__all__ = ["Abilities", "too_expensive"]

ESTIMATE_ERROR = 1.25
"""A prompt is certainly too long if its estimate exceeds the context by this factor."""
PER_MILLION = 1e6


class Abilities:
    """The known abilities of a candidate's model."""

    __slots__ = ("_known", "_row", "_thinks", "fits", "streams", "writes")

    def __init__(self, candidate: Candidate) -> None:
        self._row: CatalogModel | None = model_named(candidate.service.kind.name, candidate.model)
        self._thinks = candidate.profile.thinking != "none"
        self.streams = candidate.profile.streams
        self.writes = self._row is None or self._row.type == "chat"
        """Whether its answers are text, as far as known."""
        # That of other models is for each of the texts of a request.
        context = self._row.context if self._row is not None and self.writes else None
        self.fits = ESTIMATE_ERROR * context if context is not None else math.inf
        """The maximum estimate, in tokens, that fits into its context."""
        self._known: Sequence[str] = abilities_of(self._row) if self._row is not None else ()

    def missing(self, facts: RequestFacts) -> str | None:
        """Why the model certainly cannot serve the request; None if it may."""
        lacks = self._row.lacks if self._row is not None else ()
        for need in facts.needs:
            if need in lacks or (need == "reasoning" and not self._thinks):
                return f"does not support {need}"
        for name in facts.require:
            if name not in self._known:
                return f"is not known to support {name}"
        return None

    def unfit(self, facts: RequestFacts) -> str | None:
        """Why another candidate should serve the request, if there is one; None if there is no reason."""
        if facts.input_tokens > self.fits:
            context = self.fits / ESTIMATE_ERROR
            return f"has a context of {context:.0f} tokens, and the prompt about {facts.input_tokens}"
        if facts.stream and not self.streams:
            return "does not stream"
        return None


def too_expensive(card: Card | None, most: MaxPrice) -> str | None:
    """Why the request's `provider.max_price` excludes a candidate; None if it does not."""
    if card is None:
        return "has no known price, and the request sets max_price"
    for name, limit, price in (
        ("prompt", most.prompt, card.input * PER_MILLION),
        ("completion", most.completion, card.output * PER_MILLION),
        ("request", most.request, card.request),
    ):
        if limit is not None and price > limit * (1 + 1e-9):
            return f"costs more than the request's max_price.{name}: {price:g} USD"
    return None
