"""The headers that tell clients how much they may use, in OpenAI's form, which most clients read.

https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
"""

from collections.abc import Mapping
from functools import cache

from msgspec import Struct

__all__ = ["Standing", "Standings", "limit_lines", "render_limits"]


class Standing(Struct, frozen=True, gc=False):
    """What a limit says to a request."""

    limit: int
    """Units in a period."""
    remaining: int
    """Units that are left, now."""
    reset_s: float
    """Seconds until the limit is unused again."""
    retry_s: float = 0.0
    """Seconds until the request would be allowed; 0 if it is. Infinite where it needs more than the limit."""


Standings = Mapping[str, Standing]
"""`requests` and `tokens` → the tightest limit of that kind."""


def render_limits(standings: Standings, now: float) -> list[tuple[bytes, bytes]]:
    """`x-ratelimit-limit-requests`, `-remaining-requests` and `-reset-requests`, and those of tokens. `now`
    is in seconds since 1970, for dialects that name a time.
    """
    lines = limit_lines(standings).split(b"\r\n")
    return [(name, value) for name, _, value in (line.partition(b": ") for line in lines) if name]


def limit_lines(standings: Standings) -> bytes:
    """The same as lines of a response's head."""
    if len(standings) == 2:  # as with most keys
        requests, tokens = standings.values()
        if requests.reset_s < 1 and tokens.reset_s < 1:
            return _form(*standings) % (
                requests.limit, requests.remaining, _MILLISECONDS[int(requests.reset_s * 1000 + 0.5)],
                tokens.limit, tokens.remaining, _MILLISECONDS[int(tokens.reset_s * 1000 + 0.5)],
            )  # fmt: skip
    lines = b""
    for kind, standing in standings.items():
        reset_s = standing.reset_s
        reset = _MILLISECONDS[int(reset_s * 1000 + 0.5)] if reset_s < 1 else _duration(reset_s)
        lines += _form(kind) % (standing.limit, standing.remaining, reset)
    return lines


@cache
def _form(*kinds: str) -> bytes:
    """The lines of some kinds, without the limit, what remains and the duration."""
    names = (f"x-ratelimit-{one}-{kind}: %{sign}\r\n" for kind in kinds for one, sign in FORM)
    return "".join(names).encode()


FORM = (("limit", "d"), ("remaining", "d"), ("reset", "b"))


_MILLISECONDS = tuple(b"%dms" % number for number in range(1001))


def _duration(seconds: float) -> bytes:
    """A duration of a second at least as OpenAI writes it: `1m0s`, `7.66s`."""
    minutes, rest = divmod(round(seconds, 2), 60)
    written = b"%.2f" % rest
    tail = written.rstrip(b"0").rstrip(b".") + b"s"
    return b"%dm" % minutes + tail if minutes else tail
