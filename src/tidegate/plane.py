"""All that serves requests by one configuration: a reload makes a new one and replaces the old as a whole."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tidegate.config import Config
from tidegate.doors import Router, may_view
from tidegate.exchange import Gateway, Request
from tidegate.exchange.admin_access import ADMIN_PATH
from tidegate.figures import History
from tidegate.http.contract import ServerRequest
from tidegate.http.mount import NOTHING, ASGIApplication, serve_asgi
from tidegate.live import LiveRequests

from .browsers import BrowserPolicy

if TYPE_CHECKING:
    from tidegate.store.store import Store

__all__ = ["UI_PATH", "Plane"]

UI_PATH = "/ui"
CONTROL_PATHS = (ADMIN_PATH, UI_PATH, "/docs", "/redoc", "/openapi.json", "/static-offline-docs/")
"""What the control plane serves."""


class Plane:
    """The gateway, its doors and its control plane."""

    __slots__ = ("_control", "_live", "_store", "browsers", "control_paths", "gateway", "router")

    def __init__(
        self,
        gateway: Gateway,
        router: Router,
        browsers: BrowserPolicy,
        live: LiveRequests,
        store: "Store | None" = None,
    ) -> None:
        self.gateway = gateway
        self.router = router
        self.browsers = browsers
        self._live = live
        self._store = store
        prefix = gateway.config.api.llm_gate
        gate_pages = (f"{prefix}/{page}" for page in ("docs", "redoc", "openapi.json"))
        self.control_paths = (*CONTROL_PATHS, *gate_pages)
        """How the paths of the control plane begin."""
        self._control: ASGIApplication | None = None
        """Made when the first of its pages is requested."""

    async def serve_control(self, client: ServerRequest, state: Mapping[str, Any] = NOTHING) -> None:
        """Serve a page of the control plane. `state` is passed to it in the scope: who may change something,
        for its log, or whether a browser has signed in.
        """
        if self._control is None:
            self._control = await asyncio.to_thread(
                _make_control, self.gateway.config, self._live, self._store, self.gateway.figures.history
            )
        await serve_asgi(self._control, client, state)

    async def serve_dashboard(self, client: ServerRequest) -> None:
        """Serve a file of the dashboard: to those who have not signed in, only the page where they can."""
        await self.serve_control(client, {"signed_in": await may_view(Request(client), self.gateway)})


def _make_control(
    config: Config, live: LiveRequests, store: "Store | None", history: History
) -> ASGIApplication:
    from tidegate.control import create_control

    return create_control(config, live, store, history)
