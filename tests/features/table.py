"""The providers, one entry each: how they answer, what they have, and in which words they are asked.

Sources are the sections of the reference (§) and the recordings, both outside the repository.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from features import sdk_types
from features.answers import (
    CALL_ID,
    FAILURE,
    SIGNATURE,
    Answers,
    Anthropic,
    Bedrock,
    Cohere,
    Gemini,
    OpenAI,
    StreamsOnly,
)
from features.questions import IMAGE, RESULT, SCHEMA, SPECIAL, THOUGHT, UNIT
from sdk.dialects import ARGUMENTS, PNG, TEXT, TOOL
from simulator import Script, html
from simulator import json as answer

__all__ = ["ENTRIES", "KEY", "Entry", "openai_error"]

KEY = "sk-upstream-0123456789"
BEARER = ("authorization", f"Bearer {KEY}")

Wants = Mapping[str, Mapping[str, Any]]
"""By feature, what stands in the body at a path; None: nothing does."""


@dataclass(frozen=True)
class Refusal:
    """How a service refuses, and what the client reads of it."""

    body: Any
    status: int
    message: str
    code: str | None = None
    retry_after: str | None = None
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def script(self) -> Script:
        if isinstance(self.body, str):
            return html(self.status, self.body)
        return answer(self.body, self.status, dict(self.headers))


def no_faults(body: dict[str, Any]) -> list[str]:
    """For services without an SDK of their own."""
    return []


@dataclass(frozen=True)
class Entry:
    """One provider."""

    row: str
    model: str
    answers: Answers
    asked: Wants
    refusal: Refusal
    also: Wants = field(default_factory=dict)
    """What is different in `asked`, by feature."""
    path: str = "/chat/completions"
    """Behind `prefix`; `{model}` is the quoted name."""
    stream_path: str | None = None
    prefix: str = ""
    """The path of its official base URL."""
    key: tuple[str, str] = BEARER
    more: str = ""
    """Further settings."""
    as_name: str = ""
    """Its name here, where there are several of a row."""
    faults: Callable[[dict[str, Any]], list[str]] = no_faults
    dropped: Mapping[str, str] = field(default_factory=dict)
    """By feature, what the client is informed of as omitted."""
    lacks: Mapping[str, str] = field(default_factory=dict)
    """Features that it has not, each with a word of the refusal."""
    passes_over: Mapping[str, str] = field(default_factory=dict)
    """The same for clients of other formats; those of its own have their bytes passed on, and it refuses
    them in words of its own (recorded at DeepSeek)."""
    counts_thinking: bool = True
    shows_thinking: bool = True
    inline: bool = False
    """Thinking stands in the text."""

    @property
    def name(self) -> str:
        return self.as_name or self.row

    @property
    def without(self) -> set[str]:
        """Features that it has not."""
        return {*self.lacks, *self.passes_over}

    def settings(self, url: str) -> str:
        lines = [f"[providers.{self.name}]", f'kind = "{self.row}"', f'api_key = "{KEY}"']
        return "\n".join([*lines, f'base_url = "{url}{self.prefix}"', self.more])

    def path_of(self, stream: bool) -> str:
        path = self.stream_path if stream and self.stream_path else self.path
        return self.prefix + path.replace("{model}", quote(self.model, safe="@"))

    def wants(self, feature: str) -> Mapping[str, Any]:
        return {**self.asked.get(feature, {}), **self.also.get(feature, {})}

    def thinking(self, thought: str | None, text: str) -> tuple[str | None, str]:
        """What a client finds of thinking and text."""
        if not self.shows_thinking:
            assert not thought
            thought = THOUGHT
        if self.inline:
            thought, _, text = text.removeprefix("<think>").partition("</think>")
        return thought, text


# --- in OpenAI's words -----------------------------------------------------------------------------

NEW_LIMIT = {"max_completion_tokens": 4000, "max_tokens": None}
OLD_LIMIT = {"max_tokens": 4000, "max_completion_tokens": None}
CONTENT = {"messages.1.reasoning_content": THOUGHT, "messages.1.reasoning": None}
REASONING = {"messages.1.reasoning": THOUGHT, "messages.1.reasoning_content": None}
NOTHING = {"messages.1.reasoning": None, "messages.1.reasoning_content": None, "messages.1.content": TEXT}
THINKING_PART = {
    "messages.1.content": [
        {"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]},
        {"type": "text", "text": TEXT},
    ],
    "messages.1.reasoning_content": None,
}
NINE = "a1b2c3d4e"
"""An id as Mistral makes them, and wants them."""
NOT_ASKED = {"stream_options": None}

RESULT_PARTS = [{"type": "text", "text": RESULT}]
RESULT_TEXT = {"messages.2": {"role": "tool", "tool_call_id": CALL_ID, "content": RESULT}}
JOINED_TEXT = {
    "messages.1": {"role": "user", "content": f"How high is the tide?\n\n{UNIT}"},
    "messages.2": None,
}
JOINED_PARTS = {
    "messages.1": {
        "role": "user",
        "content": [{"type": "text", "text": "How high is the tide?"}, {"type": "text", "text": UNIT}],
    },
    "messages.2": None,
}
NOT_STRICT = {"tools.0.function.strict": None}
ALL_OF_OPENAI = {"messages.0": {"role": "developer", "content": SPECIAL}, "verbosity": "low"}
OVERFLOW = "context_length_exceeded"
"""OpenAI's code, by which clients know to shorten a conversation, whatever the provider calls it."""
COMPACT = json.dumps(ARGUMENTS, separators=(",", ":"))

