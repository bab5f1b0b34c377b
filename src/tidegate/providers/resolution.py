"""The answer to a request for a model: who can serve it, and what was asked about the choice among them."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec import Struct

from tidegate.config import MAX_CANDIDATES, ModelConfig, Order

from .candidate import Candidate
from .preferences import ANY, Preferences

__all__ = ["Exclusion", "Resolution", "resolution_of"]

TOO_MANY = f"is beyond the {MAX_CANDIDATES} candidates of one request"


class Exclusion(NamedTuple):
    """Who could serve a model, and is no candidate of this request."""

    candidate: Candidate
    reason: str
    """For people, as the end of a sentence about it: `is not in the request's provider.only`."""


class Resolution(Struct, frozen=True, kw_only=True):
    """Who serves a request. The answer to one question is kept while a Config is in force: `candidates` is
    the same tuple each time, so that what is known of the list can be looked up by its id.
    """

    candidates: tuple[Candidate, ...]
    """The first choice first; never empty, at most MAX_CANDIDATES, each service and model once."""
    tiers: tuple[int, ...] = ()
    """How many candidates stand together, where the request ranks them itself (`models`, `provider.order`):
    each part is ordered by itself, behind the parts before it. Empty: all are ordered together."""
    order: Order | None = None
    """The order that `[models]` sets for the name; None: that of `[routing]`. The request's own
    (`preferences.ranking`) goes before it."""
    weights: tuple[float, ...] = ()
    """For the order `weighted`: the shares that `[models]` gives to all candidates of the name."""
    hedge: bool | None = None
    """Whether `[models]` lets the name be hedged; None: as `[routing]` says."""
    preferences: Preferences = ANY
    """The request's `provider` as an object. `order`, `only`, `ignore`, `allow_fallbacks` and `quantizations`
    are applied already; the rest is for those who rank, filter and try the candidates."""
    excluded: tuple[Exclusion, ...] = ()
    """Who is no candidate because of the preferences or of MAX_CANDIDATES; as many at most."""


def resolution_of(
    parts: Iterable[Sequence[Candidate]],
    client_format: str = "",
    preferences: Preferences = ANY,
    model: ModelConfig | None = None,
    excluded: Iterable[Exclusion] = (),
) -> Resolution:
    """The candidates of these parts, each once, for a client of a wire format.

    `model` has the settings of the name in `[models]`; `excluded` are those that the preferences exclude.
    """
    left_out = list(excluded)
    seen: set[tuple[str, str]] = set()
    tiers: list[int] = []
    candidates: list[Candidate] = []
    for part in parts:
        before = len(candidates)
        for one in part:
            place = (one.service.name, one.model)
            if place in seen:
                continue
            if len(candidates) < MAX_CANDIDATES:
                seen.add(place)
                candidates.append(one.speaking(client_format))
            else:
                left_out.append(Exclusion(one, TOO_MANY))
        if len(candidates) > before:
            tiers.append(len(candidates) - before)
    return Resolution(
        candidates=tuple(candidates),
        tiers=tuple(tiers) if len(tiers) > 1 and not preferences.across_models else (),
        order=model.order if model is not None else None,
        weights=model.weights if model is not None else (),
        hedge=model.hedge if model is not None else None,
        preferences=preferences,
        excluded=tuple(left_out[:MAX_CANDIDATES]),
    )
