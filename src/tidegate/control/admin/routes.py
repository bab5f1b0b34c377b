"""Paths of the admin API, described by the structs that they read and answer with."""

from collections.abc import Callable
from typing import Any

import msgspec
from fastapi import FastAPI, Response

__all__ = ["Routes"]

TEMPLATE = "#/components/schemas/{name}"


class Routes:
    """Adds paths to an application, and remembers which structs they have."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self.kinds: list[Any] = []

    def add(
        self,
        method: str,
        path: str,
        answer: Any,
        *,
        body: Any = None,
        status: int = 200,
        csv: bool = False,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """A decorator for what answers a path below `/admin`. `csv`: whether it also answers in CSV."""
        content: dict[str, Any] = {"application/json": {"schema": self._schema(answer)}}
        if csv:
            content["text/csv"] = {"schema": {"type": "string"}}
        extra: dict[str, Any] = {}
        if body is not None:
            schema = {"application/json": {"schema": self._schema(body)}}
            extra["requestBody"] = {"required": True, "content": schema}

        def register(endpoint: Callable[..., Any]) -> Callable[..., Any]:
            self._app.add_api_route(
                f"/admin{path}",
                endpoint,
                methods=[method],
                status_code=status,
                response_class=Response,
                response_model=None,
                responses={status: {"description": "Done.", "content": content}},
                openapi_extra=extra,
                operation_id=endpoint.__name__,
                tags=[path.split("/")[1]],
            )
            return endpoint

        return register

    def _schema(self, kind: Any) -> Any:
        self.kinds.append(kind)
        (found,), _ = msgspec.json.schema_components([kind], ref_template=TEMPLATE)
        return found