CHAT: Wants = {
    "answer": {
        "messages.0": {"role": "system", "content": SPECIAL},
        "messages.1": {"role": "user", "content": "How high is the tide?"},
        "messages.2": {"role": "user", "content": [{"type": "text", "text": UNIT}]},
        "verbosity": None,
        "temperature": 0.5,
        "seed": 7,
        "stop": ["END"],
        **NEW_LIMIT,
    },
    "stream": {"stream": True, "stream_options": {"include_usage": True}},
    "tools": {
        "tools.0.type": "function",
        "tools.0.function.name": TOOL,
        "tools.0.function.parameters.required": ["station", "hours"],
        "tools.0.function.strict": True,
        "tool_choice": "auto",
    },
    "result": {
        "messages.1.tool_calls.0.id": CALL_ID,
        "messages.1.tool_calls.0.function": {"name": TOOL, "arguments": json.dumps(ARGUMENTS)},
        "messages.2": {"role": "tool", "tool_call_id": CALL_ID, "content": RESULT_PARTS},
    },
    "forced": {"tool_choice": "required"},
    "vision": {"messages.0.content.1": {"type": "image_url", "image_url": {"url": IMAGE}}},
    "schema": {"response_format": SCHEMA["response_format"]},
    "reasoning": {"reasoning_effort": "high"},
    "back": CONTENT,
}
IN_PROMPT = {"schema": {"response_format": {"type": "json_object"}, "messages.2": None}}


def openai_error(status: int, message: str, code: str | None = None, **more: Any) -> Refusal:
    result = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return Refusal({"error": result, **more}, status, message, code)


def limited(message: str) -> Refusal:
    """A rate limit in OpenAI's form."""
    result = {"message": message, "type": "tokens", "param": None, "code": "rate_limit_exceeded"}
    headers = (("retry-after", "7"),)
    return Refusal({"error": result}, 429, message, "rate_limit_exceeded", "7", headers)


AZURE_FIRST = {
    "choices": [],
    "created": 0,
    "id": "",
    "model": "",
    "object": "",
    "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}],
}
AZURE = OpenAI(first=AZURE_FIRST, no_delta=True, extra=(("obfuscation", "x7"),), call_finish="tool_call")
DEPLOYMENT = "/openai/deployments/{model}/chat/completions?api-version=2025-04-01-preview"
FILTERED = "The response was filtered due to the prompt triggering content management policy."

AT_VERTEX = "/v1/projects/p/locations/europe-west4/publishers"
VERTEX = 'project = "p"\nlocation = "europe-west4"'
ERRED = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": "error"}

