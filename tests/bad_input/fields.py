"""Every field of a chat request, in both dialects: a request that is right, and what may stand where.

A line of a table is a field's path and the JSON kinds that it takes. `null` means that the field is
optional and null is "not given"; `null?` that null is a question of what else is in the request.
A new field is one line; where the request that is right does not have it yet, also a place in it.
"""

import base64
from dataclasses import dataclass
from typing import Any

from bad_input.requests import CHAT, COUNT, MESSAGES, Door

__all__ = ["FIELDS", "OUT_OF_RANGE", "PLAIN", "RICH", "VALUES", "Field", "request_with"]

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = base64.b64encode(b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n").decode()
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
CACHE = {"type": "ephemeral", "ttl": "5m"}

VALUES: dict[str, tuple[str, ...]] = {
    "null": ("null",),
    "bool": ("true", "false"),
    "int": ("0", "-1", "3", "9223372036854775808", "1" + "0" * 400),
    "float": ("0.5", "-0.5", "1e308", "1e400", "-1e400", "1e-400"),
    "str": ('""', '"x"', '"NaN"', r'"\u0000"', r'"\ud83c\udf0a"', '"' + "a" * 9000 + '"'),
    "list": ("[]", "[null]", "[[]]", "[{}]", '["x"]', "[1]", '[[[{"a": [null]}]]]'),
    "dict": ("{}", '{"x": 1}', '{"type": "x"}', '{"type": null}', '{"a": {"b": [[{"c": {}}]]}}'),
}
"""JSON by kind."""


# --- OpenAI's chat completions -------------------------------------------------------------------

PLAIN_CHAT: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "name": "Ann",
            "content": [
                {"type": "text", "text": "Look.", "cache_control": CACHE},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"}},
                {
                    "type": "file",
                    "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"},
                },
            ],
        },
        {
            "role": "assistant",
            "content": "Well.",
            "reasoning_content": "Hm.",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "Done."}]},
        {"role": "user", "content": "Go on."},
    ],
    "tools": [
        {
            "type": "function",
            "function": {"name": "look", "description": "Look.", "parameters": SCHEMA, "strict": False},
        }
    ],
    "tool_choice": {"type": "function", "function": {"name": "look"}},
    "parallel_tool_calls": False,
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "said", "description": "What.", "schema": SCHEMA, "strict": True},
    },
    "stream": True,
    "stream_options": {"include_usage": True, "include_obfuscation": False},
    "max_completion_tokens": 2000,
    "temperature": 0.5,
    "top_p": 0.9,
    "presence_penalty": 0.1,
    "frequency_penalty": -0.1,
    "seed": 7,
    "stop": ["END"],
    "n": 1,
    "user": "u1",
    "service_tier": "auto",
    "reasoning_effort": "low",
    "metadata": {"a": "b"},
    "store": False,
}

