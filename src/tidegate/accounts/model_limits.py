"""Limits and budgets of models, which all callers of a model share."""

from collections.abc import Sequence
from decimal import Decimal

from tidegate.config import Config, ModelConfig
from tidegate.money import nano_of

from .caller import Subject
from .settings import UNLIMITED, Budget, Limits

__all__ = ["NO_MODEL_LIMITS", "ModelLimits"]

MOST_KEPT = 4096


class ModelLimits:
    """What applies to requests for the names in `[models]`, beside what applies to their callers."""

    def __init__(self, config: Config) -> None:
        found = {name: _subject(name, one) for name, one in config.models.items()}
        self._by_model = {name: one for name, one in found.items() if one is not None}
        self._joined: dict[tuple[int, str], tuple[Sequence[Subject], Sequence[Subject]]] = {}
        """By the identity of a caller's subjects, which an entry keeps alive: a limiter knows them by it."""

    def __bool__(self) -> bool:
        return bool(self._by_model)

    def join(self, subjects: Sequence[Subject], model: str) -> Sequence[Subject]:
        """All whose limits and budgets apply to a request for a model by a caller with these subjects."""
        own = self._by_model.get(model)
        if own is None:
            return subjects
        known = self._joined.get((id(subjects), model))
        if known is None or known[0] is not subjects:
            if len(self._joined) >= MOST_KEPT:
                self._joined.clear()
            known = self._joined[id(subjects), model] = (subjects, (*subjects, own))
        return known[1]


NO_MODEL_LIMITS = ModelLimits(Config())
"""Those of a configuration that sets none."""


def _subject(name: str, model: ModelConfig) -> Subject | None:
    limits = Limits(
        requests_per_minute=model.requests_per_minute,
        tokens_per_minute=model.tokens_per_minute,
        concurrent=model.concurrent,
    )
    budgets = []
    if model.daily_budget_usd is not None:
        budgets.append(Budget(amount=nano_of(Decimal(str(model.daily_budget_usd))), period="day"))
    if model.monthly_budget_usd is not None:
        budgets.append(Budget(amount=nano_of(Decimal(str(model.monthly_budget_usd)))))
    return Subject(f"model:{name}", limits, budgets) if limits != UNLIMITED or budgets else None
