"""How services that follow OpenAI's format differ from it.

The default of every field is what OpenAI does. A provider's row sets the fields in which it differs. The
faults in answers (the second half) cause its streams to be mended; all other streams are spliced. The sources
cited are cases of the recordings and sections of the reference, both outside the repository.
"""

from fnmatch import fnmatchcase
from functools import cache, lru_cache
from typing import Literal

from msgspec import Struct

from tidegate.protocols.finishes import WORDS
from tidegate.protocols.limits import NameRule

__all__ = ["FAULTS", "OPENAI_FINISHES", "PLAIN", "Dialect", "continues", "faulty", "only_streams"]


class Dialect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, cache_hash=True):
    """The differences of one service from OpenAI."""

    # --- requests ---

    path: str = "/chat/completions"
    """The path for requests, relative to the base URL. `{model}` is replaced by the model name (Azure's
    classic form has the deployment in the path, followed by its api-version)."""
    gateway_fields: tuple[str, ...] = ()
    """Fields that are normally addressed to Tidegate but that this service understands itself: `provider`,
    `models` (OpenRouter), `reasoning`, `system_message`. They stay in the request; a `provider` that is a
    plain string is addressed to Tidegate even here."""
    shared_preferences: tuple[str, ...] = ()
    """Fields of `provider` that are sent to this service even if Tidegate has applied the request's own
    `provider`, because they limit the service's own choice in the same way (OpenRouter: `max_price`,
    `require_parameters`, `quantizations`). The others contain names of Tidegate's providers, which it refuses
    with 404 "No allowed providers are available"."""
    stream_usage: bool = True
    """Whether `stream_options.include_usage` may be sent (Mistral rejects it and always reports usage; §5).
   """
    caches_by_key: bool = False
    """Whether `prompt_cache_key` and related fields may be sent for a client of the Responses API (OpenAI,
    Azure, Mistral, Fireworks). A client of the same format decides for itself."""
    streamed_only: tuple[str, ...] = ()
    """Patterns of models that are only available as streams (Qwen's QwQ and open weights: 400 "only support
    stream call"; §9): a non-streamed answer is assembled from the stream."""
    limit_field: Literal["max_tokens", "max_completion_tokens"] | None = None
    """The only name that the service accepts for the output limit; None means both (Mistral, DeepInfra, AI21
    and others accept only `max_tokens`)."""
    seed_field: str = "seed"
    """The name of the seed (Mistral: `random_seed`)."""
    developer_role: bool = True
    """Whether the role `developer` is supported; if not, such messages are sent with the role `system`."""
    participant_names: bool = True
    """Whether user and assistant messages may have a `name` (Mistral: only tool messages; §5)."""
    user_limit: int | None = 64
    """The maximum length of `user` in characters: OpenAI answers "string too long. Expected a string with
    maximum length 64", OpenRouter and Z.ai accept 128. A longer id from a client of another dialect is sent
    as its hash."""
    call_id_limit: int | None = 40
    """The maximum length of a tool call id (OpenAI: "Expected a string with maximum length 40"); longer ids
    are replaced by their hash, consistently in call and result."""
    tool_names: NameRule = NameRule()
    """The tool names that are accepted (OpenAI: `^[a-zA-Z0-9_-]{1,64}$`). Other names from a client of
    another dialect are replaced, and restored in the answer."""
    needs_properties: bool = True
    """Whether function parameters of type object must have `properties` (OpenAI: 400 "object schema missing
    properties"; §1). Empty `properties` are added to schemas from clients of other dialects."""
    drops: tuple[str, ...] = ()
    """Fields of OpenAI's requests that the service rejects and that only tune the answer: they are dropped
    and reported (such as `logit_bias` at Groq, `seed` at DeepSeek)."""
    refuses: tuple[str, ...] = ()
    """Fields of OpenAI's requests that the service does not support and that carry meaning: `tools`,
    `response_format`, `n`, `modalities`. The request is refused, naming the field."""
    searches: tuple[str, ...] = ()
    """Patterns of models that search the web if `web_search_options` is set (OpenAI: those whose names say
    so). A client of this format decides for itself."""
    string_contents: bool = False
    """Whether message contents must be strings if possible (Groq's text models and AI21: 400 "content must be
    a string"; §14): lists of texts are joined."""
    string_results: bool = False
    """Whether tool results must be strings (DeepInfra; §12)."""
    image_links: bool = True
    """Whether images may be given by URL (Ollama accepts only bytes: "invalid image input")."""
    media: tuple[str, ...] = ("image", "document", "audio")
    """The supported media: `image`, `document`, `audio`, `video`. Other media are refused by name."""
    document_form: Literal["file", "document_url"] = "file"
    """How documents are written (Mistral: `document_url`; §5)."""
    top_k: bool = False
    """Whether `top_k` is supported (as by Qwen, Together, OpenRouter and servers of open models)."""
    forced_tools: bool = True
    """Whether `tool_choice` may be `required` or a name (DeepInfra: `auto` and `none` only; §12)."""
    allowed_tools: bool = True
    """Whether `tool_choice` may list the allowed tools; if not, only those tools are offered."""
    strict_tools: bool = True
    """Whether functions may have `strict`."""
    old_functions: bool = True
    """Whether the deprecated `functions` and `function_call` are supported; if not, they are converted to
    tools, and tool calls in the answer to function calls."""
    custom_tools: bool = True
    """Whether custom tools are supported (OpenAI only); if not, they are sent as functions with one text
    parameter."""
    short_call_ids: bool = False
    """Whether tool call ids must be nine letters or digits (Mistral: 400 code 3280; §5). Other ids are
    replaced, consistently in call and result."""
    schemas: Literal["native", "prompt", "refused"] = "native"
    """Structured output: `json_schema`, or only `json_object` with the schema in the prompt (DeepSeek; §7).
   """
    alternation: bool = False
    """Whether roles must alternate after the system message (Perplexity, AI21: 400; §10, §11): consecutive
    messages of one role are joined."""
    effort: Literal["reasoning_effort", "reasoning", "thinking", "enable_thinking", "none"] = (
        "reasoning_effort"
    )
    """How reasoning is configured: OpenAI's `reasoning_effort`; OpenRouter's `reasoning` object; `thinking:
    {type}` in addition to the effort (DeepSeek, Z.ai); `enable_thinking` and `thinking_budget` (Qwen; §9);
    not at all."""
    reasoning_back: Literal[
        "none", "as_given", "reasoning_content", "reasoning", "either", "reasoning_details", "thinking"
    ] = "none"
    """How earlier thinking is sent back: DeepSeek requires `reasoning_content` after tool calls (§7), Groq
    accepts `reasoning` and rejects other fields, Ollama ignores other fields (`either`), OpenRouter accepts
    `reasoning_details` with signatures, Mistral a `thinking` part. `none` removes it; `as_given` leaves a
    client's fields unchanged (servers that differ by version) and is `reasoning_content` otherwise."""
    reasoning_required: bool = False
    """Whether a message with tool calls must have its `reasoning_content` (DeepSeek: 400 "must be passed
    back"; §7), unless thinking is off. A blank is sent if the conversation began with another model."""
    prefill_field: str | None = None
    """The field that marks a final assistant message as the beginning of the answer (Mistral `prefix`, Qwen
    `partial`)."""

    continues: bool = False
    """Whether a final assistant message is continued instead of answered, so that the service can carry on an
    answer that another began. Services with a `prefill_field` do; of the others Groq
    (console.groq.com/docs/prompting), llama.cpp (ggml-org/llama.cpp pull request 13174; 400 while the model
    thinks), vLLM and DeepSeek (with what follows). OpenAI answers such a message with a new one."""
    echoes_prefill: bool = False
    """Whether the answer repeats the message that it continues (Mistral: SillyTavern/SillyTavern issue 2557,
    vercel/ai pull request 3256)."""
    continue_path: str | None = None
    """The path for such requests, if it is another one (DeepSeek: its beta,
    api-docs.deepseek.com/guides/chat_prefix_completion)."""
    continue_field: str | None = None
    """The field that marks the message in such requests, and must not be sent in others (DeepSeek: `prefix`,
    which exists in its beta only)."""
    continue_body: tuple[tuple[str, bool], ...] = ()
    """Fields of such requests (vLLM: `continue_final_message` in place of `add_generation_prompt`,
    docs.vllm.ai/en/latest/serving/openai_compatible_server.html)."""

    inline_thinking: bool = False
    """Whether thinking is part of the text, between `<think>` and `</think>` at its beginning (Perplexity's
    reasoning models; §11). Clients of other formats receive it as thinking; in this format the text is
    forwarded unchanged."""

    most_stops: int | None = None
    """The most stop sequences of a request from another dialect; None: any number (OpenAI, Azure and Groq
    reject more than four: "array too long")."""

    # --- faults in answers ---

    repeats_role: bool = False
    """Every delta has the role; OpenAI's SDK then answers "assistantassistant" (Together, OpenRouter, Z.ai,
    doubleword; §0.1)."""
    repeats_finish: bool = False
    """The finish reason is repeated in the chunk that has the usage (OpenRouter, doubleword, Z.ai)."""
    foreign_finishes: bool = False
    """Some finish reasons are not among OpenAI's (Together `eos`, Azure `tool_call`, Mistral `model_length`;
    §0.2)."""
    repeats_usage: bool = False
    """Usage is in more than one chunk (Groq, baseten, huggingface; §0.1). The last one is kept, in a chunk of
    its own at the end."""
    excludes_reasoning: bool = False
    """`completion_tokens` does not include reasoning (xAI: total = prompt + completion + reasoning, 127 of
    127; §0.3)."""
    ragged_heads: bool = False
    """`id`, `object`, `created` or `model` is missing, empty or foreign in some chunk or answer (Azure's
    first chunk, Z.ai, AI21, Perplexity)."""
    ragged_calls: bool = False
    """Tool calls lack an index, share one, repeat or empty their ids and names, or have arguments that are
    objects (Qwen `id: ""`, Together, older Mistral; §0.1)."""
    whole_names: bool = False
    """Where tool calls are mended: whether the first piece of a call has its whole name, so that the call can
    be passed on before its first arguments (Qwen)."""
    ragged_choices: bool = False
    """A choice lacks `delta` or `index`, or has a `message` instead (Azure, Perplexity)."""
    list_contents: bool = False
    """Content is a list that contains thinking (Mistral's reasoning models; §5)."""
    other_reasoning: bool = False
    """Thinking is in `reasoning`; it is copied to `reasoning_content`, the name that clients find it under
    for all other providers (Groq, Together, OpenRouter, Ollama, Cerebras)."""
    no_done: bool = False
    """The stream ends without `[DONE]` (Perplexity; Cerebras at times). It is added if there was a finish
    reason."""


PLAIN = Dialect()
"""OpenAI itself."""

FAULTS = (
    "repeats_role", "repeats_finish", "foreign_finishes", "repeats_usage", "excludes_reasoning",
    "ragged_heads", "ragged_calls", "ragged_choices", "list_contents", "other_reasoning", "no_done",
)  # fmt: skip


OPENAI_FINISHES = frozenset({*WORDS["openai_chat"].values(), "function_call"})
"""The finish reasons that strict clients know."""


@cache
def faulty(dialect: Dialect) -> bool:
    """Return whether answers of this dialect are mended rather than spliced."""
    return any(getattr(dialect, fault) for fault in FAULTS)


def continues(dialect: Dialect) -> bool:
    """Return whether the service continues a final assistant message."""
    return dialect.continues or dialect.prefill_field is not None


def only_streams(dialect: Dialect, model: str) -> bool:
    """Return whether this model is only available as a stream."""
    return bool(dialect.streamed_only) and _fits(dialect.streamed_only, model)


@lru_cache(maxsize=1024)
def _fits(patterns: tuple[str, ...], model: str) -> bool:
    return any(fnmatchcase(model.lower(), pattern) for pattern in patterns)
