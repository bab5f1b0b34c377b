"""What agents send by default that means something to one provider only.

Where it is left out, the answer is the same, so it is named as dropped (response header and record) but is no
reason to refuse a request in strict mode. Otherwise Claude Code could be used with Anthropic only.
"""

from collections.abc import Iterable

__all__ = [
    "EMPTY_STOP",
    "KEEPS_ALL",
    "NEGATIVE_TOP_K",
    "NOISE",
    "RENAMED_PROPERTIES",
    "REPEATED_TOOL",
    "without_noise",
]

KEEPS_ALL = "context_management.keep"
"""Name of a `context_management` that only asks Anthropic to keep what every other provider keeps anyway."""

EMPTY_STOP, NEGATIVE_TOP_K, REPEATED_TOOL = "stop.empty", "top_k<0", "tools.repeated"
"""Names of a stop sequence without text, of a limit that servers of open models read as none, and of a tool
that is there twice (see `sendable`)."""

RENAMED_PROPERTIES = "tools.properties"
"""Name of properties that a provider was told by other names (see `property_names`)."""

NOISE = frozenset(
    {
        "cache_control",  # where to cache: it changes the price, not the answer
        KEEPS_ALL,
        EMPTY_STOP,
        NEGATIVE_TOP_K,
        RENAMED_PROPERTIES,
        REPEATED_TOOL,
        "user",  # an identifier of the end user, against abuse
        "x-anthropic-billing-header",  # the version of Claude Code
    }
)
"""Names of dropped parameters that do not change an answer."""


def without_noise(dropped: Iterable[str]) -> tuple[str, ...]:
    """The dropped parameters that would have changed the answer."""
    return tuple(name for name in dropped if name not in NOISE)
