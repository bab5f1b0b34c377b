"""Cross-origin requests, for applications that run in a browser."""

from collections.abc import Iterable, Sequence

from tidegate.exchange import Header, Request

__all__ = ["Cors"]

EXPOSED = (
    b"x-request-id, x-tidegate-provider, x-tidegate-model, x-tidegate-attempts, x-tidegate-dropped, "
    b"x-tidegate-estimated, retry-after"
)
VARY = ((b"vary", b"origin"),)
ALLOWED_METHODS = b"GET, POST, OPTIONS"
PREFLIGHT_AGE_S = b"86400"


class Cors:
    """Which origins may call; no origins at all means that no header is sent."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = {origin.encode() for origin in origins}
        self.enabled = bool(self._origins)
        self._any = b"*" in self._origins
        self._for_any = self._render(b"*")

    def headers_for(self, request_headers: Iterable[Header]) -> Sequence[Header]:
        """What the response carries; only browsers name an origin, and only they read these headers."""
        if not self.enabled:
            return ()
        for name, value in request_headers:
            if name == b"origin":
                return self._for_any if self._any else self._for_one(value)
        return () if self._any else VARY

    def _for_one(self, origin: bytes) -> Sequence[Header]:
        return [*self._render(origin), *VARY] if origin in self._origins else VARY

    def preflight(self, request: Request) -> Sequence[Header]:
        """What the answer to a browser's question before the request carries beside that."""
        wanted = request.header(b"access-control-request-headers") or b"*"
        return [
            (b"access-control-allow-methods", ALLOWED_METHODS),
            (b"access-control-allow-headers", wanted),
            (b"access-control-max-age", PREFLIGHT_AGE_S),
        ]

    @staticmethod
    def _render(origin: bytes) -> list[Header]:
        return [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", EXPOSED)]
