"""Checks that types alone cannot express: which fields of a request must or may appear together."""

from collections.abc import Callable

from msgspec import structs

from tidegate.protocols.errors import InvalidRequest
from tidegate.protocols.fields import has_object, is_set
from tidegate.protocols.media import check_document, check_image, parse_url
from tidegate.protocols.turn import Inline

from .wire import (
    ROLES,
    AllowedTool,
    ChatRequest,
    ChoiceIn,
    FileIn,
    FormatIn,
    FunctionIn,
    ImageIn,
    MessageIn,
    PartIn,
)

__all__ = [
    "allowed_name", "are_bare", "check_request", "chosen_name", "file_url", "image_address", "repeats_ids",
]  # fmt: skip

HEAD = 8192
"""How many characters of a data URL are checked; the provider reads the rest."""


def repeats_ids(messages: list[MessageIn]) -> bool:
    """Return whether calls of one message share an id. Such answers of a server are spliced unchanged, and
    clients send them back.
    """
    for message in messages:
        calls = message.tool_calls
        if calls and len(calls) > 1 and len({call.id for call in calls}) < len(calls):
            return True
    return False


BARE_ROLES = frozenset(["user", "assistant", "system"])
_NOTHING_ELSE = structs.astuple(MessageIn(role="user"))[2:]
"""The fields of a message beside its role and its content, which are the first."""


def are_bare(messages: list[MessageIn]) -> bool:
    """Return whether all messages are nothing but texts, as most are: nothing else in them has to be looked
    at.
    """
    for message in messages:
        if type(message.content) is not str or message.role not in BARE_ROLES:
            return False
        if structs.astuple(message)[2:] != _NOTHING_ELSE:
            return False
    return True


def check_request(request: ChatRequest, *, bare: bool = False) -> None:
    """Raise InvalidRequest for the first contradiction in a well-typed request. `bare`: see `are_bare`."""
    if not bare:
        _check_messages(request.messages)
    if request.tools or request.functions:
        _check_tools(request)
    if request.tool_choice is not None or request.function_call is not None:
        _check_choice(request)
    if request.response_format is not None:
        _check_format(request.response_format)


# --- messages --------------------------------------------------------------------------------


def _check_messages(messages: list[MessageIn]) -> None:
    calls: set[str] = set()
    for index, message in enumerate(messages):
        role = message.role
        if role not in ROLES:
            continue
        if role == "assistant":
            _check_assistant(message, index)
            if message.tool_calls:
                calls.update(call.id for call in message.tool_calls)
            continue
        if message.content is None:
            raise InvalidRequest(f"a {role} message needs content", param=f"messages.{index}.content")
        if type(message.content) is list:
            _check_parts(message.content, index)
        if role == "tool":
            _check_answer(message, index, calls)
        elif role == "function" and not message.name:
            raise InvalidRequest(
                "a function message needs the function's name", param=f"messages.{index}.name"
            )


def _check_answer(message: MessageIn, index: int, calls: set[str]) -> None:
    param = f"messages.{index}.tool_call_id"
    if not message.tool_call_id:
        raise InvalidRequest("a tool message needs a tool_call_id", param=param)
    if message.tool_call_id not in calls:
        raise InvalidRequest(
            f"no assistant message before this one has a tool call {message.tool_call_id!r}", param=param
        )


CONTENT_FIELDS = (
    "content", "tool_calls", "function_call", "refusal", "audio", "reasoning_content", "reasoning",
    "reasoning_details", "native_blocks", "images",
)  # fmt: skip
"""The fields of which an assistant message needs at least one."""


def _check_assistant(message: MessageIn, index: int) -> None:
    if type(message.content) is list:
        _check_parts(message.content, index, may_be_empty=True)
    elif message.content is None and all(getattr(message, name) is None for name in CONTENT_FIELDS):
        raise InvalidRequest("an assistant message needs content or calls", param=f"messages.{index}.content")
    for position, image in enumerate(message.images or ()):
        _check_image(image, f"messages.{index}.images.{position}")
    for position, native in enumerate(message.native_blocks or ()):
        if not has_object(native.block):
            param = f"messages.{index}.native_blocks.{position}.block"
            raise InvalidRequest("expected an object", param=param)
    for position, call in enumerate(message.tool_calls or ()):
        if call.function is None and call.custom is None:
            kind = "custom" if call.type == "custom" else "function"
            param = f"messages.{index}.tool_calls.{position}.{kind}"
            raise InvalidRequest("a tool call needs the name of its function", param=param)


# --- parts -----------------------------------------------------------------------------------


def _check_parts(parts: list[PartIn], index: int, *, may_be_empty: bool = False) -> None:
    if not parts and not may_be_empty:
        raise InvalidRequest("the content is an empty list", param=f"messages.{index}.content")
    for position, part in enumerate(parts):
        if part.type == "text" and part.text is not None:
            continue
        check = PARTS.get(part.type)
        if check is not None:
            check(part, f"messages.{index}.content.{position}")


def _check_text(part: PartIn, place: str) -> None:
    if part.text is None:
        raise InvalidRequest("a text part needs text", param=f"{place}.text")


def _check_image(part: PartIn, place: str) -> None:
    url, param = image_address(part, place)
    source = parse_url(url[:HEAD], param)
    if isinstance(source, Inline):
        check_image(source, param)


def _check_audio(part: PartIn, place: str) -> None:
    if not part.input_audio:
        raise InvalidRequest("an input_audio part needs audio", param=f"{place}.input_audio")
    if not isinstance(part.input_audio, str) and not part.input_audio.data:
        raise InvalidRequest("the audio is empty", param=f"{place}.input_audio.data")


