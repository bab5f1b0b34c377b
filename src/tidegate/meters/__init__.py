"""Numbers over time that can be merged: histograms, moving averages, counts within a window.

Each takes the time as an argument and knows nothing of what it measures. Two of the same kind merge into what
one would hold that had seen all values, so that workers can share what each of them measures.
"""
