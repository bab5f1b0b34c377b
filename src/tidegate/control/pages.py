"""Swagger UI and ReDoc, from this machine alone.

The package fastapi-offline carries both programs. What they would still fetch from elsewhere (a
logo, a validator's badge) is switched off here, and a content security policy forbids browsers
the rest: no page of ours speaks to any host but the gateway itself.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

__all__ = ["POLICY", "ASGIApp", "WithPolicy", "add_admin_pages", "add_gate_pages", "add_pages"]

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Any, Any, Send], Awaitable[None]]

PROGRAMS = Path(fastapi_offline.__file__).parent / "static"
READ = ["GET", "HEAD"]

PROGRAMS_AT = "/static-offline-docs"

ICON = "data:image/svg+xml," + quote(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    '<rect width="32" height="32" rx="7" fill="#0b4f6c"/>'
    '<path d="M9 26V10a7 7 0 0 1 14 0v16" fill="none" stroke="#fff" stroke-width="3"/>'
    '<path d="M4 21q4-4 8 0t8 0 8 0" fill="none" stroke="#35c4d7" stroke-width="3"/></svg>'
)

ALLOWED = {
    "default-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self' data:",
    "style-src": "'self' 'unsafe-inline'",  # both programs style by script
    "script-src": "'self' 'unsafe-inline'",  # the pages start the programs by a script of two lines
    "worker-src": "'self' blob:",  # ReDoc searches in a worker that it makes itself
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}
POLICY = "; ".join(f"{kind} {source}" for kind, source in ALLOWED.items())

SWAGGER = {
    "validatorUrl": None,  # the badge would send this API's address to swagger.io
    "tryItOutEnabled": True,
    "displayRequestDuration": True,
    "persistAuthorization": False,
    "defaultModelsExpandDepth": 0,
}

WITHOUT_LOGO = '<style>img[src*="redoc.ly"]{display:none}</style></head>'
"""ReDoc signs its menu with an image from its maker's servers."""


def add_pages(app: FastAPI) -> None:
    """Serve `/docs`, `/redoc` and the programs that they run."""
    app.mount(PROGRAMS_AT, StaticFiles(directory=PROGRAMS))

    @app.api_route("/docs", methods=READ, include_in_schema=False)
    async def show_swagger() -> HTMLResponse:
        return _swagger(app.title, "/openapi.json")

    @app.api_route("/redoc", methods=READ, include_in_schema=False)
    async def show_redoc() -> HTMLResponse:
        return _redoc(app.title, "/openapi.json")


def add_gate_pages(app: FastAPI, prefix: str, description: dict[str, Any]) -> None:
    """Serve the pages of LLM Gate's API, which its clients look for below its own prefix."""

    @app.api_route(f"{prefix}/openapi.json", methods=READ, include_in_schema=False)
    async def tell_description() -> JSONResponse:
        return JSONResponse(description)

    @app.api_route(f"{prefix}/docs", methods=READ, include_in_schema=False)
    async def show_gate() -> HTMLResponse:
        return _swagger(app.title, f"{prefix}/openapi.json")

    @app.api_route(f"{prefix}/redoc", methods=READ, include_in_schema=False)
    async def show_gate_redoc() -> HTMLResponse:
        return _redoc(app.title, f"{prefix}/openapi.json")


def add_admin_pages(app: FastAPI) -> None:
    """Serve the pages of the admin API, which describes itself."""

    @app.api_route("/admin/docs", methods=READ, include_in_schema=False)
    async def show_admin() -> HTMLResponse:
        return _swagger(app.title, "/admin/openapi.json")

    @app.api_route("/admin/redoc", methods=READ, include_in_schema=False)
    async def show_admin_redoc() -> HTMLResponse:
        return _redoc(app.title, "/admin/openapi.json")


def _swagger(title: str, described_at: str) -> HTMLResponse:
    return get_swagger_ui_html(
        openapi_url=described_at,
        title=title,
        swagger_js_url=f"{PROGRAMS_AT}/swagger-ui-bundle.js",
        swagger_css_url=f"{PROGRAMS_AT}/swagger-ui.css",
        swagger_favicon_url=ICON,
        swagger_ui_parameters=SWAGGER,
    )


def _redoc(title: str, described_at: str) -> HTMLResponse:
    page = get_redoc_html(
        openapi_url=described_at,
        title=title,
        redoc_js_url=f"{PROGRAMS_AT}/redoc.standalone.js",
        redoc_favicon_url=ICON,
        with_google_fonts=False,
    )
    return HTMLResponse(bytes(page.body).decode().replace("</head>", WITHOUT_LOGO, 1))


class WithPolicy:
    """An application whose every answer forbids browsers to load anything from other hosts."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        """Serve one request."""

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *SEAL]
            await send(message)

        await self._app(scope, receive, send_with_policy)


SEAL = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]
