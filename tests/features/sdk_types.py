"""The official SDKs' own types, as validators of what is sent to their services."""

import sys
import warnings
from collections.abc import Iterable
from functools import cache
from typing import Any, Literal

import botocore.session
from anthropic.types.beta import message_create_params as anthropic_params
from botocore.validate import ParamValidator
from cohere import types as cohere_types
from google.genai import types as genai_types
from mistralai.client import models as mistral_models
from openai.types.chat import completion_create_params as openai_params
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from typing_extensions import is_typeddict

__all__ = [
    "anthropic_faults",
    "bedrock_faults",
    "cohere_faults",
    "gemini_faults",
    "mistral_faults",
    "openai_faults",
    "vertex_claude_faults",
]


class GeminiRequest(BaseModel):
    """The body of generateContent; the SDK has types for its parts only."""

    model_config = ConfigDict(extra="forbid")

    contents: list[genai_types.Content]
    systemInstruction: genai_types.Content | None = None  # noqa: N815 the API's own name
    tools: list[genai_types.Tool] | None = None
    toolConfig: genai_types.ToolConfig | None = None  # noqa: N815
    generationConfig: genai_types.GenerationConfig | None = None  # noqa: N815


class CohereRequest(BaseModel):
    """The body of /v2/chat; the SDK has types for its parts only."""

    model_config = ConfigDict(extra="forbid")

    model: str
    messages: list[cohere_types.ChatMessageV2]
    stream: bool
    tools: list[cohere_types.ToolV2] | None = None
    strict_tools: bool | None = None
    tool_choice: Literal["REQUIRED", "NONE"] | None = None
    response_format: cohere_types.ResponseFormatV2 | None = None
    max_tokens: int | None = None
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    seed: int | None = None
    thinking: cohere_types.Thinking | None = None


UNTYPED = frozenset({"stream", "temperature", "top_p", "top_k"})
"""Of Anthropic's: taken by the API for older models, but no longer in the SDK's types."""


def anthropic_faults(body: dict[str, Any]) -> list[str]:
    known = {key: value for key, value in body.items() if key not in UNTYPED}
    return faults(anthropic_params.MessageCreateParamsNonStreaming, known)


def vertex_claude_faults(body: dict[str, Any]) -> list[str]:
    """At Vertex the model is in the path, and the version in the body."""
    version = body.pop("anthropic_version", None)
    return anthropic_faults({**body, "model": "in-the-path"}) + ([] if version else ["no anthropic_version"])


def bedrock_faults(body: dict[str, Any]) -> list[str]:
    """The model is in the path; bytes are base64 here, which the validator takes for bytes."""
    report = ParamValidator().validate({"modelId": "in-the-path", **body}, converse_shape())
    return report.generate_report().splitlines()


def cohere_faults(body: dict[str, Any]) -> list[str]:
    return faults(CohereRequest, body)


def gemini_faults(body: dict[str, Any]) -> list[str]:
    return faults(GeminiRequest, body)


def mistral_faults(body: dict[str, Any]) -> list[str]:
    """Mistral's types pass unknown keys over; its API does not."""
    known = mistral_models.ChatCompletionRequest.model_fields.keys()
    unknown = [f"{key}: unknown" for key in body.keys() - known]
    return unknown + faults(mistral_models.ChatCompletionRequest, body)


def openai_faults(body: dict[str, Any]) -> list[str]:
    known = {key: value for key, value in body.items() if key != "stream"}
    return faults(openai_params.CompletionCreateParamsNonStreaming, known)


# --- machinery -----------------------------------------------------------------------------------


def faults(model: Any, value: Any) -> list[str]:
    """Where a value breaks a type."""
    try:
        exhaust(adapter(model).validate_python(value))
    except ValidationError as error:
        return [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
    return []


def exhaust(value: Any) -> None:
    """Pydantic looks at an Iterable while it is iterated."""
    if isinstance(value, dict):
        value = value.values()
    elif isinstance(value, str | bytes | BaseModel) or not isinstance(value, Iterable):
        return
    for item in value:
        exhaust(item)


@cache
def adapter(model: Any) -> TypeAdapter[Any]:
    for name, module in list(sys.modules.items()):
        if name.startswith(("anthropic.types", "openai.types")):
            for member in vars(module).values():
                if is_typeddict(member):
                    member.__pydantic_config__ = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    with warnings.catch_warnings(action="ignore"):  # some TypedDicts allow more, and say so
        return TypeAdapter(model)


@cache
def converse_shape() -> Any:
    service = botocore.session.get_session().get_service_model("bedrock-runtime")
    return service.operation_model("Converse").input_shape
