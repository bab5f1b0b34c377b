"""Signing in to the dashboard."""

from typing import Any

from .replies import refusals
from .schema import Schema, boolean, integer, null_or, ref, string, struct

__all__ = ["SCHEMAS", "paths"]

SCHEMAS: dict[str, Schema] = {
    "Session": struct(
        "signed_in",
        signed_in=boolean(),
        viewer=boolean("Whether the gateway shows itself without: open, and without an administrator."),
        admin=boolean(),
        name=null_or(string("As records show the caller.")),
        user=null_or(string()),
        team=null_or(string()),
        key=null_or(string("The id of the key.")),
        csrf=string("What requests that change something send as `x-tidegate-csrf`."),
        expires_at=integer("In milliseconds since 1970."),
        gateway=struct(
            "title version store billing open",
            title=string(),
            version=string(),
            store=boolean(),
            billing=boolean(),
            open=boolean("Whether requests need no key."),
        ),
    ),
}


def paths() -> dict[str, Any]:
    """The path, with what each method does."""
    return {
        "/ui/session": {
            "get": _operation("readSession", "500 503", security=[]),
            "post": _operation("signIn", "401 403 429 500 503"),
            "delete": _operation("signOut", "401 403 500 503", security=[]),
        }
    }


def _operation(name: str, failures: str, **more: Any) -> dict[str, Any]:
    content = {"application/json": {"schema": ref("Session")}}
    answer = {"description": "Who has signed in.", "content": content}
    return {
        "operationId": name,
        "tags": ["Dashboard"],
        "responses": {"200": answer, **refusals(failures)},
        **more,
    }
