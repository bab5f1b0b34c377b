"""LLM Gate's API as an OpenAPI document of its own: its clients know no other."""

from typing import Any

from tidegate import __version__

from .operations import GATE_OPERATIONS, name_operations
from .schema import Schema, any_of, array, boolean, integer, null_or, number, ref, string, struct

__all__ = ["describe_llm_gate"]

HEADERS: list[Schema] = [
    {
        "name": name,
        "in": "header",
        "required": True,
        "description": description,
        "schema": string(format="uuid") if name == "X-Correlation-Id" else string(),
    }
    for name, description in (
        ("X-Correlation-Id", "Included in the record and returned in the response."),
        ("X-User-Id", "Who asks."),
        ("client_id", "The calling application."),
    )
]

PROVIDER = struct(
    "name model",
    name=string("`azure_openai`: all configured regions, in order; or another provider's name."),
    model=struct("name", name=string("The model; for Azure, the deployment's name.")),
)

PRICE = struct(
    "id unitOfMeasure currency",
    id=string(format="uuid"),
    unitOfMeasure=integer("1,000,000. The value of `pixel` is nevertheless the price of one image."),
    currency=string("", "USD"),
    token=struct("", inputValue=number(), outputValue=number()),
    pixel=struct("width height value", width=integer(), height=integer(), quality=string(), value=number()),
)

USAGE = struct(
    "promptTokens totalTokens", completionTokens=integer(), promptTokens=integer(), totalTokens=integer()
)

PARAMETER: Schema = {
    "type": "object",
    "description": "OpenAI's parameters in camelCase, such as `temperature` and `maxTokens`.",
}

SCHEMAS: dict[str, Schema] = {
    "ChatRequest": struct(
        "provider prompt",
        provider=PROVIDER,
        prompt=struct(
            "messages",
            parameter=PARAMETER,
            messages=array(struct("role content", role=string(), content=any_of(string(), array({})))),
        ),
    ),
    "ChatAnswer": struct(
        "usage messages",
        usage=USAGE,
        messages=array(struct("role content", role=string(), content=null_or(string()), toolCalls=array({}))),
    ),
    "ImagesRequest": struct(
        "provider prompt",
        provider=PROVIDER,
        prompt=struct("message", message=string(), parameter=PARAMETER),
    ),
    "ImagesAnswer": struct("data", data=array(struct("", url=string(), b64Json=string()))),
    "EmbeddingsRequest": struct(
        "provider prompt",
        provider=PROVIDER,
        prompt=struct("message", message=any_of(string(), array(string())), parameter=PARAMETER),
    ),
    "EmbeddingsAnswer": struct(
        "data usage",
        data=array(struct("index embedding", index=integer(), embedding=array(number()))),
        usage=USAGE,
    ),
    "Providers": struct(
        "data",
        data=array(
            struct(
                "id name label description model",
                id=string(format="uuid"),
                name=string(),
                label=string(),
                description=string(),
                model=array(
                    struct(
                        "id name label description enabled",
                        id=string(format="uuid"),
                        name=string(),
                        label=string(),
                        description=string(),
                        contextWindow=integer("Tokens, if known."),
                        tranningData=string("The training cutoff month (`Oct 2023`), if known."),
                        price=array(PRICE),
                        enabled=boolean(),
                    )
                ),
            )
        ),
    ),
    "Health": struct(
        "status version open_requests", status=string(), version=string(), open_requests=integer()
    ),
    "Error": struct(
        "detail",
        detail=any_of(
            string(),
            array(
                struct(
                    "loc msg type",
                    loc=array(any_of(string(), integer())),
                    msg=string(),
                    type=string(),
                )
            ),
        ),
    ),
}

ASKED: dict[str, Any] = {
    "chat": {
        "provider": {"name": "azure_openai", "model": {"name": "gpt-35-turbo"}},
        "prompt": {
            "parameter": {"temperature": 0.7, "maxTokens": 50},
            "messages": [{"role": "user", "content": "Say hello."}],
        },
    },
    "images/generations": {
        "provider": {"name": "azure_openai", "model": {"name": "dall-e-2"}},
        "prompt": {"message": "A harbour at low tide", "parameter": {"n": 1, "size": "1024x1024"}},
    },
    "embeddings": {
        "provider": {"name": "azure_openai", "model": {"name": "text-embedding-ada-002"}},
        "prompt": {"message": "High water"},
    },
}

ASKING = (
    ("chat", "Chat"),
    ("images/generations", "Images"),
    ("embeddings", "Embeddings"),
)


def describe_llm_gate(title: str, description: str, prefix: str) -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, Any] = {
        f"{prefix}/v1/providers": {"get": _operation("listProviders", "Providers", HEADERS)},
        **{f"{prefix}/v1/{path}": _asking(path, name) for path, name in ASKING},
        f"{prefix}/health": {"get": _operation("readHealth", "Health", [])},
        f"{prefix}/v1/health": {"get": _operation("readHealthV1", "Health", [])},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "description": description, "version": __version__},
        "servers": [{"url": "/", "description": "This gateway."}],
        "security": [{}, {"bearer": []}],
        "tags": [{"name": "LLM Gate", "description": "For clients of the LLM Gate API."}],
        "paths": name_operations(paths, GATE_OPERATIONS),
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _asking(path: str, name: str) -> dict[str, Any]:
    body = {"schema": ref(f"{name}Request"), "example": ASKED[path]}
    operation = _operation(f"ask{name}", f"{name}Answer", HEADERS)
    return {"post": {**operation, "requestBody": {"required": True, "content": {"application/json": body}}}}


def _operation(name: str, answer: str, parameters: list[Schema]) -> dict[str, Any]:
    def reply(description: str, schema: str) -> dict[str, Any]:
        return {"description": description, "content": {"application/json": {"schema": ref(schema)}}}

    return {
        "operationId": name,
        "tags": ["LLM Gate"],
        "parameters": parameters,
        "responses": {
            "200": reply("The answer.", answer),
            "422": reply("The request is invalid; each problem with its location.", "Error"),
            "default": reply("Any other error.", "Error"),
        },
    }