FOLLOWERS = [
    Entry(
        "openai",
        "gpt-5.1",
        OpenAI(thinks=None, extra=(("obfuscation", "x7"), ("service_tier", "default"))),
        CHAT,
        limited("Rate limit reached for gpt-5.1"),
        {"answer": ALL_OF_OPENAI, "back": NOTHING},
        shows_thinking=False,
        prefix="/v1",
        faults=sdk_types.openai_faults,
    ),
    Entry(
        "azure",
        "my-deployment",
        AZURE,
        CHAT,
        openai_error(400, FILTERED, "content_filter"),
        {"answer": ALL_OF_OPENAI, "back": NOTHING},
        dropped={"back": "thinking"},
        path=DEPLOYMENT,
        key=("api-key", KEY),
        faults=sdk_types.openai_faults,
    ),
    Entry(
        "azure",
        "my-deployment",
        AZURE,
        CHAT,
        Refusal({"error": {"code": "401", "message": "Access denied"}}, 401, "Access denied", "401"),
        {"answer": ALL_OF_OPENAI, "back": NOTHING},
        dropped={"back": "thinking"},
        as_name="azure-v1",
        prefix="/openai/v1",
        key=("api-key", KEY),
        faults=sdk_types.openai_faults,
    ),
    Entry(
        "azure",
        "DeepSeek-V4",
        AZURE,
        CHAT,
        Refusal(
            {"error": {"code": "429", "message": "Try again"}},
            429,
            "Try again",
            "429",
            "9",
            (("retry-after", "9"),),
        ),
        {"answer": ALL_OF_OPENAI, "reasoning": {"reasoning_effort": "high"}, "back": NOTHING},
        as_name="azure-models",
        path="/chat/completions?api-version=2024-05-01-preview",
        prefix="/models",
        key=("api-key", KEY),
        dropped={"back": "thinking"},
    ),
    Entry(
        "vertex",
        "zai-org/glm-5-maas",
        OpenAI(usage="finish"),
        CHAT,
        Refusal(
            [{"error": {"code": 403, "message": "Permission denied", "status": "PERMISSION_DENIED"}}],
            403,
            "Permission denied",
            "403",
        ),
        {"answer": {"verbosity": "low"}},
        as_name="vertex-others",
        path="/v1/projects/p/locations/europe-west4/endpoints/openapi/chat/completions",
        more=VERTEX,
    ),
    Entry(
        "mistral",
        "mistral-medium-latest",
        OpenAI(
            usage="finish",
            thinks="list",
            call_id=NINE,
            whole_calls=True,
            call_index=False,
            finish_with_content=True,
            extra=(("p", "abcdef"),),
        ),
        CHAT,
        Refusal(
            {
                "object": "error",
                "message": "Invalid model: x",
                "type": "invalid_model",
                "param": None,
                "code": "1500",
            },
            400,
            "Invalid model: x",
            "1500",
        ),
        {
            "answer": {**OLD_LIMIT, "random_seed": 7, "seed": None},
            "stream": NOT_ASKED,
            "back": THINKING_PART,
            "result": {
                "messages.1.tool_calls.0.id": NINE,
                "messages.2": {"role": "tool", "tool_call_id": NINE, "content": RESULT_PARTS},
            },
        },
        prefix="/v1",
        faults=sdk_types.mistral_faults,
        counts_thinking=False,
        dropped={"answer": "verbosity"},
    ),
    Entry(
        "deepseek",
        "deepseek-v4-flash",
        OpenAI(usage="finish"),
        CHAT,
        openai_error(402, "Insufficient Balance", "invalid_request_error"),
        {
            "answer": {**OLD_LIMIT, "seed": None},
            "forced": {"tool_choice": "required", "thinking": {"type": "disabled"}},
            "result": {"messages.1.reasoning_content": " "},
            **IN_PROMPT,
        },
        dropped={"answer": "seed,verbosity"},
        passes_over={"vision": "image"},
        lacks={"choices": "n"},
    ),
    Entry(
        "xai",
        "grok-4.3",
        OpenAI(whole_calls=True, beside=True),
        CHAT,
        Refusal(
            {"code": "invalid-argument", "error": "Incorrect API key provided"},
            400,
            "Incorrect API key provided",
            "invalid-argument",
        ),
        {"answer": {"stop": None}},
        dropped={"answer": "stop,verbosity"},
        prefix="/v1",
    ),
    Entry(
        "qwen",
        "qwen-plus",
        OpenAI(later_ids=True),
        CHAT,
        openai_error(
            400, "Output data may contain inappropriate content.", "data_inspection_failed", request_id="r"
        ),
        {
            "tools": NOT_STRICT,
            "answer": OLD_LIMIT,
            "reasoning": {"enable_thinking": True, "reasoning_effort": None},
        },
        prefix="/compatible-mode/v1",
        dropped={"answer": "verbosity"},
    ),
    Entry(
        "qwen",
        "qwq-plus",
        StreamsOnly(),
        CHAT,
        limited("Requests rate limit exceeded"),
        {
            "answer": {**OLD_LIMIT, "stream": True, "stream_options": {"include_usage": True}},
            "tools": {**NOT_STRICT, "stream": True},
            "reasoning": {"enable_thinking": True, "reasoning_effort": None, "stream": True},
            "forced": {"stream": True},
        },
        as_name="qwen-streams-only",
        prefix="/compatible-mode/v1",
        dropped={"answer": "verbosity"},
    ),
    Entry(
        "ai21",
        "jamba-mini",
        OpenAI(usage="finish", bare=True, thinks=None),
        CHAT,
        Refusal({"detail": "Forbidden: Bad or missing Apikey"}, 401, "Forbidden: Bad or missing Apikey"),
        {
            "tools": NOT_STRICT,
            "result": RESULT_TEXT,
            "answer": {**JOINED_TEXT, **OLD_LIMIT, "seed": None},
            "stream": NOT_ASKED,
            **IN_PROMPT,
            "reasoning": {"reasoning_effort": None},
            "back": NOTHING,
        },
        prefix="/studio/v1",
        dropped={"answer": "seed,verbosity", "reasoning": "reasoning_effort", "back": "reasoning_effort"},
        shows_thinking=False,
        counts_thinking=False,
        lacks={"forced": "tool_choice"},
        passes_over={"vision": "image"},
    ),
    Entry(
        "perplexity",
        "sonar-reasoning-pro",
        OpenAI(
            usage="every",
            every_role=True,
            thinks="inline",
            cumulative=True,
            chunk="chat.completion",
            end=b"",
            newline=b"\r\n",
        ),
        CHAT,
        Refusal(
            "<html><body><h1>401 Authorization Required</h1></body></html>", 401, "401 Authorization Required"
        ),
        {
            "answer": {**JOINED_PARTS, **OLD_LIMIT, "seed": None, "stop": None},
            "stream": NOT_ASKED,
            "back": {
                "messages.1.content": f"<think>{THOUGHT}</think>{TEXT}",
                "messages.1.reasoning_content": None,
            },
        },
        dropped={"answer": "seed,stop,verbosity"},
        lacks={"choices": "n", "tools": "tools", "forced": "tools"},
        inline=True,
    ),
    Entry(
        "deepinfra",
        "zai-org/GLM-5.3",
        OpenAI(usage="finish", every_role=True, beside=True),
        CHAT,
        Refusal({"error": {"message": "Model busy, retry later"}}, 429, "Model busy, retry later"),
        {"result": RESULT_TEXT, "answer": OLD_LIMIT},
        lacks={"forced": "tool_choice"},
        prefix="/v1/openai",
        dropped={"answer": "verbosity"},
    ),
    Entry(
        "together",
        "openai/gpt-oss-20b",
        OpenAI(usage="unasked", every_role=True, thinks="reasoning", finish="eos"),
        CHAT,
        openai_error(404, "Unable to access model x", "model_not_available", id="o-1"),
        {"answer": OLD_LIMIT, "back": REASONING},
        prefix="/v1",
        dropped={"answer": "verbosity"},
    ),
    Entry(
        "groq",
        "openai/gpt-oss-20b",
        OpenAI(
            usage="twice",
            whole_calls=True,
            thinks="reasoning",
            many_ids=True,
            failure_event=b"event: error\n",
        ),
        CHAT,
        limited("Rate limit reached for model x"),
        {"back": REASONING},
        prefix="/openai/v1",
        dropped={"answer": "verbosity"},
        lacks={"choices": "n"},
    ),
    Entry(
        "openrouter",
        "anthropic/claude-haiku-4.5",
        OpenAI(
            usage="last",
            every_role=True,
            thinks="details",
            comment=b": OPENROUTER PROCESSING\n\n",
            failure=json.dumps(
                {"id": "gen-7", "error": {"code": 502, "message": FAILURE}, "choices": [ERRED]}
            ),
            extra=(("provider", "Anthropic"),),
        ),
        CHAT,
        Refusal(
            {"error": {"message": "Provider returned error", "code": 502, "metadata": {"raw": "burnt"}}},
            502,
            "Provider returned error: burnt",
            "502",
        ),
        {
            "answer": ALL_OF_OPENAI,
            "back": {**REASONING, "messages.1.reasoning_details.0.signature": SIGNATURE},
        },
        prefix="/api/v1",
    ),
    Entry(
        "fireworks",
        "accounts/fireworks/models/glm-5",
        OpenAI(usage="twice", every_role=True),
        CHAT,
        openai_error(404, "Model not found", "NOT_FOUND"),
        {"answer": OLD_LIMIT},
        prefix="/inference/v1",
        dropped={"answer": "verbosity"},
    ),
    Entry(
        "ollama",
        "gpt-oss:20b",
        OpenAI(thinks="reasoning", whole_calls=True, call_index=False),
        CHAT,
        openai_error(404, 'model "x" not found'),
        {"answer": {**OLD_LIMIT, "verbosity": "low"}, "back": {"messages.1.reasoning": THOUGHT}},
        prefix="/v1",
    ),
    Entry(
        "vllm",
        "my-model",
        OpenAI(thinks="reasoning"),
        CHAT,
        openai_error(400, "This model's maximum context length is 4096 tokens.", OVERFLOW),
        {
            "answer": {"verbosity": "low"},
            "back": {"messages.1.reasoning": THOUGHT, "messages.1.reasoning_content": THOUGHT},
        },
        prefix="/v1",
    ),
    Entry(
        "llamacpp",
        "my-model",
        OpenAI(extra=(("timings", {"prompt_n": 11}),)),
        CHAT,
        Refusal(
            {
                "error": {
                    "code": 400,
                    "message": "the request exceeds the context",
                    "type": "exceed_context_size_error",
                }
            },
            400,
            "the request exceeds the context",
            OVERFLOW,
        ),
        {"answer": {"verbosity": "low"}},
        prefix="/v1",
    ),
    Entry(
        "openai_compatible",
        "my-model",
        OpenAI(
            usage="every",
            every_role=True,
            thinks="reasoning",
            bare=True,
            object_arguments=True,
            call_index=False,
            no_delta=True,
            finish="eos",
            end=b"",
        ),
        CHAT,
        Refusal({"error": "something is wrong"}, 422, "something is wrong"),
        {
            "answer": {**ALL_OF_OPENAI, "messages.0": {"role": "system", "content": SPECIAL}},
            "back": {"messages.1.reasoning": THOUGHT, "messages.1.reasoning_content": THOUGHT},
            "result": {"messages.1.tool_calls.0.function": {"name": TOOL, "arguments": COMPACT}},
        },
        prefix="/v1",
    ),
]

