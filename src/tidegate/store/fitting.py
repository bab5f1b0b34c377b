"""Lines that a database refuses: what it cannot store of one is cut, so that no line is in the way of those
behind it. PostgreSQL refuses texts that are longer than their column, and NUL.

Names that say whose a line is are never cut: they are checked when they are made.
"""

from typing import TypeVar

from msgspec import structs

from tidegate.figures import Answered, Gathered, Part, Sample
from tidegate.figures.history import Group

from .journal import Batch, Begun, Ended

__all__ = ["fit", "fit_end", "fit_gathered"]

N = TypeVar("N", Answered, Part)

LONGEST = 240
"""Characters of a name that a client or the configuration has chosen: behind `model:`, it is a name, too."""


def fit(batch: Batch) -> Batch:
    """The same lines, as any database can store them."""
    fitting = Batch()
    fitting.begun = {name: _fit_beginning(line) for name, line in batch.begun.items()}
    fitting.ended = [fit_end(line) for line in batch.ended]
    fitting.earlier, fitting.released = batch.earlier, batch.released
    return fitting


def _fit_beginning(line: Begun) -> Begun:
    return structs.replace(line, model=_cut(line.model))


def fit_end(line: Ended) -> Ended:
    """A line as any database can store it."""
    return structs.replace(
        line,
        model=_cut(line.model),
        provider=_cut(line.provider),
        provider_model=_cut(line.provider_model),
        session=_cut(line.session),
        error=_cut(line.error, None),
        answered=_fit(line.answered) if line.answered is not None else None,
        figures=_fit_sample(line.figures) if line.figures is not None else None,
    )


def fit_gathered(gathered: Gathered) -> Gathered:
    """The same figures, with names that any database can store."""
    return Gathered(
        [(_fit_group(group), sums) for group, sums in gathered.answered],
        [(common, list(map(_fit_sample, alike))) for common, alike in gathered.others],
        [(_fit_group(group), answered) for group, answered in gathered.few],
    )


def _fit_group(group: Group) -> Group:
    at, user, key, provider, model = group
    return at, user, key, _cut(provider) or "", _cut(model) or ""


def _fit_sample(sample: Sample) -> Sample:
    return structs.replace(sample, parts=tuple(map(_fit, sample.parts)))


def _fit(one: N) -> N:
    return structs.replace(one, provider=_cut(one.provider) or "", model=_cut(one.model) or "")


def _cut(text: str | None, longest: int | None = LONGEST) -> str | None:
    return None if text is None else text[:longest].replace("\0", "\N{REPLACEMENT CHARACTER}")
