"""OpenAI's chat completions: what may be asked and what is answered."""

from . import extensions
from .schema import Schema, any_of, array, boolean, integer, null_or, number, one_of, ref, string, struct

__all__ = ["EXAMPLES", "SCHEMAS"]

CACHE = struct(
    "type",
    "A cache breakpoint behind this part (Anthropic); providers without one cache by themselves.",
    type=string("", "ephemeral"),
    ttl=string("Lifetime of the entry.", "5m", "1h"),
)

OPENAI_CACHE: dict[str, Schema] = {
    "prompt_cache_breakpoint": {"description": "OpenAI's own cache breakpoint."},
}

SIGNED = struct(
    "",
    "Gemini's thought signature, in the form of Google's own OpenAI-compatible API. Send it back.",
    google=struct("", thought_signature=string()),
)

REASONING = {
    "reasoning_content": null_or(string("Readable thinking.")),
    "reasoning_details": array(
        ref("ReasoningDetail"), "Thinking with what its provider needs to accept it again. Send it back."
    ),
    "native_blocks": array(
        struct(
            "format block",
            format=string("The wire format that the block belongs to."),
            block={"type": "object", "description": "The block as the provider wrote it."},
        ),
        "Blocks that this dialect has no place for. Send them back.",
    ),
    "extra_content": SIGNED,
}
"""Extension fields of messages and deltas, in both directions."""

IMAGES = array(
    struct(
        "type image_url",
        type=string("", "image_url"),
        image_url=struct("url", url=string("A data: URL.")),
        extra_content=SIGNED,
    ),
    "Images that the model made.",
)

ANSWERED = {
    "citations": array({}, "The provider's own citations."),
    "images": IMAGES,
}
"""Extension fields of answers."""

ANNOTATION = struct(
    "type url_citation",
    type=string("", "url_citation"),
    url_citation=struct("url", url=string(), title=string(), start_index=integer(), end_index=integer()),
)

CALLED_FUNCTION = struct("name arguments", name=string(), arguments=string("JSON, as text."))

ADDRESS = struct(
    "url",
    url=string("An address, or a data: URL with base64."),
    detail=string("", "auto", "low", "high"),
)

PARTS: dict[str, Schema] = {
    "TextPart": struct(
        "type text", type=string("", "text"), text=string(), cache_control=CACHE, **OPENAI_CACHE
    ),
    "ImagePart": struct(
        "type image_url",
        type=string("", "image_url"),
        image_url=ADDRESS,
        cache_control=CACHE,
        extra_content=SIGNED,
    ),
    "AudioPart": struct(
        "type input_audio",
        type=string("", "input_audio"),
        input_audio=struct("data format", data=string("Base64."), format=string("Such as wav or mp3.")),
    ),
    "FilePart": struct(
        "type file",
        type=string("", "file"),
        file=struct(
            "",
            file_data=string("A data: URL with base64."),
            filename=string(),
            file_id=string("A file that was uploaded to the provider."),
        ),
        cache_control=CACHE,
    ),
    "VideoPart": struct(
        "type video_url",
        type=string("", "video_url"),
        video_url=ADDRESS,
        cache_control=CACHE,
    ),
    "DocumentPart": struct(
        "type document_url",
        type=string("", "document_url"),
        document_url=ADDRESS,
        cache_control=CACHE,
    ),
    "ThinkingPart": struct(
        "type thinking",
        "Thinking given back in Mistral's form.",
        type=string("", "thinking"),
        thinking=any_of(string(), array(ref("TextPart"))),
        signature=string(),
    ),
    "RefusalPart": struct("type refusal", type=string("", "refusal"), refusal=string()),
}

PART = one_of(
    {
        "text": "TextPart",
        "image_url": "ImagePart",
        "input_audio": "AudioPart",
        "file": "FilePart",
        "video_url": "VideoPart",
        "document_url": "DocumentPart",
        "thinking": "ThinkingPart",
        "refusal": "RefusalPart",
    }
)

CONTENT = any_of(string(), array(ref("Part")))

