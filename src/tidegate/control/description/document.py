"""The document: every path of the data plane."""

from typing import Any

from tidegate import __version__

from . import catalog, chat, contents, extensions, figures, messages, own, responses, sign_in, tasks
from .operations import OPERATIONS, name_operations
from .replies import HEADERS, RESPONSES, SCHEMAS, STORY, refusals
from .schema import Schema, array, integer, null_or, ref, string, struct

__all__ = ["describe"]

ASKING = "400 401 402 403 404 405 408 413 429 500 502 503 504"
"""Errors of a path that asks a provider."""

SERVICE_SCHEMAS: dict[str, Schema] = {
    "Model": struct(
        "id object created owned_by",
        id=string("The name to use in requests."),
        object=string("", "model"),
        created=integer(),
        owned_by=string("The provider."),
    ),
    "ModelList": struct("object data", object=string("", "list"), data=array(ref("Model"))),
    "AnthropicModel": struct(
        "type id display_name created_at",
        type=string("", "model"),
        id=string("The name to use in requests."),
        display_name=string(),
        created_at=string("1970 if it is not known.", format="date-time"),
        lifecycle=string("", "active"),
        max_input_tokens=null_or(integer()),
        max_tokens=null_or(integer()),
        deprecated_at=null_or(string(format="date-time")),
        retires_at=null_or(string(format="date-time")),
        line=null_or(string()),
        capabilities=null_or({"type": "object"}),
    ),
    "AnthropicModelList": struct(
        "data has_more first_id last_id",
        data=array(ref("AnthropicModel")),
        has_more={"type": "boolean"},
        first_id=null_or(string()),
        last_id=null_or(string()),
    ),
    "Home": struct(
        "name description version see",
        name=string(),
        description=string(),
        version=string(),
        see={"type": "object", "additionalProperties": string(), "description": "Links by path."},
    ),
    "Health": struct(
        "status version open_requests", status=string(), version=string(), open_requests=integer()
    ),
}

TAGS = [
    {"name": "OpenAI", "description": "For clients of the OpenAI API."},
    {"name": "Anthropic", "description": "For clients of the Anthropic API, including Claude Code."},
    {"name": "Gemini", "description": "For clients of the Google API."},
    {"name": "Models", "description": "The available models."},
    {"name": "Dashboard", "description": "What the pages at `/ui` sign in with."},
    {"name": "Accounts", "description": "The caller's own accounts; of gateways with a store."},
    {"name": "Metrics", "description": "Figures of this gateway, now and over time."},
    {"name": "Health", "description": "For load balancers and monitoring; no key required."},
]

SECURITY: dict[str, Schema] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A client key of this gateway."},
    "x-api-key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The same key, in the header that Anthropic's SDKs use.",
    },
}

MODEL_IN_PATH: Schema = {
    "name": "model",
    "in": "path",
    "required": True,
    "description": "May contain slashes.",
    "schema": string(),
}

DETAILS: Schema = {
    "name": "details",
    "in": "query",
    "description": "`true`: with everything known about them, in OpenAI's dialect.",
    "schema": {"type": "boolean"},
}

AS_EVENTS: Schema = {
    "name": "alt",
    "in": "query",
    "description": "`sse`: stream server-sent events; otherwise one JSON array.",
    "schema": string("", "sse"),
}

BY_KEY: list[dict[str, list[str]]] = [{}, {"bearer": []}, {"x-api-key": []}]
"""A gateway without keys is open; one with keys takes either header."""


GUIDE = """

**Models** are named `provider/model` (`openai/gpt-4o`); a bare name works where it is clear who serves it
(`GET /v1/models`). **Keys**: where the operator has set client keys, send one as `Authorization: Bearer …` or
`X-API-Key: …`; keys of providers stay in the gateway. **Base URLs**: OpenAI's SDKs `/v1` of this address,
Anthropic's and Google's the address itself.

See also: [this page in ReDoc](/redoc) · [the API of LLM Gate]({gate}/docs) · [OpenAPI](/openapi.json). The
repository has the guides: `docs/configuration.md`, `docs/errors.md`, `docs/translation.md`,
`docs/providers.md`."""
"""Follows the operator's own description at the top of the page; Markdown."""


