"""Anthropic's Messages API: request and response schemas."""

from typing import Any

from . import extensions
from .schema import (
    Schema,
    any_of,
    array,
    boolean,
    integer,
    null_or,
    number,
    one_of,
    ref,
    string,
    struct,
)

__all__ = ["EXAMPLES", "SCHEMAS"]

CACHE = null_or(
    struct(
        "type",
        "A cache breakpoint after this block.",
        type=string("", "ephemeral"),
        ttl=string("", "5m", "1h"),
    )
)

MEDIA = (
    struct("type media_type data", type=string("", "base64"), media_type=string(), data=string("Base64.")),
    struct("type url", type=string("", "url"), url=string()),
    struct("type file_id", type=string("", "file"), file_id=string()),
)

TEXTS = (
    struct("type data", type=string("", "text"), media_type=string("", "text/plain"), data=string()),
    struct("type content", type=string("", "content"), content=any_of(string(), array({"type": "object"}))),
)

SIGNED = struct(
    "", "Gemini's thought signature. Send it back unchanged.", google=struct("", thought_signature=string())
)

OTHER = struct("type", "An Anthropic block without a counterpart at other providers.", type=string())

SIGNATURE = string(
    "Data that the provider needs to accept it again; for another wire format, `tidegate:<format>:…`."
)

RESULT = one_of({"text": "TextBlock", "image": "ImageBlock", "document": "DocumentBlock"})
"""Blocks of a tool's result."""

BLOCKS: dict[str, Schema] = {
    "TextBlock": struct(
        "type text",
        type=string("", "text"),
        text=string(),
        citations=null_or(array({})),
        cache_control=CACHE,
        extra_content=SIGNED,
    ),
    "ImageBlock": struct("type source", type=string("", "image"), source=any_of(*MEDIA), cache_control=CACHE),
    "DocumentBlock": struct(
        "type source",
        type=string("", "document"),
        source=any_of(*MEDIA, *TEXTS),
        title=null_or(string()),
        context=null_or(string()),
        citations=null_or(struct("", enabled=boolean())),
        cache_control=CACHE,
    ),
    "ThinkingBlock": struct(
        "type thinking signature", type=string("", "thinking"), thinking=string(), signature=SIGNATURE
    ),
    "RedactedThinkingBlock": struct("type data", type=string("", "redacted_thinking"), data=SIGNATURE),
    "ToolUseBlock": struct(
        "type id name input",
        type=string("", "tool_use"),
        id=string(),
        name=string(),
        input={"type": "object"},
        caller=struct("type", type=string("Who made the call: `direct` is the model itself.")),
        cache_control=CACHE,
        extra_content=SIGNED,
    ),
    "ToolResultBlock": struct(
        "type tool_use_id",
        type=string("", "tool_result"),
        tool_use_id=string(),
        content=any_of(string(), array(any_of(RESULT, OTHER))),
        is_error=boolean(),
        cache_control=CACHE,
    ),
}

WRITTEN = one_of(
    {
        "text": "TextBlock",
        "thinking": "ThinkingBlock",
        "redacted_thinking": "RedactedThinkingBlock",
        "tool_use": "ToolUseBlock",
    }
)
"""Blocks of an answer."""

INPUT = one_of(
    {
        "text": "TextBlock",
        "image": "ImageBlock",
        "document": "DocumentBlock",
        "thinking": "ThinkingBlock",
        "redacted_thinking": "RedactedThinkingBlock",
        "tool_use": "ToolUseBlock",
        "tool_result": "ToolResultBlock",
    }
)
"""Blocks of a request."""