MESSAGES: dict[str, Schema] = {
    "InstructionMessage": struct(
        "role content", role=string("", "system", "developer"), content=CONTENT, name=string()
    ),
    "UserMessage": struct("role content", role=string("", "user"), content=CONTENT, name=string()),
    "AssistantMessage": struct(
        "role",
        role=string("", "assistant"),
        content=null_or(CONTENT),
        refusal=null_or(string()),
        name=string(),
        tool_calls=array(ref("ToolCall")),
        function_call=null_or(CALLED_FUNCTION),
        audio=null_or(struct("id", "Audio that the model spoke earlier.", id=string())),
        reasoning=null_or(string("The same as `reasoning_content`.")),
        images=array(ref("Part"), "Images that the model made earlier."),
        cache_control=CACHE,
        **REASONING,
    ),
    "ToolMessage": struct(
        "role content tool_call_id", role=string("", "tool"), content=CONTENT, tool_call_id=string()
    ),
    "FunctionMessage": struct(
        "role content name",
        "The older form of a tool message.",
        role=string("", "function"),
        content=CONTENT,
        name=string(),
    ),
    "Message": one_of(
        {
            "system": "InstructionMessage",
            "developer": "InstructionMessage",
            "user": "UserMessage",
            "assistant": "AssistantMessage",
            "tool": "ToolMessage",
            "function": "FunctionMessage",
        },
        by="role",
    ),
    "ToolCall": any_of(
        struct(
            "id type function",
            id=string(),
            type=string("", "function"),
            function=CALLED_FUNCTION,
            extra_content=SIGNED,
            cache_control=CACHE,
        ),
        struct(
            "id type custom",
            id=string(),
            type=string("", "custom"),
            custom=struct("name input", name=string(), input=string()),
        ),
    ),
    "ReasoningDetail": any_of(
        struct(
            "type format",
            type=string("", "reasoning.text"),
            text=string(),
            summary=string(),
            signature=null_or(string()),
            format=string("The wire format whose provider signed it."),
        ),
        struct("type data format", type=string("", "reasoning.encrypted"), data=string(), format=string()),
    ),
}

FUNCTION = struct(
    "name",
    name=string(),
    description=string(),
    parameters={"type": "object", "description": "A JSON Schema of type object."},
    strict=null_or(boolean()),
)

NAMED = struct("name", name=string())

TOOLS: dict[str, Schema] = {
    "Tool": any_of(
        struct(
            "type function",
            type=string("", "function"),
            function=FUNCTION,
            cache_control=CACHE,
        ),
        struct(
            "type custom",
            type=string("", "custom"),
            custom=struct("name", name=string(), description=string(), format={"type": "object"}),
        ),
    ),
    "ToolChoice": any_of(
        string("", "auto", "none", "required"),
        struct("type function", type=string("", "function"), function=NAMED),
        struct("type custom", type=string("", "custom"), custom=NAMED),
        struct(
            "type allowed_tools",
            type=string("", "allowed_tools"),
            allowed_tools=struct(
                "mode tools",
                mode=string("", "auto", "required"),
                tools=array(struct("type", type=string(), function=NAMED, custom=NAMED, name=string())),
            ),
        ),
        struct("type name", "xAI's form.", type=string("", "function"), name=string()),
    ),
    "ResponseFormat": any_of(
        struct("type", type=string("", "text", "json_object")),
        struct(
            "type json_schema",
            type=string("", "json_schema"),
            json_schema=struct(
                "name",
                name=string(),
                description=string(),
                schema={"type": "object"},
                strict=null_or(boolean()),
            ),
        ),
        struct(
            "type schema",
            "Together's older form.",
            type=string("", "json_object", "json_schema"),
            schema={"type": "object"},
        ),
    ),
}

SAMPLING: dict[str, Schema] = {
    "temperature": null_or(number(minimum=0, maximum=2)),
    "top_p": null_or(number(minimum=0, maximum=1)),
    "top_k": null_or(integer(minimum=-1)),
    "presence_penalty": null_or(number(minimum=-2, maximum=2)),
    "frequency_penalty": null_or(number(minimum=-2, maximum=2)),
    "seed": null_or(integer()),
    "stop": null_or(any_of(string(), array(string()))),
    "n": null_or(integer(minimum=1)),
    "logprobs": null_or(boolean()),
    "top_logprobs": null_or(integer(minimum=0, maximum=20)),
    "logit_bias": null_or({"type": "object", "additionalProperties": {"type": "number"}}),
}
"""Tuning: what a provider does not support is dropped and named in `x-tidegate-dropped`."""

OUR_OWN: dict[str, Schema] = {
    **extensions.FIELDS,
    "system_message": string("Tidegate's extension: instructions, as if they were the first message."),
}

PASSED_ON: dict[str, Schema] = {
    "metadata": null_or({"type": "object"}),
    "store": null_or(boolean()),
    "prompt_cache_key": null_or(string()),
    "audio": null_or({"type": "object", "description": "Voice and format of a spoken answer."}),
}
"""Fields that mean something to providers only."""

OTHER_FORMS: dict[str, Schema] = {
    "functions": null_or(array(FUNCTION, "The older form of `tools`.")),
    "function_call": null_or(any_of(string("", "none", "auto"), NAMED)),
    "reasoning": null_or(
        struct(
            "",
            "OpenRouter's form of `reasoning_effort`.",
            effort=string(),
            max_tokens=integer(minimum=0),
            enabled=boolean(),
            exclude=boolean(),
        )
    ),
    "usage": null_or(struct("", "OpenRouter's form of `include_usage`.", include=boolean())),
}
"""What OpenAI once had, and what its followers have beside it."""