RICH_CHAT: dict[str, Any] = {
    **PLAIN_CHAT,
    "messages": [
        {
            "role": "user",
            "cache_control": CACHE,
            "content": [
                {"type": "text", "text": "Hear."},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}},
                {"type": "document_url", "document_url": "https://example.com/a.pdf"},
                {"type": "file", "file": {"file_id": "file-1"}},
                {"type": "image_url", "image_url": "https://example.com/a.png"},
            ],
        },
        {
            "role": "assistant",
            "refusal": "No.",
            "audio": {"id": "audio_1"},
            "reasoning": "Hm.",
            "reasoning_details": [
                {"type": "reasoning.text", "text": "Hm.", "signature": "c2ln", "format": "anthropic"},
                {"type": "reasoning.encrypted", "data": "ZGF0YQ==", "format": "anthropic"},
                {"type": "reasoning.summary", "summary": "Hm."},
            ],
            "extra_content": {"google": {"thought_signature": "c2ln"}},
            "native_blocks": [{"format": "anthropic", "block": {"type": "x"}}],
            "images": [
                {
                    "type": "image_url",
                    "image_url": {"url": f"data:image/png;base64,{PNG}"},
                    "extra_content": {"google": {"thought_signature": "c2ln"}},
                }
            ],
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}], "signature": "c2ln"},
                {"type": "refusal", "refusal": "No."},
            ],
            "tool_calls": [
                {
                    "id": "c2",
                    "type": "custom",
                    "custom": {"name": "run", "input": "ls"},
                    "extra_content": {"google": {"thought_signature": "c2ln"}},
                    "cache_control": CACHE,
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c2", "content": "ok"},
        {"role": "assistant", "content": None, "function_call": {"name": "old", "arguments": "{}"}},
        {"role": "function", "name": "old", "content": "ok"},
        {"role": "user", "content": "Go on."},
    ],
    "tools": [
        {"type": "custom", "custom": {"name": "run", "description": "Run."}, "cache_control": CACHE},
        {"type": "function", "function": {"name": "look"}},
    ],
    "tool_choice": {
        "type": "allowed_tools",
        "allowed_tools": {
            "mode": "auto",
            "tools": [
                {"type": "custom", "custom": {"name": "run"}},
                {"type": "function", "function": {"name": "look"}},
            ],
        },
    },
    "functions": [{"name": "old", "description": "Old.", "parameters": SCHEMA}],
    "function_call": {"name": "old"},
    "max_tokens": 2000,
    "top_k": 5,
    "logprobs": True,
    "top_logprobs": 2,
    "logit_bias": {"5": 1},
    "modalities": ["text"],
    "audio": {"voice": "a", "format": "wav"},
    "verbosity": "low",
    "safety_identifier": "s1",
    "prompt_cache_key": "k1",
    "reasoning": {"effort": "low", "max_tokens": 1024, "enabled": True, "exclude": False},
    "usage": {"include": True},
    "system_message": "Be kind.",
    "models": ["openai/m"],
}

