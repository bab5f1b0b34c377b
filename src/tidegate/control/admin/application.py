"""The application of the admin API, its errors and its description."""

import logging
from collections.abc import Sequence
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from tidegate import __version__
from tidegate.config import Config
from tidegate.control.description.schema import schemas_of
from tidegate.figures import History
from tidegate.protocols.errors import (
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    TidegateError,
    Unavailable,
)
from tidegate.store.errors import StoreUnavailable
from tidegate.store.store import Store

from .configuration import add_configuration
from .figures import add_figures
from .keys import add_keys
from .members import add_members
from .overview import add_overview
from .prices import add_prices
from .providers import add_providers
from .reading import refuse_nul
from .refusals import add_refusals
from .requests import Live, add_requests
from .routes import Routes
from .wallets import add_wallets

__all__ = ["create_admin"]

log = logging.getLogger("tidegate")

DESCRIPTION = """Manages keys, users, teams, wallets and prices. Requests need an admin key
(`[auth] admin_keys`), as `Authorization: Bearer …` or `X-API-Key`. Times are milliseconds since 1970 (UTC),
amounts are in USD, and budgets of settings in 10⁻⁹ USD. Lists are read page by page: send `next` as `after`,
until it is null."""

CHANGES = frozenset(["POST", "PUT", "PATCH", "DELETE"])

SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An admin key."},
    "x-api-key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An admin key."},
}


def create_admin(config: Config, store: Store | None, live: Live, history: History | None = None) -> FastAPI:
    """The admin API; without a store, only the configuration is shown, and figures as far as `history` has
    them in memory.
    """
    app = FastAPI(
        title=f"{config.api.title}: admin API",
        description=DESCRIPTION,
        version=__version__,
        openapi_url="/admin/openapi.json",
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(refuse_nul)],
    )
    routes = Routes(app)
    add_configuration(routes, config)
    if store is not None:
        add_keys(routes, store)
        add_members(routes, store)
        add_wallets(routes, store, config)
        add_figures(routes, store)
        add_requests(routes, store, live)
        add_refusals(routes, store)
        add_providers(routes, store, config)
        add_prices(routes, store, config)
    if history is not None:
        add_overview(routes, history, store)
    generate = app.openapi
    app.openapi = lambda: _described(generate(), routes.kinds)  # type: ignore[method-assign]
    _handle_errors(app, missing=store is None)

    @app.middleware("http")
    async def finish(request: Request, call_next: Any) -> Response:
        """Let nobody keep a response: some have a key."""
        response: Response = await call_next(request)
        response.headers["cache-control"] = "no-store"
        if request.method in CHANGES:
            what = (request.method, request.url.path, request.state.actor, response.status_code)
            log.info("admin API: %s %s by %s: %d", *what)
        return response

    return app


def _handle_errors(app: FastAPI, *, missing: bool) -> None:
    async def send(request: Request, error: Exception) -> JSONResponse:
        found = _error_of(request, error, missing=missing)
        body = {"message": found.message, "type": found.type, "param": found.param, "code": found.code}
        headers = {name.decode(): value.decode() for name, value in found.headers}
        if found.retry_after is not None:
            headers["retry-after"] = str(found.retry_after)
        return JSONResponse({"error": body}, found.status, headers)

    for kind in (TidegateError, StoreUnavailable, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, send)


def _methods(routes: Sequence[BaseRoute], request: Request) -> set[str]:
    """The methods of a path, which several routes may share."""
    matching = (one for one in routes if one.matches(request.scope)[0] is not Match.NONE)
    return {method for one in matching for method in getattr(one, "methods", None) or ()}


def _error_of(request: Request, error: Exception, *, missing: bool) -> TidegateError:
    match error:
        case TidegateError():
            return error
        case StoreUnavailable():
            return Unavailable("the store is not available at the moment", retry_after=5)
        case RequestValidationError():
            first = error.errors()[0]
            param = str(first["loc"][-1])
            return InvalidRequest(f"{param}: {first['msg']}", param=param)
    if not isinstance(error, HTTPException):
        return InternalError()  # the server logs it
    path = request.url.path
    if error.status_code == 405:
        return MethodNotAllowed.at(path, request.method, _methods(request.app.routes, request))
    if missing:
        message = "this gateway has no store, so there are no accounts: set [store] url (TIDEGATE_STORE_URL)"
        return InvalidRequest(message, status=404, code="no_store")
    return InvalidRequest(
        f"unknown path {request.method} {path}; see /admin/docs", status=404, code="not_found"
    )


def _described(document: dict[str, Any], kinds: Sequence[Any]) -> dict[str, Any]:
    """The document of FastAPI, with the schemas of bodies and answers, and what every path has in common."""
    components = document.setdefault("components", {})
    if "Error" in components.get("schemas", {}):
        return document  # FastAPI keeps the document
    schemas = schemas_of(kinds)
    unused = ("HTTPValidationError", "ValidationError")
    known = {name: one for name, one in components.get("schemas", {}).items() if name not in unused}
    field = {"type": ["string", "null"]}
    error = {
        "type": "object",
        "properties": {
            "message": {"type": "string"},
            "type": {"type": "string"},
            "param": field,
            "code": field,
        },
        "required": ["message", "type", "param", "code"],
    }
    wrapped = {"type": "object", "properties": {"error": error}, "required": ["error"]}
    components["schemas"] = {**known, **schemas, "Error": wrapped}
    components["securitySchemes"] = SECURITY
    document["security"] = [{name: []} for name in SECURITY]
    document["servers"] = [{"url": "/", "description": "This gateway."}]
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = {"description": "An error.", "content": content}
    return document