REQUEST = struct(
    "model messages",
    "A request for a chat answer. Fields not named here reach a provider of this dialect untouched.",
    model=string("`provider/model`, or a name that the gateway knows."),
    messages=array(ref("Message"), minItems=1),
    stream=null_or(boolean()),
    stream_options=null_or(
        struct(
            "",
            include_usage=boolean("Whether a last chunk tells the usage of the stream."),
            include_obfuscation=boolean(),
        )
    ),
    max_completion_tokens=null_or(integer("The most tokens to write, thinking included.", minimum=1)),
    max_tokens=null_or(integer("The older name of `max_completion_tokens`.", minimum=1)),
    **SAMPLING,
    tools=null_or(array(ref("Tool"))),
    tool_choice=ref("ToolChoice"),
    parallel_tool_calls=null_or(boolean()),
    response_format=ref("ResponseFormat"),
    reasoning_effort=null_or(string("", "none", "minimal", "low", "medium", "high", "xhigh", "max")),
    verbosity=null_or(string("", "low", "medium", "high")),
    modalities=null_or(array(string("", "text", "audio", "image"))),
    user=string(),
    safety_identifier=string(),
    service_tier=null_or(string()),
    **PASSED_ON,
    **OTHER_FORMS,
    **OUR_OWN,
)

CHOICE_END = {
    "finish_reason": null_or(string("", "stop", "length", "tool_calls", "content_filter", "function_call")),
    "native_finish_reason": string("The provider's own word, where it says more."),
    "logprobs": null_or({"type": "object"}),
}

ANSWERS: dict[str, Schema] = {
    "Usage": struct(
        "prompt_tokens completion_tokens total_tokens",
        prompt_tokens=integer("All tokens of the prompt, cached ones included."),
        completion_tokens=integer("All tokens written, thinking included."),
        total_tokens=integer(),
        prompt_tokens_details=struct(
            "",
            cached_tokens=integer("Read from the provider's cache."),
            cache_write_tokens=integer("Written to the provider's cache."),
            audio_tokens=integer(),
        ),
        completion_tokens_details=struct(
            "",
            reasoning_tokens=integer("Spent on thinking."),
            audio_tokens=integer(),
            accepted_prediction_tokens=integer(),
            rejected_prediction_tokens=integer(),
        ),
    ),
    "ChatCompletion": struct(
        "id object created model choices",
        id=string(),
        object=string("", "chat.completion"),
        created=integer("Seconds since 1970."),
        model=string("The model that answered, in the provider's words."),
        choices=array(
            struct(
                "index message finish_reason",
                index=integer(),
                message=struct(
                    "role content",
                    role=string("", "assistant"),
                    content=null_or(string()),
                    refusal=null_or(string()),
                    tool_calls=array(ref("ToolCall")),
                    annotations=array(ANNOTATION),
                    **REASONING,
                    **ANSWERED,
                ),
                **CHOICE_END,
            )
        ),
        usage=ref("Usage"),
        service_tier=null_or(string()),
        system_fingerprint=null_or(string()),
    ),
    "ChatCompletionChunk": struct(
        "id object created model choices",
        "The JSON of one `data:` line. The stream ends with `data: [DONE]`; one that breaks ends with "
        '`data: {"error": …}` instead.',
        id=string(),
        object=string("", "chat.completion.chunk"),
        created=integer("Seconds since 1970."),
        model=string(),
        choices=array(
            struct(
                "index delta",
                index=integer(),
                delta=struct(
                    "",
                    role=string("", "assistant"),
                    content=null_or(string()),
                    refusal=null_or(string()),
                    tool_calls=array(
                        struct(
                            "index",
                            index=integer(),
                            id=string(),
                            type=string(),
                            function=struct("", name=string(), arguments=string("A piece of the JSON.")),
                            extra_content=SIGNED,
                        )
                    ),
                    annotations=array(ANNOTATION),
                    **REASONING,
                    **ANSWERED,
                ),
                **CHOICE_END,
            )
        ),
        usage=null_or(ref("Usage")),
        service_tier=null_or(string()),
        system_fingerprint=null_or(string()),
    ),
}

SCHEMAS: dict[str, Schema] = {**PARTS, "Part": PART, **MESSAGES, **TOOLS, "ChatRequest": REQUEST, **ANSWERS}

EXAMPLES = {
    "answer": {
        "summary": "A plain answer",
        "value": {"model": "demo/chat", "messages": [{"role": "user", "content": "Say hello."}]},
    },
    "stream": {
        "summary": "A stream",
        "value": {
            "model": "demo/chat",
            "stream": True,
            "stream_options": {"include_usage": True},
            "messages": [{"role": "user", "content": "Say hello."}],
        },
    },
    "tools": {
        "summary": "A tool is offered",
        "value": {
            "model": "demo/chat",
            "messages": [{"role": "user", "content": "What is the weather in Oslo?"}],
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "weather",
                        "description": "The weather of a city.",
                        "parameters": {
                            "type": "object",
                            "properties": {"city": {"type": "string"}},
                            "required": ["city"],
                        },
                    },
                }
            ],
        },
    },
}
"""Requests to try: the demo provider answers them without a key."""