CHAT_TABLE = """
model                                                   str
messages                                                list
messages.0                                              dict
messages.0.role                                         str
messages.0.content                                      str list
messages.1.name                                         str null
messages.1.content                                      str list
messages.1.content.0                                    dict
messages.1.content.0.type                               str
messages.1.content.0.text                               str
messages.1.content.0.cache_control                      dict null
messages.1.content.0.cache_control.type                 str
messages.1.content.0.cache_control.ttl                  str null
messages.1.content.1.image_url                          str dict
messages.1.content.1.image_url.url                      str
messages.1.content.1.image_url.detail                   str null
messages.1.content.2.file                               dict
messages.1.content.2.file.filename                      str null
messages.1.content.2.file.file_data                     str
messages.2.content                                      str list null
messages.2.reasoning_content                            str null
messages.2.tool_calls                                   list null?
messages.2.tool_calls.0                                 dict
messages.2.tool_calls.0.id                              str
messages.2.tool_calls.0.type                            str
messages.2.tool_calls.0.function                        dict
messages.2.tool_calls.0.function.name                   str
messages.2.tool_calls.0.function.arguments              str
messages.3.tool_call_id                                 str
messages.3.content                                      str list
messages.3.content.0                                    dict
messages.3.content.0.text                               str
messages.0.cache_control                                dict null
messages.0.content.1.input_audio                        str dict
messages.0.content.1.input_audio.data                   str
messages.0.content.1.input_audio.format                 str null
messages.0.content.2.video_url                          str dict
messages.0.content.2.video_url.url                      str
messages.0.content.3.document_url                       str dict
messages.0.content.4.file.file_id                       str null?
messages.0.content.5.image_url                          str dict
messages.1.refusal                                      str null
messages.1.audio                                        dict null
messages.1.audio.id                                     str
messages.1.reasoning                                    str null
messages.1.reasoning_details                            list null
messages.1.reasoning_details.0                          dict
messages.1.reasoning_details.0.type                     str
messages.1.reasoning_details.0.text                     str null
messages.1.reasoning_details.0.signature                str null
messages.1.reasoning_details.0.format                   str null
messages.1.reasoning_details.1.data                     str null
messages.1.reasoning_details.2.summary                  str null
messages.1.extra_content                                dict null
messages.1.extra_content.google                         dict null
messages.1.extra_content.google.thought_signature       str null
messages.1.native_blocks                                list null
messages.1.native_blocks.0                              dict
messages.1.native_blocks.0.format                       str
messages.1.native_blocks.0.block                        dict
messages.1.images                                       list null
messages.1.images.0                                     dict
messages.1.images.0.image_url                           str dict
messages.1.images.0.image_url.url                       str
messages.1.images.0.extra_content                       dict null
messages.1.images.0.extra_content.google.thought_signature str null
messages.1.content.0.thinking                           str list
messages.1.content.0.signature                          str null
messages.1.content.1.refusal                            str
messages.1.tool_calls.0.custom                          dict
messages.1.tool_calls.0.custom.name                     str
messages.1.tool_calls.0.custom.input                    str
messages.1.tool_calls.0.extra_content                   dict null
messages.1.tool_calls.0.cache_control                   dict null
messages.3.function_call                                dict null?
messages.3.function_call.name                           str
messages.3.function_call.arguments                      str
messages.4.name                                         str
tools                                                   list null?
tools.0                                                 dict
tools.0.type                                            str
tools.0.function                                        dict
tools.0.function.name                                   str
tools.0.function.description                            str null
tools.0.function.parameters                             dict null
tools.0.function.strict                                 bool null
tools.0.custom                                          dict
tools.0.custom.name                                     str
tools.0.custom.description                              str null
tools.0.cache_control                                   dict null
tool_choice                                             str dict null
tool_choice.type                                        str
tool_choice.function                                    dict
tool_choice.function.name                               str
tool_choice.allowed_tools                               dict
tool_choice.allowed_tools.mode                          str
tool_choice.allowed_tools.tools                         list
tool_choice.allowed_tools.tools.0                       dict
tool_choice.allowed_tools.tools.0.custom.name           str
parallel_tool_calls                                     bool null
functions                                               list null?
functions.0                                             dict
functions.0.name                                        str
functions.0.description                                 str null
functions.0.parameters                                  dict null
function_call                                           str dict null
function_call.name                                      str
response_format                                         dict null
response_format.type                                    str
response_format.json_schema                             dict
response_format.json_schema.name                        str null
response_format.json_schema.description                 str null
response_format.json_schema.schema                      dict null?
response_format.json_schema.strict                      bool null
stream                                                  bool null
stream_options                                          dict null
stream_options.include_usage                            bool null
stream_options.include_obfuscation                      bool null
max_tokens                                              int null
max_completion_tokens                                   int null
temperature                                             int float null
top_p                                                   int float null
top_k                                                   int null
presence_penalty                                        int float null
frequency_penalty                                       int float null
seed                                                    int null
stop                                                    str list null
n                                                       int null
logprobs                                                bool int null
top_logprobs                                            int null
logit_bias                                              dict null
modalities                                              list null
audio                                                   dict null
verbosity                                               str null
user                                                    str null
safety_identifier                                       str null
prompt_cache_key                                        str null
service_tier                                            str null
metadata                                                dict null
store                                                   bool null
reasoning_effort                                        str null
reasoning                                               dict null
reasoning.effort                                        str null
reasoning.max_tokens                                    int null
reasoning.enabled                                       bool null
reasoning.exclude                                       bool null
usage                                                   dict null
usage.include                                           bool null
system_message                                          str null
provider                                                str dict null
models                                                  list null
models.0                                                str
"""

CHAT_RANGES = {
    "model": ['""'],
    "messages": ["[]"],
    "messages.0.role": ['""', '"User"'],
    "messages.1.content": ["[]"],
    "messages.1.content.0.type": ['""'],
    "messages.3.tool_call_id": ['"c9"', '""'],
    "messages.2.tool_calls.0.id": ['""'],
    "messages.2.tool_calls.0.function.name": ['""'],
    "tools.0.function.name": ['""'],
    "tools.0.function.parameters": ['"{}"', "[]"],
    "tool_choice": ['"sometimes"', '""', "{}"],
    "tool_choice.function.name": ['"other"', '""'],
    "response_format": ["{}"],
    "response_format.type": ['"yaml"', '""'],
    "max_tokens": ["-1"],
    "max_completion_tokens": ["-1"],
    "temperature": ["-0.1", "2.1", "1e400"],
    "top_p": ["-0.1", "1.1"],
    "top_k": ["-2"],
    "presence_penalty": ["-2.1", "2.1"],
    "frequency_penalty": ["-2.1", "2.1"],
    "n": ["0", "-1", "129"],
    "top_logprobs": ["-1", "21"],
    "logit_bias": ['{"5": 101}', '{"5": "x"}'],
    "modalities": ["[1]"],
    "stop": ["[1]", "[null]", "[[]]"],
    "reasoning_effort": ['"extreme"', '""'],
    "reasoning.effort": ['"extreme"'],
    "reasoning.max_tokens": ["-1"],
    "models": ['[""]', "[1]"],
}


