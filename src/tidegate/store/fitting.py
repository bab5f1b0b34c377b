"""Lines that a database refuses: what it cannot store of one is cut, so that no line is in the way of those
behind it. PostgreSQL refuses texts that are longer than their column, and NUL.

Names that say whose a line is are never cut: they are checked when they are made.
"""

from msgspec import structs

from .journal import Batch, Begun, Ended

__all__ = ["fit", "fit_end"]

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
        figures=None if line.figures is None else structs.replace(line.figures, parts=tuple(
            structs.replace(part, provider=_cut(part.provider) or "", model=_cut(part.model) or "")
            for part in line.figures.parts
        )),
    )  # fmt: skip


def _cut(text: str | None, longest: int | None = LONGEST) -> str | None:
    return None if text is None else text[:longest].replace("\0", "\N{REPLACEMENT CHARACTER}")
