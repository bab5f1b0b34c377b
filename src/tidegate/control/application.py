"""The FastAPI application behind the data plane."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from tidegate.config import Config
from tidegate.figures import History
from tidegate.store.store import Store

from .admin import Live, create_admin
from .description import describe, describe_llm_gate
from .pages import ASGIApp, WithPolicy, add_admin_pages, add_gate_pages, add_pages
from .ui import Dashboard

__all__ = ["create_control"]


def create_control(
    config: Config, live: Live, store: Store | None = None, history: History | None = None
) -> ASGIApp:
    """The application, with the titles that this configuration gives. `live` finds the open requests of all
    workers; `store` has the accounts, if any, and `history` the figures.
    """
    description = describe(config.api.title, config.api.description, config.api.llm_gate)
    app = FastAPI(title=config.api.title, docs_url=None, redoc_url=None)
    app.openapi = lambda: description  # type: ignore[method-assign]
    app.add_exception_handler(HTTPException, send_error)
    add_pages(app)
    gate = config.api.llm_gate
    add_gate_pages(app, gate, describe_llm_gate(config.api.title, config.api.description, gate))
    admin = create_admin(config, store, live, history)
    add_admin_pages(admin)

    documented, documented_admin = WithPolicy(app), WithPolicy(admin)
    dashboard = Dashboard(config.api.title)

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        if path.startswith("/ui"):
            await dashboard(scope, receive, send)
        else:
            await (documented_admin if path.startswith("/admin") else documented)(scope, receive, send)

    return serve


async def send_error(request: Request, error: Exception) -> JSONResponse:
    """An error in the shape of OpenAI's dialect, as everywhere else outside the doors of others."""
    assert isinstance(error, HTTPException)
    message = f"unknown path {request.method} {request.url.path}; see /docs"
    code = "not_found"
    if error.status_code == 405:
        message, code = f"{request.url.path} does not accept {request.method}", "method_not_allowed"
    body: dict[str, Any] = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return JSONResponse({"error": body}, status_code=error.status_code, headers=error.headers)