def describe(title: str, description: str, gate: str = "/llm-gate") -> dict[str, Any]:
    """The whole document. `gate` is where the paths of LLM Gate's API begin."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "description": description + GUIDE.format(gate=gate),
            "version": __version__,
        },
        "servers": [{"url": "/", "description": "This gateway."}],
        "tags": TAGS,
        "security": BY_KEY,
        "paths": name_operations(_paths(), OPERATIONS),
        "components": {
            "schemas": {
                **chat.SCHEMAS,
                **responses.SCHEMAS,
                **messages.SCHEMAS,
                **contents.SCHEMAS,
                **extensions.SCHEMAS,
                **tasks.SCHEMAS,
                **catalog.SCHEMAS,
                **own.SCHEMAS,
                **sign_in.SCHEMAS,
                **figures.SCHEMAS,
                **SERVICE_SCHEMAS,
                **SCHEMAS,
            },
            "headers": HEADERS,
            "responses": RESPONSES,
            "securitySchemes": SECURITY,
        },
    }


def _paths() -> dict[str, Any]:
    return {
        **_openai_paths(),
        **_responses_paths(),
        **_anthropic_paths(),
        **_gemini_paths(),
        **_model_paths(),
        **_catalog_paths(),
        **_own_paths(),
        **sign_in.paths(),
        **_figure_paths(),
        **_health_paths(),
    }


def _openai_paths() -> dict[str, Any]:
    return {
        "/v1/chat/completions": _chat("createChatCompletion"),
        "/api/v1/chat/completions": _chat("createChatCompletionApi"),
        "/chat/completions": _chat("createChatCompletionBare"),
        "/v1/completions": _completion("createCompletion"),
        "/api/v1/completions": _completion("createCompletionApi"),
        "/completions": _completion("createCompletionBare"),
        "/v1/embeddings": _task("createEmbeddings", "Embeddings"),
        "/v1/images/generations": _images("createImages"),
        "/v1/images/edits": _image_edits("editImages"),
        "/v1/moderations": _task("createModeration", "Moderations"),
    }


def _chat(operation: str) -> dict[str, Any]:
    answer = _answer("The response, or with `stream` its chunks.", "ChatCompletion", STORY)
    answer["content"]["text/event-stream"] = {"schema": ref("ChatCompletionChunk")}
    return {
        "post": {
            "operationId": operation,
            "tags": ["OpenAI"],
            "requestBody": _body("ChatRequest", chat.EXAMPLES),
            "responses": {"200": answer, **refusals(ASKING)},
        }
    }


def _completion(operation: str) -> dict[str, Any]:
    described = _task(operation, "Completions")
    described["post"]["responses"]["200"]["content"]["text/event-stream"] = {"schema": ref("Completions")}
    return described


def _images(operation: str) -> dict[str, Any]:
    described = _task(operation, "Images")
    described["post"]["responses"]["200"]["content"]["text/event-stream"] = {"schema": ref("ImageEvent")}
    return described


def _image_edits(operation: str) -> dict[str, Any]:
    described = _images(operation)
    content = {
        "multipart/form-data": {"schema": ref("ImageEditForm")},
        "application/json": {"schema": ref("ImageEditRequest")},
    }
    described["post"]["requestBody"] = {"required": True, "content": content}
    return described


def _task(operation: str, answer: str) -> dict[str, Any]:
    return {
        "post": {
            "operationId": operation,
            "tags": ["OpenAI"],
            "requestBody": _body(f"{answer}Request"),
            "responses": {"200": _answer("The answer.", answer, STORY), **refusals(ASKING)},
        }
    }


def _responses_paths() -> dict[str, Any]:
    counted = _answer("The count.", "ResponsesCount", ("x-request-id", "x-tidegate-estimated"))
    return {
        "/v1/responses": _response("createResponse"),
        "/responses": _response("createResponseBare"),
        "/v1/responses/compact": _compaction("compactResponse"),
        "/responses/compact": _compaction("compactResponseBare"),
        "/v1/responses/input_tokens": {
            "post": {
                "operationId": "countInputTokens",
                "tags": ["OpenAI"],
                "requestBody": _body("ResponsesCountRequest", {"answer": responses.EXAMPLES["answer"]}),
                "responses": {"200": counted, **refusals(ASKING)},
            }
        },
    }


def _compaction(operation: str) -> dict[str, Any]:
    return {
        "post": {
            "operationId": operation,
            "tags": ["OpenAI"],
            "requestBody": _body("ResponsesCountRequest", {"answer": responses.EXAMPLES["answer"]}),
            "responses": {"200": _answer("The compacted input.", "Compaction", STORY), **refusals(ASKING)},
        }
    }


def _response(operation: str) -> dict[str, Any]:
    answer = _answer("The response, or with `stream` its events.", "Response", STORY)
    answer["content"]["text/event-stream"] = {"schema": ref("ResponseStreamEvent")}
    return {
        "post": {
            "operationId": operation,
            "tags": ["OpenAI"],
            "requestBody": _body("ResponsesRequest", responses.EXAMPLES),
            "responses": {"200": answer, **refusals(ASKING)},
        }
    }


def _gemini_paths() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for version, suffix in (("v1beta", ""), ("v1", "V1")):
        start = f"/{version}/models/{{model}}"
        paths |= {
            f"{start}:generateContent": _contents(f"generateContent{suffix}"),
            f"{start}:streamGenerateContent": _contents(f"streamGenerateContent{suffix}", stream=True),
            f"{start}:countTokens": _contents(f"countContentTokens{suffix}", count=True),
            f"{start}:embedContent": _vectors(f"embedContent{suffix}", "EmbedContent"),
            f"{start}:batchEmbedContents": _vectors(f"batchEmbedContents{suffix}", "BatchEmbedContents"),
        }
    paths |= {
        "/v1beta/{model}:generateContent": _contents("generateContentBySlash"),
        "/v1beta/{model}:streamGenerateContent": _contents("streamGenerateContentBySlash", stream=True),
    }
    listed = _gemini_look_up("listGeminiModels", "GeminiModelList")
    one = _gemini_look_up("retrieveGeminiModel", "GeminiModel")
    one["get"]["parameters"] = [MODEL_IN_PATH]
    return {**paths, "/v1beta/models": listed, "/v1beta/models/{model}": one}


def _contents(operation: str, *, stream: bool = False, count: bool = False) -> dict[str, Any]:
    answer = _answer("The contents.", "GenerateContentResponse", STORY)
    if count:
        answer = _answer("The count.", "ContentCount", ("x-request-id", "x-tidegate-estimated"))
    if stream:
        answer["content"] = {
            "text/event-stream": {"schema": ref("GenerateContentResponse")},
            "application/json": {"schema": array(ref("GenerateContentResponse"))},
        }
    return {
        "post": {
            "operationId": operation,
            "tags": ["Gemini"],
            "parameters": [MODEL_IN_PATH, *([AS_EVENTS] if stream else [])],
            "requestBody": _body("CountContentRequest" if count else "GenerateContentRequest"),
            "responses": {"200": answer, **refusals(ASKING, "Gemini")},
        }
    }


def _vectors(operation: str, schema: str) -> dict[str, Any]:
    answer = _answer("The vectors.", f"{schema}Response", STORY)
    return {
        "post": {
            "operationId": operation,
            "tags": ["Gemini"],
            "parameters": [MODEL_IN_PATH],
            "requestBody": _body(f"{schema}Request"),
            "responses": {"200": answer, **refusals(ASKING, "Gemini")},
        }
    }


def _gemini_look_up(operation: str, schema: str) -> dict[str, Any]:
    answer = _answer("The available models.", schema, ("x-request-id",))
    missing = "400 401 500" if schema.endswith("List") else "400 401 404 500"
    return {
        "get": {
            "operationId": operation,
            "tags": ["Models"],
            "responses": {"200": answer, **refusals(missing, "Gemini")},
        }
    }


def _anthropic_paths() -> dict[str, Any]:
    answer = _answer("The message, or with `stream` its events.", "AnthropicMessage", STORY)
    answer["content"]["text/event-stream"] = {"schema": ref("MessageStreamEvent")}
    counted = _answer("The count.", "TokenCount", ("x-request-id", "x-tidegate-estimated"))
    return {
        "/v1/messages": {
            "post": {
                "operationId": "createMessage",
                "tags": ["Anthropic"],
                "requestBody": _body("MessagesRequest", messages.EXAMPLES),
                "responses": {"200": answer, **refusals(ASKING, "Anthropic")},
            }
        },
        "/v1/messages/count_tokens": {
            "post": {
                "operationId": "countTokens",
                "tags": ["Anthropic"],
                "requestBody": _body("CountTokensRequest", {"answer": _without_limit()}),
                "responses": {"200": counted, **refusals(ASKING, "Anthropic")},
            }
        },
    }


def _without_limit() -> dict[str, Any]:
    example = messages.EXAMPLES["answer"]
    value = {key: part for key, part in example["value"].items() if key != "max_tokens"}
    return {"summary": "A short prompt", "value": value}


def _model_paths() -> dict[str, Any]:
    dialect = {
        "name": "anthropic-version",
        "in": "header",
        "description": "With this header, the response is in Anthropic's dialect.",
        "schema": string(),
    }
    return {
        "/v1/models": _look_up("listModels", "Models", [dialect, DETAILS]),
        "/v1/models/{model}": _look_up("retrieveModel", "Models", [dialect, DETAILS, MODEL_IN_PATH]),
    }


def _catalog_paths() -> dict[str, Any]:
    found = _answer("The estimate.", "ChatEstimate", ("x-request-id",))
    return {
        "/models": _listing("listModelsByProvider", "ModelsByProvider"),
        "/v1/chat/models": _listing("listChatModels", "DetailedModelList"),
        "/v1/chat/health": _listing("readProviders", "ProvidersHealth"),
        "/v1/chat/estimate": {
            "post": {
                "operationId": "estimateChat",
                "tags": ["Models"],
                "requestBody": _body("ChatRequest", {"answer": chat.EXAMPLES["answer"]}),
                "responses": {"200": found, **refusals("400 401 404 405 408 413 500")},
            }
        },
    }


def _own_paths() -> dict[str, Any]:
    sheet = _own("listOwnTransactions", "OwnTransactions")
    sheet["get"]["responses"]["200"]["content"]["text/csv"] = {"schema": string()}
    requests = _own("listOwnRequests", "OwnRequests")
    requests["get"]["responses"]["200"]["content"]["text/csv"] = {"schema": string()}
    return {
        "/v1/me": _own("readMe", "Me"),
        "/v1/me/usage": _own("readOwnUsage", "OwnUsage"),
        "/v1/me/overview": _own("readOwnOverview", "Overview"),
        "/v1/me/transactions": sheet,
        "/v1/me/requests": requests,
        "/v1/me/requests/{id}": _own("readOwnRequest", "RequestDetails"),
        "/v1/me/sessions": _own("listOwnSessions", "OwnSessions"),
        "/v1/me/refusals": _own("listOwnRefusals", "OwnRefusals"),
        "/webhooks/stripe": _webhook(),
    }


def _webhook() -> dict[str, Any]:
    signature = {
        "name": "Stripe-Signature",
        "in": "header",
        "required": True,
        "schema": string(),
        "description": "The time and the signatures, as Stripe sends them.",
    }
    return {
        "post": {
            "operationId": "takeStripeEvent",
            "tags": ["Accounts"],
            "security": [],
            "parameters": [signature],
            "requestBody": _body("StripeEvent"),
            "responses": {
                "200": _answer("The event is taken.", "EventTaken", ("x-request-id",)),
                **refusals("400 403 404 405 408 413 500 503"),
            },
        }
    }


def _figure_paths() -> dict[str, Any]:
    metrics = _figures("readMetrics", "Metrics")
    content = metrics["get"]["responses"]["200"]["content"]
    content["text/plain"] = content["application/openmetrics-text"] = {"schema": string()}
    return {
        "/metrics": metrics,
        "/metrics/models": _figures("readModelMetrics", "ModelFigures"),
        "/metrics/trends": _figures("readTrends", "Trends"),
    }


def _figures(operation: str, schema: str) -> dict[str, Any]:
    return {
        "get": {
            "operationId": operation,
            "tags": ["Metrics"],
            "parameters": figures.PARAMETERS[operation],
            "responses": {
                "200": _answer("The figures.", schema, ("x-request-id",)),
                **refusals("400 401 403 429 500 503"),
            },
        }
    }


def _own(operation: str, schema: str) -> dict[str, Any]:
    return {
        "get": {
            "operationId": operation,
            "tags": ["Accounts"],
            "parameters": {**own.PARAMETERS, **figures.PARAMETERS}[operation],
            "responses": {
                "200": _answer("The caller's own.", schema, ("x-request-id",)),
                **refusals("400 401 404 500 503"),
            },
        }
    }


def _listing(operation: str, schema: str) -> dict[str, Any]:
    return {
        "get": {
            "operationId": operation,
            "tags": ["Models"],
            "responses": {
                "200": _answer("The available models.", schema, ("x-request-id",)),
                **refusals("401 500"),
            },
        }
    }


def _look_up(operation: str, tag: str, parameters: list[Schema]) -> dict[str, Any]:
    kind = "Model" if MODEL_IN_PATH in parameters else "ModelList"
    answer = _answer("In the dialect of the client.", kind, ("x-request-id",))
    answer["content"]["application/json"]["schema"] = {
        "anyOf": [ref(kind), ref(f"Detailed{kind}"), ref(f"Anthropic{kind}")]
    }
    missing = "400 401 404 500" if MODEL_IN_PATH in parameters else "400 401 500"
    return {
        "get": {
            "operationId": operation,
            "tags": [tag],
            "parameters": parameters,
            "responses": {"200": answer, **refusals(missing)},
        }
    }


def _health_paths() -> dict[str, Any]:
    return {
        "/": _home(),
        "/health": _health("readHealth"),
        "/health/live": _health("readLiveness"),
        "/health/ready": _health("readReadiness", also="503"),
    }


def _home() -> dict[str, Any]:
    answers = {
        "200": _answer("Links.", "Home", ("x-request-id",)),
        "302": {"description": "For browsers: `/ui`."},
    }
    return {"get": {"operationId": "welcome", "tags": ["Health"], "security": [], "responses": answers}}


def _health(operation: str, also: str = "") -> dict[str, Any]:
    answers = {"200": _answer("The gateway is healthy.", "Health", ("x-request-id",))}
    if also:
        answers[also] = _answer("No provider is configured.", "Health", ("x-request-id",))
    return {
        "get": {
            "operationId": operation,
            "tags": ["Health"],
            "security": [],
            "responses": answers,
        }
    }


def _answer(description: str, schema: str, headers: tuple[str, ...]) -> dict[str, Any]:
    return {
        "description": description,
        "headers": {name: ref(name, "headers") for name in headers},
        "content": {"application/json": {"schema": ref(schema)}},
    }


def _body(schema: str, examples: dict[str, Any] | None = None) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": ref(schema)}
    if examples:
        content["examples"] = examples
    return {"required": True, "content": {"application/json": content}}
