"""Figures: what requests and models do, summed up: now, and over time.

A *sample* is what one request adds to the figures. It goes two ways:

- into the *counters* of its worker, numbers in memory that the workers of a host share. `GET /metrics` adds
  the workers up at every scrape, those that have ended included (`counters.py`, `families.py`, `text.py`).
- into *rollups*: sums over five minutes, an hour and a day, by model, user and key. Where there is a
  store, they are gathered in the transaction that writes the records, and added to its rollups some seconds
  later (`store/rollups.py`); without one, `recent.py` keeps those of two days in memory. `views.py` answers
  from either.

Sums add up, and so do histograms: their buckets grow by `meters.GAMMA` (1.04), which keeps every percentile
within 2 % of the truth, however many rollups it is taken from.

Names are few: a model that neither the configuration nor the catalog has counts as `OTHER`.
"""

from .answers import Answers
from .history import Gathered, History, Query
from .keeper import Keeper
from .sample import OTHER, Answered, Part, Sample
from .sums import Row, Sums

__all__ = [
    "OTHER",
    "Answered",
    "Answers",
    "Gathered",
    "History",
    "Keeper",
    "Part",
    "Query",
    "Row",
    "Sample",
    "Sums",
]