# --- in Anthropic's words --------------------------------------------------------------------------

CLAUDE: Wants = {
    "answer": {
        "system.0.text": SPECIAL,
        "messages.0.content.0.text": "How high is the tide?",
        "max_tokens": 4000,
        "temperature": 0.5,
        "stop_sequences": ["END"],
    },
    "stream": {"stream": True},
    "tools": {
        "tools.0.name": TOOL,
        "tools.0.input_schema.required": ["station", "hours"],
        "tool_choice": {"type": "auto"},
    },
    "result": {
        "messages.1.content.0": {"type": "tool_use", "id": "toolu_1", "name": TOOL, "input": ARGUMENTS},
        "messages.2.content.0.tool_use_id": "toolu_1",
        "messages.2.content.0.content": RESULT,
    },
    "forced": {"tool_choice": {"type": "any"}},
    "vision": {"messages.0.content.1.source": {"type": "base64", "media_type": "image/png", "data": PNG}},
    "schema": {"output_config.format.type": "json_schema"},
    "reasoning": {"thinking.type": "enabled", "max_tokens": 40_000},
    "back": {
        "messages.1.content.0": {"type": "thinking", "thinking": THOUGHT, "signature": SIGNATURE},
        "messages.1.content.1.text": TEXT,
    },
}
OVERLOADED = Refusal(
    {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "req_1"},
    529,
    "Overloaded",
)
NO_SEED = {"answer": "seed,verbosity"}