def _check_file(part: PartIn, place: str) -> None:
    if part.file is None:
        raise InvalidRequest("a file part needs a file", param=f"{place}.file")
    if not part.file.file_id:
        url, param = file_url(part.file, place)
        source = parse_url(url[:HEAD], param)
        if isinstance(source, Inline):
            check_document(source, param)


def _check_video(part: PartIn, place: str) -> None:
    _check_address(part.video_url, f"{place}.video_url")


def _check_document(part: PartIn, place: str) -> None:
    _check_address(part.document_url, f"{place}.document_url")


def _check_refusal(part: PartIn, place: str) -> None:
    if part.refusal is None:
        raise InvalidRequest("a refusal part needs a refusal", param=f"{place}.refusal")


def _check_thinking(part: PartIn, place: str) -> None:
    if part.thinking is None:
        raise InvalidRequest("a thinking part needs its thinking", param=f"{place}.thinking")


def _check_address(address: str | ImageIn | None, param: str) -> None:
    if address is None:
        raise InvalidRequest("expected a URL", param=param)
    parse_url((address if isinstance(address, str) else address.url)[:HEAD], param)


PARTS: dict[str, Callable[[PartIn, str], None]] = {
    "text": _check_text,
    "image_url": _check_image,
    "input_audio": _check_audio,
    "file": _check_file,
    "video_url": _check_video,
    "document_url": _check_document,
    "refusal": _check_refusal,
    "thinking": _check_thinking,
}
"""By type of part. All other types are specific to one provider, which checks them itself."""


def image_address(part: PartIn, place: str) -> tuple[str, str]:
    """Return the URL of an image part, and its path in the request."""
    image = part.image_url
    if isinstance(image, ImageIn):
        return image.url, f"{place}.image_url.url"
    if image is None:
        raise InvalidRequest("an image_url part needs an image_url", param=f"{place}.image_url")
    return image, f"{place}.image_url"


def file_url(file: FileIn, place: str) -> tuple[str, str]:
    """Return the data URL of a file part, and its path in the request."""
    param = f"{place}.file.file_data"
    if not file.file_data:
        raise InvalidRequest("a file needs file_data or a file_id", param=param)
    return file.file_data, param


# --- tools -----------------------------------------------------------------------------------


def _check_tools(request: ChatRequest) -> None:
    for index, tool in enumerate(request.tools or ()):
        if tool.type == "function":
            if tool.function is None:
                raise InvalidRequest("a function tool needs a function", param=f"tools.{index}.function")
            _check_function(tool.function, f"tools.{index}.function")
        elif tool.type == "custom" and tool.custom is None:
            raise InvalidRequest("a custom tool needs its declaration", param=f"tools.{index}.custom")
    for index, function in enumerate(request.functions or ()):
        _check_function(function, f"functions.{index}")


def _check_function(function: FunctionIn, place: str) -> None:
    if is_set(function.parameters) and not has_object(function.parameters):
        raise InvalidRequest("expected a JSON Schema object", param=f"{place}.parameters")


def _offered_names(request: ChatRequest) -> set[str]:
    """Return the names of the functions and custom tools of a request."""
    declared = [tool.function or tool.custom for tool in request.tools or ()]
    return {one.name for one in [*declared, *(request.functions or ())] if one is not None}


def chosen_name(choice: ChoiceIn) -> str | None:
    """Return the name of the tool that a `tool_choice` selects."""
    named = choice.function or choice.custom
    return named.name if named is not None else choice.name


WORDS = ("none", "auto", "required", "any")


def _check_choice(request: ChatRequest) -> None:
    choice = request.tool_choice
    if isinstance(choice, str):
        if choice not in WORDS:
            raise InvalidRequest("expected none, auto, required or a tool", param="tool_choice")
        if choice in ("required", "any") and not request.tools:
            raise InvalidRequest("a tool is required, but none is offered", param="tool_choice")
    elif choice is not None:
        _check_named(choice, _offered_names(request))
    called = request.function_call
    if isinstance(called, str):
        if called not in ("none", "auto"):
            raise InvalidRequest("expected none, auto or a function", param="function_call")
    elif called is not None and called.name not in _offered_names(request):
        raise InvalidRequest(f"no function {called.name!r} is offered", param="function_call.name")


def _check_named(choice: ChoiceIn, offered: set[str]) -> None:
    if choice.type not in ("function", "custom"):
        if choice.type == "allowed_tools":
            _check_allowed(choice, offered)
        return
    name = chosen_name(choice)
    if not name:
        raise InvalidRequest("a tool_choice needs a name", param=f"tool_choice.{choice.type}")
    if name not in offered:
        raise InvalidRequest(f"no tool {name!r} is offered", param=f"tool_choice.{choice.type}.name")


def _check_allowed(choice: ChoiceIn, offered: set[str]) -> None:
    if choice.allowed_tools is None:
        raise InvalidRequest("expected a mode and tools", param="tool_choice.allowed_tools")
    for index, tool in enumerate(choice.allowed_tools.tools):
        name = allowed_name(tool)
        if name is not None and name not in offered:
            param = f"tool_choice.allowed_tools.tools.{index}"
            raise InvalidRequest(f"no tool {name!r} is offered", param=param)


def allowed_name(tool: AllowedTool) -> str | None:
    """Return the name of a tool in a list of allowed tools; None for a provider's built-in tool."""
    named = tool.function or tool.custom
    return named.name if named is not None else tool.name


def _check_format(output: FormatIn) -> None:
    if output.type != "json_schema":
        return
    if output.json_schema is None:
        if not has_object(output.schema):
            raise InvalidRequest("expected a name and a schema", param="response_format.json_schema")
    elif is_set(output.json_schema.schema) and not has_object(output.json_schema.schema):
        raise InvalidRequest("expected a JSON Schema object", param="response_format.json_schema.schema")
