"""OpenAI's Responses API: request and response schemas."""

from typing import Any

from . import extensions
from .schema import Schema, any_of, array, boolean, integer, null_or, number, ref, string, struct

__all__ = ["EXAMPLES", "SCHEMAS"]

ITEM = struct(
    "",
    "A message, a call, its output, reasoning, or the result of a provider's tool, as given by `type`.",
    type=string(
        "Optional for messages.",
        examples=["message", "function_call", "function_call_output", "reasoning"],
    ),
    id=null_or(string()),
    status=null_or(string("", "in_progress", "completed", "incomplete")),
    role=string("", "system", "developer", "user", "assistant"),
    content=any_of(string(), array({"type": "object"})),
    call_id=string("What a call and its output have in common."),
    name=string(),
    arguments=string("JSON."),
    input=string("For the call of a custom tool."),
    output=any_of(string(), array({"type": "object"})),
    summary=array({"type": "object"}, "Readable reasoning."),
    encrypted_content=null_or(
        string("Data that the provider needs to receive again. Send it back unchanged.")
    ),
)

REQUEST: dict[str, Schema] = {
    "model": extensions.MODEL,
    "input": null_or(any_of(string(), array(ref("ResponseItem")))),
    "instructions": null_or(string()),
    "tools": null_or(
        array(
            struct(
                "type",
                type=string("`function`, `custom`, or a tool run by OpenAI."),
                name=string(),
                description=null_or(string()),
                parameters=null_or({"type": "object"}),
                strict=null_or(boolean()),
                format=null_or({"type": "object"}),
            )
        )
    ),
    "tool_choice": null_or(
        any_of(
            string("", "none", "auto", "required"),
            struct(
                "type",
                type=string(),
                name=string(),
                namespace=string(),
                mode=string("", "auto", "required"),
                tools=array(struct("type", type=string(), name=string(), namespace=string())),
            ),
        )
    ),
    "parallel_tool_calls": null_or(boolean()),
    "text": null_or(
        struct(
            "",
            format=null_or(
                struct(
                    "type",
                    type=string("", "text", "json_object", "json_schema", "grammar", "python"),
                    name=string(),
                    description=null_or(string()),
                    schema={"type": "object"},
                    strict=null_or(boolean()),
                )
            ),
            verbosity=null_or(string("", "low", "medium", "high")),
        )
    ),
    "reasoning": null_or(
        struct(
            "",
            effort=null_or(string("", "none", "minimal", "low", "medium", "high", "xhigh", "max")),
            summary=null_or(string("", "auto", "concise", "detailed", "none")),
            generate_summary=null_or(string("The older name of `summary`.", "auto", "concise", "detailed")),
        )
    ),
    "truncation": null_or(string("", "auto", "disabled")),
    "previous_response_id": null_or(string("The response that this one continues; remembered for an hour.")),
    "conversation": null_or(any_of(string(), {"type": "object"})),
}
"""Fields of both requests: counting and creating."""

SCHEMAS: dict[str, Schema] = {
    "ResponseItem": ITEM,
    "ResponsesRequest": struct(
        "model",
        "A Responses request. Fields not listed here are passed unchanged to providers with this format.",
        **REQUEST,
        stream=null_or(boolean()),
        stream_options=null_or(struct("", include_obfuscation=boolean())),
        max_output_tokens=null_or(integer("Thinking included.", minimum=0)),
        max_tool_calls=null_or(integer(minimum=0)),
        temperature=null_or(number(minimum=0, maximum=2)),
        top_p=null_or(number(minimum=0, maximum=1)),
        top_logprobs=null_or(integer(minimum=0, maximum=20)),
        include=null_or(array(string())),
        store=null_or(boolean("`false`: the response cannot be referred to by its id.")),
        background=null_or(boolean()),
        prompt=null_or({"type": "object"}),
        metadata=null_or({"type": "object"}),
        user=null_or(string()),
        safety_identifier=null_or(string()),
        prompt_cache_key=null_or(string()),
        session_id=null_or(string("Names the conversation, for affinity to a warm prompt cache.")),
        service_tier=null_or(string()),
        **extensions.FIELDS,
    ),
    "ResponsesCountRequest": struct("model", **REQUEST),
    "ResponsesCount": struct(
        "object input_tokens", object=string("", "response.input_tokens"), input_tokens=integer()
    ),
    "Compaction": struct(
        "id object created_at output usage",
        "The user's messages and one item with the compacted conversation.",
        id=string(),
        object=string("", "response.compaction"),
        created_at=integer("Seconds since 1970."),
        output=array(ref("ResponseItem")),
        usage=struct("", input_tokens=integer(), output_tokens=integer(), total_tokens=integer()),
    ),
    "Response": struct(
        "id object created_at status model output",
        "The response. It also repeats the request's parameters.",
        id=string(),
        object=string("", "response"),
        created_at=number("Seconds since 1970."),
        status=string("", "completed", "incomplete", "failed", "in_progress", "queued", "cancelled"),
        model=string("The model that responded, by the provider's name."),
        output=array(ref("ResponseItem")),
        incomplete_details=null_or(struct("", reason=string(), detail=string("The provider's explanation."))),
        error=null_or(struct("code message", code=string(), message=string())),
        native_finish_reason=string("The provider's own finish reason, if it is more specific."),
        usage=null_or(
            struct(
                "input_tokens output_tokens total_tokens",
                input_tokens=integer("All prompt tokens, including cached ones."),
                input_tokens_details=struct("", cached_tokens=integer(), cache_write_tokens=integer()),
                output_tokens=integer("All completion tokens, including reasoning."),
                output_tokens_details=struct("", reasoning_tokens=integer()),
                total_tokens=integer(),
            )
        ),
    ),
    "ResponseStreamEvent": struct(
        "type sequence_number",
        "The JSON of one `data:` line; `type` is also the event's name. A broken stream ends with "
        "`error` and `response.failed`, never with `response.completed`.",
        type=string(examples=["response.created", "response.output_text.delta", "response.completed"]),
        sequence_number=integer(minimum=0),
    ),
}

EXAMPLES: dict[str, Any] = {
    "answer": {"summary": "Plain response", "value": {"model": "demo/chat", "input": "Say hello."}},
    "stream": {
        "summary": "A stream",
        "value": {"model": "demo/chat", "input": "Say hello.", "stream": True},
    },
}
"""Requests to try: the demo provider answers them without a key."""