CLAUDES = [
    Entry(
        "azure",
        "claude-haiku-4-5",
        Anthropic(),
        CLAUDE,
        OVERLOADED,
        as_name="azure-claude",
        path="/v1/messages",
        prefix="/anthropic",
        key=("x-api-key", KEY),
        faults=sdk_types.anthropic_faults,
        dropped=NO_SEED,
    ),
    Entry(
        "anthropic",
        "claude-haiku-4-5",
        Anthropic(),
        CLAUDE,
        OVERLOADED,
        {"answer": {"model": "claude-haiku-4-5"}},
        path="/v1/messages",
        key=("x-api-key", KEY),
        faults=sdk_types.anthropic_faults,
        dropped=NO_SEED,
        lacks={"choices": "n"},
    ),
    Entry(
        "vertex",
        "claude-haiku-4-5@20251001",
        Anthropic(),
        CLAUDE,
        OVERLOADED,
        {"answer": {"anthropic_version": "vertex-2023-10-16", "model": None}},
        as_name="vertex-claude",
        path=f"{AT_VERTEX}/anthropic/models/{{model}}:rawPredict",
        stream_path=f"{AT_VERTEX}/anthropic/models/{{model}}:streamRawPredict",
        more=VERTEX,
        faults=sdk_types.vertex_claude_faults,
        dropped=NO_SEED,
    ),
]

