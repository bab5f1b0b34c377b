"""Who may read the figures of the gateway."""

import hmac

from tidegate.accounts.api_keys import digest_of
from tidegate.config import Config
from tidegate.protocols.errors import Forbidden, Unauthenticated

from .admin_access import AdminAccess
from .identity import Keyring, key_of
from .request import Request

__all__ = ["MetricsAccess"]


class MetricsAccess:
    """Everybody where the gateway needs no keys, or the operator says so; otherwise who has the token for it,
    or may use the admin API.
    """

    def __init__(self, config: Config, admins: AdminAccess, keyring: Keyring) -> None:
        self._open = config.auth.mode == "open" or config.metrics.public
        token = config.metrics.token
        self._token = digest_of(token.reveal()) if token is not None else None
        self._has_admins = bool(config.auth.admin_keys) or config.auth.jwt_admin_claim is not None
        self._admins = admins
        self._keyring = keyring

    async def authorize(self, request: Request) -> None:
        """Refuse a request that may not read. Raises Forbidden, Unauthenticated, LimitExceeded, and what
        AdminAccess.authorize raises.
        """
        if self._open:
            return
        key = key_of(request)
        if key is not None and self._is_token(key):
            self._keyring.slow_down(request, failed=False)
            return
        if self._has_admins:
            await self._admins.authorize(request)
            return
        if self._token is None:
            raise Forbidden(
                "this gateway shows its figures to nobody: the operator sets token or public in [metrics], "
                "or admin_keys in [auth]",
                code="no_metrics_token",
            )
        if key is None:
            raise Unauthenticated("no token for /metrics: send it as Authorization: Bearer …")
        self._keyring.slow_down(request, failed=True)
        raise Unauthenticated("this token is not valid for /metrics")

    def _is_token(self, key: str) -> bool:
        return self._token is not None and hmac.compare_digest(self._token, digest_of(key))