# --- Anthropic's messages ------------------------------------------------------------------------

PLAIN_MESSAGES: dict[str, Any] = {
    "max_tokens": 2000,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": CACHE}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look."},
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": PNG},
                    "cache_control": CACHE,
                },
                {
                    "type": "document",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                    "title": "A",
                    "context": "From B.",
                    "citations": {"enabled": True},
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "ZGF0YQ=="},
                {"type": "tool_use", "id": "t1", "name": "look", "input": {"a": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t1",
                    "content": [{"type": "text", "text": "Done."}],
                    "is_error": False,
                }
            ],
        },
        {"role": "assistant", "content": "Well."},
        {"role": "user", "content": "Go on."},
    ],
    "tools": [{"name": "look", "description": "Look.", "input_schema": SCHEMA, "cache_control": CACHE}],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": False},
    "thinking": {"type": "enabled", "budget_tokens": 1024, "display": "summarized"},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}},
    "stream": True,
    "temperature": 1,
    "top_p": 0.96,
    "top_k": 5,
    "stop_sequences": ["END"],
    "metadata": {"user_id": "u1"},
    "service_tier": "auto",
}

RICH_MESSAGES: dict[str, Any] = {
    **PLAIN_MESSAGES,
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
                {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "A"}},
                {
                    "type": "document",
                    "source": {"type": "content", "content": [{"type": "text", "text": "A"}]},
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Well.", "citations": None, "extra_content": {"google": {}}},
                {
                    "type": "tool_use",
                    "id": "t1",
                    "name": "look",
                    "input": {},
                    "extra_content": {"google": {"thought_signature": "c2ln"}},
                },
                {"type": "tidegate_native", "format": "gemini", "block": {"executableCode": {}}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t1",
                    "content": [
                        {
                            "type": "image",
                            "source": {"type": "base64", "media_type": "image/png", "data": PNG},
                        }
                    ],
                }
            ],
        },
    ],
    "tool_choice": {"type": "tool", "name": "look"},
    "thinking": None,
    "output_config": None,
    "output_format": {"type": "json_schema", "schema": SCHEMA},
    "models": ["anthropic/m"],
}

PROMPT_TABLE = """
model                                                   str
messages                                                list
messages.0                                              dict
messages.0.role                                         str
messages.0.content                                      str list
messages.0.content.0                                    dict
messages.0.content.0.type                               str
messages.0.content.0.text                               str
messages.0.content.1.source                             dict
messages.0.content.1.source.type                        str
messages.0.content.1.source.media_type                  str
messages.0.content.1.source.data                        str
messages.0.content.1.cache_control                      dict null
messages.0.content.1.cache_control.type                 str
messages.0.content.1.cache_control.ttl                  str null
messages.0.content.2.source                             dict
messages.0.content.2.source.data                        str
messages.0.content.2.title                              str null
messages.0.content.2.context                            str null
messages.0.content.2.citations                          dict null
messages.0.content.2.citations.enabled                  bool
messages.1.content                                      str list
messages.1.content.0.thinking                           str
messages.1.content.0.signature                          str
messages.1.content.1.data                               str
messages.1.content.2.id                                 str
messages.1.content.2.name                               str
messages.1.content.2.input                              dict
messages.2.content.0.tool_use_id                        str
messages.2.content.0.content                            str list null
messages.2.content.0.content.0                          dict
messages.2.content.0.content.0.type                     str
messages.2.content.0.content.0.text                     str
messages.2.content.0.is_error                           bool null
messages.2.content.0.cache_control                      dict null
messages.0.content.0.source.url                         str
messages.0.content.1.source.file_id                     str
messages.0.content.2.source.media_type                  str
messages.0.content.3.source.content                     str list
messages.1.content.0.extra_content                      dict null
messages.1.content.0.extra_content.google               dict null
messages.1.content.1.extra_content.google.thought_signature str null
messages.1.content.2.format                             str
messages.1.content.2.block                              dict
messages.2.content.0.content.0.source                   dict
messages.2.content.0.content.0.source.data              str
system                                                  str list null
system.0                                                dict
system.0.type                                           str
system.0.text                                           str
system.0.cache_control                                  dict null
tools                                                   list null
tools.0                                                 dict
tools.0.name                                            str
tools.0.type                                            str null
tools.0.description                                     str null
tools.0.input_schema                                    dict
tools.0.strict                                          bool null
tools.0.cache_control                                   dict null
tool_choice                                             dict null
tool_choice.type                                        str
tool_choice.name                                        str
tool_choice.disable_parallel_tool_use                   bool null
thinking                                                dict null
thinking.type                                           str
thinking.budget_tokens                                  int
thinking.display                                        str null
output_config                                           dict null
output_config.effort                                    str null
output_config.format                                    dict null
output_config.format.type                               str
output_config.format.schema                             dict
output_format                                           dict null
output_format.schema                                    dict
mcp_servers                                             list null
provider                                                str dict null
models                                                  list null
models.0                                                str
"""