# --- in Google's words -----------------------------------------------------------------------------

GOOGLE: Wants = {
    "answer": {
        "systemInstruction.parts.0.text": SPECIAL,
        "contents.0.parts.0.text": "How high is the tide?",
        "generationConfig.maxOutputTokens": 4000,
        "generationConfig.temperature": 0.5,
        "generationConfig.seed": 7,
        "generationConfig.stopSequences": ["END"],
    },
    "stream": {"contents.0.role": "user", "stream": None},
    "tools": {
        "tools.0.functionDeclarations.0.name": TOOL,
        "tools.0.functionDeclarations.0.parametersJsonSchema.required": ["station", "hours"],
        "toolConfig.functionCallingConfig.mode": "AUTO",
    },
    "result": {
        "contents.1.parts.0.functionCall.args": ARGUMENTS,
        "contents.2.parts.0.functionResponse.name": TOOL,
        "contents.2.parts.0.functionResponse.response": {"output": RESULT},
    },
    "forced": {"toolConfig.functionCallingConfig.mode": "ANY"},
    "vision": {"contents.0.parts.1.inlineData": {"mimeType": "image/png", "data": PNG}},
    "schema": {
        "generationConfig.responseMimeType": "application/json",
        "generationConfig.responseJsonSchema.required": ["place", "metres"],
    },
    "reasoning": {"generationConfig.thinkingConfig.includeThoughts": True},
    "back": {
        "contents.1.parts.0": {"text": THOUGHT, "thought": True},
        "contents.1.parts.1": {"text": TEXT, "thoughtSignature": SIGNATURE},
    },
}
EXHAUSTED = Refusal(
    {
        "error": {
            "code": 429,
            "message": "Resource has been exhausted",
            "status": "RESOURCE_EXHAUSTED",
            "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "48s"}],
        }
    },
    429,
    "Resource has been exhausted",
    "RESOURCE_EXHAUSTED",
    "48",
)

NOT_GOOGLES = {"answer": "verbosity", **dict.fromkeys(("tools", "forced", "result"), "tools.strict")}

