"""How the services that follow OpenAI's format differ from it.

Every field's default is what OpenAI does. A provider's row sets the ones in which it differs;
an answer's faults (the second half) put its streams on the mending path, all others are spliced.
Sources are cases of the recordings and sections of the reference, both outside the repository.
"""

from fnmatch import fnmatchcase
from functools import cache, lru_cache
from typing import Literal

from msgspec import Struct

from tidegate.protocols.limits import NameRule

__all__ = ["PLAIN", "Dialect", "faulty", "only_streams"]


class Dialect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, cache_hash=True):
    """The differences of one service."""

    # --- how it is asked ---

    path: str = "/chat/completions"
    """Where to send requests, behind the base URL. `{model}` stands for the model's name
    (Azure's classic form has the deployment in the path, and its api-version behind it)."""
    own_fields: tuple[str, ...] = ()
    """Fields that are Tidegate's own elsewhere and that this service understands itself:
    `provider`, `models` (OpenRouter), `reasoning`, `system_message`. They stay in the request;
    a `provider` that is only a name is Tidegate's even there."""
    stream_usage: bool = True
    """Whether `stream_options.include_usage` may be sent (Mistral refuses it and tells usage
    anyway; §5)."""
    caches_by_key: bool = False
    """Whether `prompt_cache_key` and its kin may be sent for a client of the Responses API (OpenAI, Azure,
    Mistral, Fireworks). A client of the same format decides by itself."""
    streamed_only: tuple[str, ...] = ()
    """Patterns of models that it serves in streams only (Qwen's QwQ and open weights: 400 "only support
    stream call"; §9): a whole answer is made of the stream."""
    limit_field: Literal["max_tokens", "max_completion_tokens"] | None = None
    """The only name of the completion limit that the service knows; None is both (Mistral,
    DeepInfra, AI21 and others know `max_tokens` only)."""
    seed_field: str = "seed"
    """The name of the seed (`random_seed` at Mistral)."""
    developer_role: bool = True
    """Whether it knows the role `developer`; where not, its texts are `system` messages."""
    participant_names: bool = True
    """Whether user and assistant messages may have a `name` (Mistral: tool messages only; §5)."""
    user_limit: int | None = 64
    """The most characters of `user`: OpenAI answers "string too long. Expected a string with maximum length
    64", OpenRouter and Z.ai take 128. A longer id of a client of another dialect is sent as its hash."""
    call_id_limit: int | None = 40
    """The most characters of a call's id (OpenAI: "Expected a string with maximum length 40"); longer ones
    are replaced by their hash, the same in call and result."""
    tool_names: NameRule = NameRule()
    """Which names of tools are taken (OpenAI: `^[a-zA-Z0-9_-]{1,64}$`). Others of a client of another dialect
    are replaced, and put back in the answer."""
    needs_properties: bool = True
    """Whether a function's parameters of type object must have `properties` (OpenAI: 400 "object schema
    missing properties"; §1). They are added, empty, to those of clients of other dialects."""
    drops: tuple[str, ...] = ()
    """Request fields of OpenAI's that it refuses and that only tune: left out and named (such as
    `logit_bias` at Groq, `seed` at DeepSeek)."""
    refuses: tuple[str, ...] = ()
    """Request fields of OpenAI's that it does not support and that mean something: `tools`,
    `response_format`, `n`, `modalities`. The request is refused, with the field's name."""
    string_contents: bool = False
    """Whether message contents must be strings where they can be (Groq's text models and AI21: 400
    "content must be a string"; §14): lists of texts are joined."""
    string_results: bool = False
    """Whether tool results must be strings (DeepInfra; §12)."""
    image_links: bool = True
    """Whether images may be given by address (Ollama takes their bytes only: "invalid image input")."""
    media: tuple[str, ...] = ("image", "document", "audio")
    """What it takes beside text: `image`, `document`, `audio`, `video`. Others are refused by name."""
    document_form: Literal["file", "document_url"] = "file"
    """How documents are written (Mistral: `document_url`; §5)."""
    top_k: bool = False
    """Whether it takes `top_k` (Qwen, Together, OpenRouter and servers of open models do)."""
    forced_tools: bool = True
    """Whether `tool_choice` may be `required` or a name (DeepInfra: `auto` and `none` only; §12)."""
    allowed_tools: bool = True
    """Whether `tool_choice` may list the tools that are allowed; where not, the others are not offered."""
    strict_tools: bool = True
    """Whether functions may have `strict`."""
    old_functions: bool = True
    """Whether it still knows `functions` and `function_call`, which came before tools; where not, they are
    told as tools, and its calls as function calls."""
    custom_tools: bool = True
    """Whether it has custom tools (OpenAI's own); where not, they are told as functions with one text."""
    short_call_ids: bool = False
    """Whether ids of calls must be nine letters or digits (Mistral: 400 code 3280; §5). Others are
    replaced, the same in call and result."""
    schemas: Literal["native", "prompt", "refused"] = "native"
    """Structured output: `json_schema`, or only `json_object`, with the schema told in the prompt
    (DeepSeek; §7)."""
    alternation: bool = False
    """Whether roles must alternate after the system message (Perplexity, AI21: 400; §10, §11):
    neighbours are joined."""
    effort: Literal["reasoning_effort", "reasoning", "thinking", "enable_thinking", "none"] = (
        "reasoning_effort"
    )
    """How thinking is asked for: OpenAI's `reasoning_effort`; OpenRouter's `reasoning` object;
    `thinking: {type}` beside the effort (DeepSeek, Z.ai); `enable_thinking` and `thinking_budget`
    (Qwen; §9); not at all."""
    reasoning_back: Literal[
        "none", "as_given", "reasoning_content", "reasoning", "either", "reasoning_details", "thinking"
    ] = "none"
    """How earlier thinking is given back: DeepSeek demands `reasoning_content` after tool calls (§7), Groq
    knows `reasoning` and refuses others, Ollama passes over others (`either`), OpenRouter takes
    `reasoning_details` for signatures, Mistral a `thinking` part. `none` leaves it out; `as_given` leaves
    a client's fields as they are (servers that differ by version) and is `reasoning_content` otherwise.
    """
    reasoning_required: bool = False
    """Whether a message with tool calls must have its `reasoning_content` (DeepSeek: 400 "must be passed
    back"; §7), unless it does not think. A blank stands in where the conversation began elsewhere."""
    prefill_field: str | None = None
    """The field that marks a final assistant message as the beginning of the answer (Mistral
    `prefix`, Qwen `partial`)."""

    inline_thinking: bool = False
    """Whether thinking stands in the text, between `<think>` and `</think>` at its beginning (Perplexity's
    reasoning models; §11). Clients of other formats get it as thinking; in this format the text passes."""

    # --- what is wrong with its answers ---

    repeats_role: bool = False
    """The role is in every delta; OpenAI's SDK then answers "assistantassistant" (Together,
    OpenRouter, Z.ai, doubleword; §0.1)."""
    repeats_finish: bool = False
    """The finish reason comes again, in the chunk that has the usage (OpenRouter, doubleword, Z.ai)."""
    foreign_finishes: bool = False
    """There are finish reasons that OpenAI does not know (Together `eos`, Azure `tool_call`,
    Mistral `model_length`; §0.2)."""
    repeats_usage: bool = False
    """Usage comes in more than one chunk (Groq, baseten, huggingface; §0.1). The last is kept, in a
    chunk of its own at the end."""
    reasoning_beside: bool = False
    """`completion_tokens` leaves reasoning out (xAI: total = prompt + completion + reasoning, 127 of
    127; §0.3)."""
    ragged_heads: bool = False
    """`id`, `object`, `created` or `model` is missing, empty or foreign in some chunk or answer
    (Azure's first chunk, Z.ai, AI21, Perplexity)."""
    ragged_calls: bool = False
    """Tool calls lack an index, come with the same one, repeat or empty their ids and names, or have
    arguments that are objects (Qwen `id: ""`, Together, older Mistral; §0.1)."""
    ragged_choices: bool = False
    """A choice lacks `delta`, `index`, or has a `message` in its place (Azure, Perplexity)."""
    list_contents: bool = False
    """Content is a list with thinking in it (Mistral's reasoning models; §5)."""
    other_reasoning: bool = False
    """Thinking is in `reasoning`; it is told as `reasoning_content` too, under which name every other
    provider's thinking is found (Groq, Together, OpenRouter, Ollama, Cerebras)."""
    no_done: bool = False
    """The stream ends without `[DONE]` (Perplexity; Cerebras at times). It is added once a finish
    was seen."""


PLAIN = Dialect()
"""OpenAI itself."""

FAULTS = (
    "repeats_role", "repeats_finish", "foreign_finishes", "repeats_usage", "reasoning_beside", "ragged_heads",
    "ragged_calls", "ragged_choices", "list_contents", "other_reasoning", "no_done",
)  # fmt: skip


@cache
def faulty(dialect: Dialect) -> bool:
    """Whether answers of this dialect are mended rather than spliced."""
    return any(getattr(dialect, fault) for fault in FAULTS)


def only_streams(dialect: Dialect, model: str) -> bool:
    """Whether this model is served in streams only."""
    return bool(dialect.streamed_only) and _fits(dialect.streamed_only, model)


@lru_cache(maxsize=1024)
def _fits(patterns: tuple[str, ...], model: str) -> bool:
    return any(fnmatchcase(model.lower(), pattern) for pattern in patterns)
