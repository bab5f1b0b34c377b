"""How many tokens prompts have, by what providers reported for the ones before.

Bytes say little about tokens: languages differ, and some providers put long instructions of their own in
front. So each model is learned, for prompts of about the same size: an answer that reports more tokens per
byte counts from then on, and is forgotten slowly while others report fewer. This errs on the high side: too
little would be held for requests otherwise.
"""

from .facts import BYTES_PER_TOKEN

__all__ = ["COLD", "PromptSizes"]

USUAL = 1 / BYTES_PER_TOKEN
"""Tokens per byte, at least: most prompts in English have fewer, as they are within JSON."""
COLD = 2 * USUAL
"""Tokens per byte that are held for while no answer of a model is known."""
FORGET = 0.05
"""The share of the difference by which a rate falls with each answer that reports less."""
MOST_MODELS = 4096
SIZES = 64
"""Sizes that are told apart, each twice the one before: all that there can be."""


class PromptSizes:
    """Tokens per byte of each model, for prompts of each size. One for all Configs of a worker."""

    def __init__(self) -> None:
        self._rates: dict[tuple[str, str], list[float]] = {}

    def observe(self, service: str, model: str, size: int, tokens: int) -> None:
        """A provider has reported the tokens of a request of so many bytes."""
        if size <= 0:
            return
        rates = self._rates.get((service, model))
        if rates is None:
            if len(self._rates) >= MOST_MODELS:
                self._rates.clear()
            rates = self._rates[service, model] = [0.0] * SIZES
        place, rate = size.bit_length(), tokens / size
        known = rates[place]
        rates[place] = rate if rate >= known else known + (rate - known) * FORGET

    def tokens(self, service: str, model: str, size: int) -> float:
        """The tokens of a prompt of so many bytes, rather too many than too few."""
        rates = self._rates.get((service, model))
        rate = rates[size.bit_length()] if rates is not None else 0.0
        if rate < USUAL:
            rate = USUAL if rate else COLD
        return size * rate