GEMINIS = [
    Entry(
        "gemini",
        "gemini-2.5-flash",
        Gemini(),
        GOOGLE,
        EXHAUSTED,
        path="/v1beta/models/{model}:generateContent",
        stream_path="/v1beta/models/{model}:streamGenerateContent?alt=sse",
        key=("x-goog-api-key", KEY),
        faults=sdk_types.gemini_faults,
        dropped=NOT_GOOGLES,
    ),
    Entry(
        "vertex",
        "gemini-2.5-flash",
        Gemini(),
        GOOGLE,
        EXHAUSTED,
        path=f"{AT_VERTEX}/google/models/{{model}}:generateContent",
        stream_path=f"{AT_VERTEX}/google/models/{{model}}:streamGenerateContent?alt=sse",
        more=VERTEX,
        faults=sdk_types.gemini_faults,
        dropped=NOT_GOOGLES,
    ),
]

# --- in words of their own -------------------------------------------------------------------------

COMMAND: Wants = {
    **CHAT,
    "answer": {
        "messages.0.role": "system",
        "messages.0.content": SPECIAL,
        "max_tokens": 4000,
        "temperature": 0.5,
        "seed": 7,
        "stop_sequences": ["END"],
    },
    "stream": {"stream": True},
    "tools": {
        "tools.0.function.name": TOOL,
        "tools.0.function.parameters.required": ["station", "hours"],
        "tool_choice": None,
    },
    "result": {
        "messages.1.tool_calls.0.id": CALL_ID,
        "messages.2.tool_call_id": CALL_ID,
    },
    "forced": {"tool_choice": "REQUIRED"},
    "schema": {
        "response_format.type": "json_object",
        "response_format.json_schema.required": ["place", "metres"],
    },
    "reasoning": {"thinking.type": "enabled", "max_tokens": 40_000},  # it caps the limit itself
    "back": {"messages.1.content.0": {"type": "thinking", "thinking": THOUGHT}},
}
CONVERSE: Wants = {
    "answer": {
        "system": [{"text": SPECIAL}],
        "messages.0": {"role": "user", "content": [{"text": "How high is the tide?"}, {"text": UNIT}]},
        "inferenceConfig": {"maxTokens": 4000, "temperature": 0.5, "stopSequences": ["END"]},
    },
    "stream": {"messages.0.role": "user", "stream": None},
    "tools": {
        "toolConfig.tools.0.toolSpec.name": TOOL,
        "toolConfig.tools.0.toolSpec.inputSchema.json.required": ["station", "hours"],
    },
    "result": {
        "messages.1.content.0.toolUse": {"toolUseId": "tooluse_1", "name": TOOL, "input": ARGUMENTS},
        "messages.2.content.0.toolResult.toolUseId": "tooluse_1",
        "messages.2.content.0.toolResult.content.0.text": RESULT,
    },
    "forced": {"toolConfig.toolChoice": {"any": {}}},
    "vision": {"messages.0.content.1.image": {"format": "png", "source": {"bytes": PNG}}},
    "schema": {"outputConfig.textFormat.type": "json_schema"},
    "reasoning": {"additionalModelRequestFields.thinking.type": "enabled"},
    "back": {
        "messages.1.content.0.reasoningContent.reasoningText": {"text": THOUGHT, "signature": SIGNATURE}
    },
}

OTHERS = [
    Entry(
        "cohere",
        "command-a-reasoning-08-2025",
        Cohere(),
        COMMAND,
        Refusal({"id": "e-1", "message": "model 'x' not found"}, 404, "model 'x' not found"),
        path="/v2/chat",
        faults=sdk_types.cohere_faults,
        dropped={
            "answer": "verbosity",
        },
        lacks={"choices": "n"},
    ),
    Entry(
        "bedrock",
        "us.anthropic.claude-haiku-4-5-20251001-v1:0",
        Bedrock(),
        CONVERSE,
        Refusal(
            {"message": "Too many requests"},
            429,
            "Too many requests",
            "ThrottlingException",
            headers=(("x-amzn-errortype", "ThrottlingException:http://internal.amazon.com/"),),
        ),
        path="/model/{model}/converse",
        stream_path="/model/{model}/converse-stream",
        more='region = "eu-west-1"',
        faults=sdk_types.bedrock_faults,
        dropped=NO_SEED,
        counts_thinking=False,
        lacks={"choices": "n"},
    ),
]

ENTRIES = [*FOLLOWERS, *CLAUDES, *GEMINIS, *OTHERS]