PROMPT: dict[str, Schema] = {
    "model": extensions.MODEL,
    "messages": array(
        struct(
            "role content",
            role=string("", "user", "assistant", "system"),
            content=any_of(string(), array(any_of(INPUT, OTHER))),
        ),
        minItems=1,
    ),
    "system": null_or(any_of(string(), array(ref("TextBlock")))),
    "tools": array(
        struct(
            "name",
            type=null_or(string("`custom`, or one of Anthropic's own tools.")),
            name=string(),
            description=string(),
            input_schema={"type": "object", "description": "A JSON Schema of type object."},
            strict=boolean(),
            cache_control=CACHE,
        )
    ),
    "tool_choice": struct(
        "type",
        type=string("", "auto", "any", "tool", "none"),
        name=string(),
        disable_parallel_tool_use=boolean(),
    ),
    "thinking": struct(
        "type",
        type=string("", "enabled", "disabled", "adaptive"),
        budget_tokens=integer(minimum=1024),
        display=string("", "summarized", "omitted"),
    ),
    "output_format": null_or(
        struct("type schema", "The older form.", type=string("", "json_schema"), schema={"type": "object"})
    ),
    "mcp_servers": array({"type": "object"}, "Anthropic's own."),
    "output_config": struct(
        "",
        effort=null_or(string("", "low", "medium", "high", "xhigh", "max")),
        format=null_or(struct("type schema", type=string("", "json_schema"), schema={"type": "object"})),
    ),
    **extensions.FIELDS,
}
"""Fields of both requests: counting and creating."""

REQUEST = struct(
    "model max_tokens messages",
    "A Messages request. Fields not listed here are passed to Anthropic unchanged.",
    **PROMPT,
    max_tokens=integer("Maximum completion tokens, including thinking; 0 only warms the cache.", minimum=0),
    stream=boolean(),
    temperature=number(minimum=0, maximum=1),
    top_p=number(minimum=0, maximum=1),
    top_k=integer(minimum=0),
    stop_sequences=array(string()),
    metadata=struct("", user_id=null_or(string())),
    service_tier=null_or(string()),
)

SCHEMAS: dict[str, Schema] = {
    **BLOCKS,
    "MessagesRequest": REQUEST,
    "CountTokensRequest": struct("model messages", **PROMPT),
    "TokenCount": struct("input_tokens", input_tokens=integer()),
    "AnthropicUsage": struct(
        "input_tokens output_tokens",
        "The classes do not overlap: the prompt is the sum of the three kinds of input tokens.",
        input_tokens=integer("Prompt tokens neither read from a cache nor written to one."),
        cache_read_input_tokens=null_or(integer()),
        cache_creation_input_tokens=null_or(integer()),
        cache_creation=null_or(
            struct(
                "",
                "Tokens written to the cache, by lifetime.",
                ephemeral_5m_input_tokens=integer(),
                ephemeral_1h_input_tokens=integer(),
            )
        ),
        output_tokens=integer("All completion tokens, including reasoning."),
        output_tokens_details=null_or(struct("", thinking_tokens=integer())),
        server_tool_use=null_or(struct("", web_search_requests=integer())),
        service_tier=null_or(string()),
        speed=null_or(string("How fast it was served.")),
        inference_geo=null_or(string("Where it was served.")),
    ),
    "AnthropicMessage": struct(
        "id type role model content stop_reason stop_sequence usage",
        id=string(),
        type=string("", "message"),
        role=string("", "assistant"),
        model=string("The model that responded, by the provider's name."),
        content=array(any_of(WRITTEN, OTHER)),
        stop_reason=null_or(
            string("", "end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal")
        ),
        stop_sequence=null_or(string()),
        stop_details=null_or(
            struct("", "Why the model declined.", category=null_or(string()), explanation=null_or(string()))
        ),
        container=null_or({"type": "object"}),
        usage=ref("AnthropicUsage"),
    ),
    "MessageStreamEvent": struct(
        "type",
        "The JSON of one `data:` line. A broken stream ends with an `error` event, never with "
        "`message_stop`.",
        type=string(
            "",
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
            "ping",
            "error",
        ),
    ),
}

EXAMPLES: dict[str, Any] = {
    "answer": {
        "summary": "Plain response",
        "value": {
            "model": "demo/chat",
            "max_tokens": 200,
            "messages": [{"role": "user", "content": "Say hello."}],
        },
    },
    "stream": {
        "summary": "A stream",
        "value": {
            "model": "demo/chat",
            "max_tokens": 200,
            "stream": True,
            "messages": [{"role": "user", "content": "Say hello."}],
        },
    },
}
"""Requests to try: the demo provider answers them without a key."""
