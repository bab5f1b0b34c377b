"""Cross-origin requests, for applications that run in a browser."""

from collections.abc import Iterable, Sequence

from tidegate.exchange.http import Header, Request

__all__ = ["Cors"]

EXPOSED = (
    b"x-request-id, x-tidegate-provider, x-tidegate-model, x-tidegate-attempts, x-tidegate-dropped, "
    b"x-tidegate-estimated, retry-after"
)
ALLOWED_METHODS = b"GET, POST, OPTIONS"
PREFLIGHT_AGE_S = b"86400"


class Cors:
    """Which origins may call; no origins at all means that no header is sent."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = {origin.encode() for origin in origins}
        self.enabled = bool(self._origins)
        self._any = b"*" in self._origins
        self._for_any = self._render(b"*") if self._any else []

    def headers_for(self, request_headers: Iterable[Header]) -> Sequence[Header]:
        """What every response to this request carries."""
        if self._any or not self.enabled:
            return self._for_any
        origin = next((value for name, value in request_headers if name == b"origin"), b"")
        vary = (b"vary", b"origin")
        return [*self._render(origin), vary] if origin in self._origins else [vary]

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