MESSAGES_TABLE = (
    PROMPT_TABLE
    + """
max_tokens                                              int
stream                                                  bool null
temperature                                             int float null
top_p                                                   int float null
top_k                                                   int null
stop_sequences                                          list null
metadata                                                dict null
metadata.user_id                                        str null
service_tier                                            str null
"""
)

PROMPT_RANGES = {
    "model": ['""'],
    "messages": ["[]"],
    "messages.0.role": ['"narrator"', '""', '"tool"'],
    "messages.0.content": ["[]"],
    "messages.0.content.1.cache_control.type": ['"forever"'],
    "messages.0.content.1.source.type": ['"x"', '""'],
    "messages.1.content.2.id": ['""'],
    "messages.1.content.2.name": ['""'],
    "messages.2.content.0.tool_use_id": ['"t9"', '""'],
    "tools.0.name": ['""'],
    "tool_choice": ["{}"],
    "tool_choice.type": ['"sometimes"', '"any_of"'],
    "tool_choice.name": ['"other"', '""'],
    "thinking": ["{}", '{"type": "enabled"}'],
    "thinking.type": ['""'],
    "thinking.budget_tokens": ["0", "-1", "1023"],
    "output_config.effort": ['"extreme"', '""'],
    "output_config.format": ["{}"],
    "output_config.format.type": ['"yaml"'],
}
MESSAGES_RANGES = {
    **PROMPT_RANGES,
    "max_tokens": ["-1"],
    "temperature": ["-0.1", "1.1", "1e400"],
    "top_p": ["-0.1", "1.1"],
    "top_k": ["-1"],
    "stop_sequences": ["[1]", "[null]"],
}


# --- both ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Field:
    """A field of a dialect's requests."""

    door: Door
    path: str
    kinds: frozenset[str]

    def __repr__(self) -> str:
        return f"{self.door!r}-{self.path}"


PLAIN = {CHAT: PLAIN_CHAT, MESSAGES: PLAIN_MESSAGES, COUNT: PLAIN_MESSAGES}
"""A request that every wire format can carry."""
RICH = {CHAT: RICH_CHAT, MESSAGES: RICH_MESSAGES, COUNT: RICH_MESSAGES}
"""One with the rarer fields, each of which some wire format has."""
TABLES = {CHAT: CHAT_TABLE, MESSAGES: MESSAGES_TABLE, COUNT: PROMPT_TABLE}
OUT_OF_RANGE = {CHAT: CHAT_RANGES, MESSAGES: MESSAGES_RANGES, COUNT: PROMPT_RANGES}
"""Values of the right kind that are wrong nevertheless."""

FIELDS = [
    Field(door, path, frozenset(kinds))
    for door, table in TABLES.items()
    for path, *kinds in (line.split() for line in table.splitlines() if line)
]


def _has(request: Any, path: str) -> bool:
    for step in path.split("."):
        if isinstance(request, list) and step.isdigit() and int(step) < len(request):
            request = request[int(step)]
        elif isinstance(request, dict) and step in request:
            request = request[step]
        else:
            return False
    return True


def request_with(door: Door, path: str, provider: str) -> dict[str, Any]:
    """A good request that has a field at this path: the plain one where it does."""
    found = RICH[door] if not _has(PLAIN[door], path) and _has(RICH[door], path) else PLAIN[door]
    return {"model": f"{provider}/m", **found}
