"""What each operation is called and what it does, in the words that people search for."""

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["GATE_OPERATIONS", "OPERATIONS", "name_operations"]


class Words(NamedTuple):
    """A name, and a sentence or two."""

    summary: str
    description: str


CHAT = "OpenAI chat completions with any provider's model; with `stream`, as server-sent events."
ALIAS = "An alias of `{}`, with the same request and response."

OPERATIONS: Mapping[str, Words] = {
    "welcome": Words("Home page", "Leads browsers to the dashboard; JSON with links for other clients."),
    "readSession": Words("Read session", "Who has signed in with this browser, if anybody has."),
    "signIn": Words(
        "Sign in",
        "Takes a key, an admin key or a token, and sets a session cookie. Only for pages of the gateway.",
    ),
    "signOut": Words("Sign out", "Ends the session of this browser. It needs `x-tidegate-csrf`."),
    "createChatCompletion": Words("Create chat completion", CHAT),
    "createChatCompletionApi": Words(
        "Create chat completion (alias)", ALIAS.format("POST /v1/chat/completions")
    ),
    "createChatCompletionBare": Words(
        "Create chat completion (alias)", ALIAS.format("POST /v1/chat/completions")
    ),
    "createCompletion": Words(
        "Create completion (legacy)",
        "OpenAI's older text completions. A provider that has none is called as a chat, with the prompt as "
        "the user's message.",
    ),
    "createCompletionApi": Words("Create completion (alias)", ALIAS.format("POST /v1/completions")),
    "createCompletionBare": Words("Create completion (alias)", ALIAS.format("POST /v1/completions")),
    "readMe": Words("Read own account", "The caller's name, user and team, limits, budgets and wallet."),
    "readOwnUsage": Words("Read own usage", "What the caller's requests have cost by day and model."),
    "listOwnTransactions": Words(
        "List own transactions",
        "The movements of the caller's wallet, the latest first; in CSV with `Accept: text/csv`.",
    ),
    "listOwnRequests": Words(
        "List own requests",
        "The caller's requests that have ended, the latest first; in CSV with `Accept: text/csv`.",
    ),
    "readOwnRequest": Words(
        "Read own request", "Everything that is known of a request: its attempts, its bill, its bodies."
    ),
    "listOwnSessions": Words(
        "List own sessions", "What the requests of each session come to, the session that ended last first."
    ),
    "listOwnRefusals": Words(
        "List own refusals",
        "Why requests of the caller were refused before they began, by reason, the most frequent first: of "
        "the last day, unless `from` says otherwise. They are kept for seven days.",
    ),
    "readOwnOverview": Words(
        "Read own overview",
        "The caller's requests over the last hours: how many, how fast, at what cost; by key and over time.",
    ),
    "readMetrics": Words(
        "Read metrics",
        "All metrics as they are now, over all workers of the host: for Prometheus, in OpenMetrics, or in "
        "JSON with `Accept: application/json`. Where clients need keys, this needs the token of `[metrics]` "
        "or an admin key.",
    ),
    "readModelMetrics": Words(
        "Read metrics by model",
        "Each model at each provider over the last hours: requests, success, errors by kind, tokens, cost, "
        "percentiles of latency and time to first token, speed, prompt caches.",
    ),
    "readTrends": Words("Read trends", "The same over time, of everything or of one model or provider."),
    "takeStripeEvent": Words(
        "Take an event of Stripe's",
        "Credits a session that is paid to its user's wallet, and debits refunds; each is booked once. The "
        "event has to be signed with one of `billing.stripe_secrets`.",
    ),
    "createModeration": Words(
        "Create moderation",
        "Checks texts and images for harmful content, where the provider offers that (OpenAI, Mistral).",
    ),
    "createEmbeddings": Words("Create embeddings", "Creates embedding vectors for texts or tokens."),
    "createImages": Words(
        "Generate images", "Generates images from a prompt, as JSON or as a stream of events."
    ),
    "editImages": Words(
        "Edit images", "Edits images by a prompt, sent as a form or as JSON, where the provider offers that."
    ),
    "createResponse": Words(
        "Create response",
        "OpenAI's Responses API, for Codex and the Agents SDK. Send the whole conversation, or "
        "`previous_response_id` within an hour.",
    ),
    "createResponseBare": Words("Create response (alias)", ALIAS.format("POST /v1/responses")),
    "compactResponse": Words(
        "Compact conversation",
        "Replaces a conversation with the user's messages and one compaction item, to be sent back as the "
        "beginning of the next `input`. A provider without such an endpoint is asked for a summary.",
    ),
    "compactResponseBare": Words("Compact conversation (alias)", ALIAS.format("POST /v1/responses/compact")),
    "countInputTokens": Words(
        "Count response input tokens",
        "The provider's count, or an estimate if it cannot count (`x-tidegate-estimated`).",
    ),
    "generateContent": Words("Generate content", "Google's API, for `google-genai`."),
    "streamGenerateContent": Words(
        "Stream generate content",
        "The same as a stream: server-sent events with `alt=sse`, otherwise one JSON array.",
    ),
    "countContentTokens": Words("Count tokens (Gemini)", "Counts the tokens of a prompt."),
    "generateContentV1": Words("Generate content (v1)", "The same as in `v1beta`."),
    "streamGenerateContentV1": Words("Stream generate content (v1)", "The same as in `v1beta`."),
    "countContentTokensV1": Words("Count tokens (Gemini, v1)", "The same as in `v1beta`."),
    "embedContent": Words("Embed content", "Google's API for one vector, whoever serves the model."),
    "batchEmbedContents": Words("Batch embed contents", "Google's API for several vectors."),
    "embedContentV1": Words("Embed content (v1)", "The same as in `v1beta`."),
    "batchEmbedContentsV1": Words("Batch embed contents (v1)", "The same as in `v1beta`."),
    "generateContentBySlash": Words(
        "Generate content (no models/)", "For clients that leave out `models/` before a name with a slash."
    ),
    "streamGenerateContentBySlash": Words("Stream generate content (no models/)", "The same, as a stream."),
    "listGeminiModels": Words(
        "List models (Gemini)", "In Google's dialect; on one page, unless `pageSize` says otherwise."
    ),
    "retrieveGeminiModel": Words("Get model (Gemini)", "One model, in Google's dialect."),
    "createMessage": Words(
        "Create message",
        "Anthropic's Messages API, for Claude Code and Anthropic's SDKs, with any provider's model.",
    ),
    "countTokens": Words(
        "Count message tokens",
        "The provider's count, or an estimate if it cannot count (`x-tidegate-estimated`).",
    ),
    "listModels": Words(
        "List models",
        "In OpenAI's dialect, in Anthropic's with the header `anthropic-version`, or in Google's with one of "
        "Google's headers; `limit` and cursors request a page. "
        "The lists of Ollama, vLLM, llama.cpp and LiteLLM are fetched from them.",
    ),
    "retrieveModel": Words("Get model", "One model, in the dialect of the client."),
    "listModelsByProvider": Words(
        "List models by provider", "OpenAI's list, plus the names by provider in `models`."
    ),
    "listChatModels": Words(
        "List chat models", "The chat models, with their limits, capabilities and prices."
    ),
    "readProviders": Words("Provider status", "The configured providers."),
    "estimateChat": Words(
        "Estimate cost", "The minimum and maximum cost of a chat completion, without calling a provider."
    ),
    "readHealth": Words("Health", "200 while the process is running."),
    "readLiveness": Words("Liveness", "200 while the process is running."),
    "readReadiness": Words("Readiness", "200 if a provider is configured, otherwise 503."),
}
"""By `operationId`."""

GATE_OPERATIONS: Mapping[str, Words] = {
    "listProviders": Words("List providers", "The providers with their models and prices."),
    "askChat": Words("Create chat completion", "Creates a chat completion."),
    "askImages": Words("Generate images", "Generates images from a prompt."),
    "askEmbeddings": Words("Create embeddings", "Creates embedding vectors for texts."),
    "readHealth": Words("Health", "200 while the process is running."),
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
