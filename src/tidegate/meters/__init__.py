"""Numbers over time: histograms, moving averages, counts within a window.

Each takes the time as an argument and knows nothing of what it measures. Each also takes what another has
counted, so that workers can share what each of them measures.
"""

from .average import Average
from .histogram import GAMMA, Histogram, RecentHistogram, bucket_of
from .window import WindowCount

__all__ = ["GAMMA", "Average", "Histogram", "RecentHistogram", "WindowCount", "bucket_of"]
