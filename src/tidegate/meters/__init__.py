"""Statistics over time: histograms, moving averages, counts within a window.

Each takes the time as an argument and is independent of what it measures. Each can be merged with another, so
workers can share their measurements.
"""

from .average import Average
from .histogram import GAMMA, Histogram, RecentHistogram, bucket_of, counts_of, quantiles_of
from .window import WindowCount

__all__ = [
    "GAMMA", "Average", "Histogram", "RecentHistogram", "WindowCount", "bucket_of", "counts_of",
    "quantiles_of",
]  # fmt: skip
