"""The names of attributes, in one place: the semantic conventions for generative AI are still in development.

As of the conventions' repository of their own (https://github.com/open-telemetry/semantic-conventions-genai),
in 2026: `gen_ai.usage.input_tokens` includes cached tokens, and there is no attribute for cost. What the
conventions have no name for is `tidegate.*`. A changed name is changed here, and `SCHEMA` with it.
"""

__all__ = [
    "CACHE_READ_TOKENS", "CACHE_WRITE_TOKENS", "CONVERSATION", "ERROR_TYPE", "FINISH_REASONS",
    "HTTP_METHOD", "HTTP_STATUS", "INPUT_MESSAGES", "INPUT_TOKENS", "MAX_TOKENS", "OPERATION",
    "OUTPUT_MESSAGES", "OUTPUT_TOKENS", "PROVIDER", "REASONING_TOKENS", "REQUEST_MODEL", "REQUEST_STREAM",
    "RESPONSE_ID", "RESPONSE_MODEL", "SCHEMA", "SERVER_ADDRESS", "TIME_TO_FIRST_CHUNK", "URL_PATH", "USER",
]  # fmt: skip

SCHEMA = "gen_ai 2026-11"
"""The version of this table, exported as `tidegate.schema` of the resource."""

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
MAX_TOKENS = "gen_ai.request.max_tokens"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_ID = "gen_ai.response.id"
FINISH_REASONS = "gen_ai.response.finish_reasons"
TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
"""In seconds."""
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS = "gen_ai.usage.cache_creation.input_tokens"
REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"
CONVERSATION = "gen_ai.conversation.id"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"

ERROR_TYPE = "error.type"
SERVER_ADDRESS = "server.address"
HTTP_METHOD = "http.request.method"
HTTP_STATUS = "http.response.status_code"
URL_PATH = "url.path"
USER = "enduser.id"
