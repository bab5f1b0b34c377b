"""The headers that tell clients how much they may use, in Anthropic's form.

https://platform.claude.com/docs/en/api/rate-limits#response-headers
"""

from datetime import UTC, datetime, timedelta

from tidegate.protocols.limit_headers import Standings

__all__ = ["render_limits"]


def render_limits(standings: Standings, now: float) -> list[tuple[bytes, bytes]]:
    """`anthropic-ratelimit-requests-limit`, `-remaining` and `-reset` (RFC 3339), and those of tokens."""
    headers: list[tuple[bytes, bytes]] = []
    for kind, standing in standings.items():
        name = b"anthropic-ratelimit-" + kind.encode()
        headers += (
            (name + b"-limit", b"%d" % standing.limit),
            (name + b"-remaining", b"%d" % standing.remaining),
            (name + b"-reset", _moment(now + standing.reset_s)),
        )
    return headers


def _moment(at: float) -> bytes:
    """A time to the second, rounded up: then the limit is unused again."""
    moment = datetime.fromtimestamp(at, UTC)
    if moment.microsecond:
        moment = moment.replace(microsecond=0) + timedelta(seconds=1)
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}".encode()
