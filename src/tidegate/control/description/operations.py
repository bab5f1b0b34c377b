"""What each operation is called and what it does, in the words that people search for."""

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["GATE_OPERATIONS", "OPERATIONS", "name_operations"]


class Words(NamedTuple):
    """A name, and a sentence or two."""

    summary: str
    description: str


CHAT = "Answers in OpenAI's dialect, whoever serves the model; with `stream`, as server-sent events."
ALIAS = "An alias of `{}`: the same request, the same answer."

OPERATIONS: Mapping[str, Words] = {
    "welcome": Words("Home page", "A page with links for browsers, JSON for other clients."),
    "createChatCompletion": Words("Create chat completion", CHAT),
    "createChatCompletionApi": Words(
        "Create chat completion (alias)", ALIAS.format("POST /v1/chat/completions")
    ),
    "createChatCompletionBare": Words(
        "Create chat completion (alias)", ALIAS.format("POST /v1/chat/completions")
    ),
    "createEmbeddings": Words("Create embeddings", "Turns texts or tokens into vectors."),
    "createImages": Words("Generate images", "Draws images from a prompt."),
    "createResponse": Words(
        "Create response",
        "OpenAI's Responses API, for Codex and the Agents SDK. Nothing is stored: send all of the "
        "conversation.",
    ),
    "createResponseBare": Words("Create response (alias)", ALIAS.format("POST /v1/responses")),
    "countInputTokens": Words(
        "Count response input tokens",
        "Asks the provider, or estimates where it cannot count (`x-tidegate-estimated`).",
    ),
    "generateContent": Words("Generate content", "Google's API, for `google-genai`."),
    "streamGenerateContent": Words(
        "Stream generate content", "The same in pieces: events with `alt=sse`, otherwise one JSON array."
    ),
    "countContentTokens": Words("Count tokens (Gemini)", "Counts the tokens of a prompt."),
    "generateContentV1": Words("Generate content (v1)", "The same as in `v1beta`."),
    "streamGenerateContentV1": Words("Stream generate content (v1)", "The same as in `v1beta`."),
    "countContentTokensV1": Words("Count tokens (Gemini, v1)", "The same as in `v1beta`."),
    "listGeminiModels": Words("List models (Gemini)", "All models on one page, in Google's dialect."),
    "retrieveGeminiModel": Words("Get model (Gemini)", "One model, in Google's dialect."),
    "createMessage": Words(
        "Create message",
        "Anthropic's Messages API, for Claude Code and Anthropic's SDKs, whoever serves the model.",
    ),
    "countTokens": Words(
        "Count message tokens",
        "Asks the provider, or estimates where it cannot count (`x-tidegate-estimated`).",
    ),
    "listModels": Words(
        "List models",
        "In OpenAI's dialect, or in Anthropic's with the header `anthropic-version`. "
        "Ollama, vLLM, llama.cpp and LiteLLM are asked for theirs.",
    ),
    "retrieveModel": Words("Get model", "One model, in the dialect of the client."),
    "listModelsByProvider": Words(
        "List models by provider", "OpenAI's list, and the names by provider in `models`."
    ),
    "listChatModels": Words(
        "List chat models", "The models that chat, with their limits, capabilities and prices."
    ),
    "readProviders": Words("Provider status", "The configured providers."),
    "estimateChat": Words(
        "Estimate cost", "What a chat completion would cost, at least and at most, without asking a provider."
    ),
    "readHealth": Words("Health", "200 while the process answers."),
    "readLiveness": Words("Liveness", "200 while the process answers."),
    "readReadiness": Words("Readiness", "200 when there is a provider to ask, otherwise 503."),
}
"""By `operationId`."""

GATE_OPERATIONS: Mapping[str, Words] = {
    "listProviders": Words("List providers", "The providers with their models and prices."),
    "askChat": Words("Create chat completion", "Answers a chat."),
    "askImages": Words("Generate images", "Draws images from a prompt."),
    "askEmbeddings": Words("Create embeddings", "Turns texts into vectors."),
    "readHealth": Words("Health", "200 while the process answers."),
    "readHealthV1": Words("Health (alias)", ALIAS.format("GET /health")),
}


def name_operations(paths: dict[str, Any], words: Mapping[str, Words]) -> dict[str, Any]:
    """The paths, each operation with its summary and description in front."""
    return {
        path: {
            method: {**words[operation["operationId"]]._asdict(), **operation}
            for method, operation in operations.items()
        }
        for path, operations in paths.items()
    }
