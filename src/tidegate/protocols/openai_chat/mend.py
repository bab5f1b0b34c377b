"""Conduits for answers of providers that follow the format with known faults: each fault is repaired.

Chunks are edited as JSON and encoded again, so that fields unknown to Tidegate are preserved. The dialect
determines which repairs run; this is decided once per dialect.
"""

import time
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw, structs

from tidegate.protocols.calls import Assembly, CallPiece, CallUpdate
from tidegate.protocols.contract import Tally, Target
from tidegate.protocols.decode import MALFORMED, check_utf8
from tidegate.protocols.envelopes import unwrapped
from tidegate.protocols.errors import ProviderBroke, ProviderError
from tidegate.protocols.finishes import broken_finish, end_with, finish_of, is_broken
from tidegate.protocols.ids import new_id
from tidegate.protocols.openai_conduits import OpenAIBody, OpenAIStream
from tidegate.protocols.sound_json import with_halves_kept
from tidegate.protocols.sse import ServerSentEvent, frame
from tidegate.protocols.surrogates import decode_with_halves, encode_with_halves, has_halves
from tidegate.protocols.text_frames import TextFrame, around
from tidegate.protocols.wide_numbers import decode_any
from tidegate.protocols.words import words_in

from .build import thinking_text
from .clean import clean_text, is_clean, read_clean
from .dialect import FAULTS, OPENAI_FINISHES, Dialect
from .error import error_inside, error_of_event
from .mend_form import in_form
from .usage import completion_tokens, parse_served, parse_usage, read_usage
from .wire_answer import MARKS, OLDER, PLAIN_PARTS, THOUGHTS
from .writer import CHUNK, DONE

__all__ = ["BodyMend", "Mending", "StreamMend", "mending_all"]

Json = dict[str, Any]
MOST_WAITING = 16
"""The most chunks that may wait for the stream's id."""
ROLE = b'"role":"assistant",'
"""Quotes inside texts are escaped, so these bytes are always a field."""


_DECODE = msgspec.json.Decoder(Json).decode


def decode_object(data: bytes) -> Json:
    """Decode a JSON object, also as the only element of a list. Unpaired UTF-16 surrogates are preserved,
    since each chunk is forwarded separately, and so is what Python has no number for, as `Raw`. Raises one of
    MALFORMED.
    """
    try:
        return _DECODE(data)
    except msgspec.DecodeError as error:
        sound = with_halves_kept(data)
        if sound is not data:
            return decode_object(sound)
        if has_halves(data):
            return msgspec.convert(decode_with_halves(data), Json)
        if not isinstance(error, msgspec.ValidationError):
            raise
    value = decode_any(data)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return msgspec.convert(value, Json)


def encode(value: Any) -> bytes:
    """Encode as JSON, with unpaired UTF-16 surrogates as escapes."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return encode_with_halves(value)


class ChoiceMemory:
    """The state of a choice that repairs need."""

    __slots__ = ("calls", "finished", "leave_out", "role")

    def __init__(self, leave_out: Callable[[str], None], *, whole_names: bool) -> None:
        self.leave_out = leave_out
        """Called with the names of what is left out."""
        self.role = False
        """Whether the role has been sent."""
        self.finished = False
        self.calls = Assembly(whole_names=whole_names)


class Memory:
    """The state of an answer that repairs need."""

    __slots__ = (
        "choices", "created", "id", "last", "leave_out", "model", "streams", "usage", "whole_names",
    )  # fmt: skip

    def __init__(
        self, model: str, leave_out: Callable[[str], None], *, streams: bool, whole_names: bool
    ) -> None:
        self.leave_out = leave_out
        self.streams = streams
        self.whole_names = whole_names
        self.id = ""
        self.created = 0
        self.model = model
        """Used until the provider names a model."""
        self.usage: Json | None = None
        """The usage, held back until the end."""
        self.last: Json = {}
        """The chunk that contained it, if it contained nothing else."""
        self.choices: dict[int, ChoiceMemory] = {}

    def note(self, chunk: Json) -> None:
        """Update the state from a chunk."""
        self.id = self.id or chunk.get("id") or ""
        self.model = chunk.get("model") or self.model
        if isinstance(chunk.get("created"), int):
            self.created = chunk["created"]

    def choice(self, index: int) -> ChoiceMemory:
        """Return the state of a choice."""
        memory = self.choices.get(index)
        if memory is None:
            memory = self.choices[index] = ChoiceMemory(self.leave_out, whole_names=self.whole_names)
        return memory


# --- repairs of a chunk or answer ------------------------------------------------------------


def _mend_head(chunk: Json, memory: Memory) -> None:
    """Ensure that every chunk has the same id, the object's name, a time and a model."""
    memory.id = memory.id or new_id("chatcmpl-")
    if not isinstance(chunk.get("created"), int):
        chunk["created"] = memory.created or int(time.time())
    chunk["id"], chunk["model"] = memory.id, memory.model
    chunk["object"] = CHUNK if memory.streams else "chat.completion"


def _mend_usage_sum(chunk: Json, memory: Memory) -> None:
    """Include reasoning in the completion tokens, as OpenAI does."""
    usage = chunk.get("usage")
    if not isinstance(usage, dict):
        return
    unread: list[str] = []
    counts = read_usage(usage, unread.append)
    if counts is not None and not unread:
        usage["completion_tokens"] = completion_tokens(counts)


def _keep_usage(chunk: Json, memory: Memory) -> None:
    """Hold back usage until the end."""
    usage = chunk.get("usage") or _groq_fields(chunk).get("usage")
    if not usage:
        return
    if not memory.streams:
        chunk["usage"] = usage
        return
    memory.usage = usage
    chunk.pop("usage", None)
    if not chunk.get("choices"):
        memory.last = chunk.copy()
        chunk.clear()


def _groq_fields(chunk: Json) -> Json:
    """Return Groq's `x_groq` field, which contains the usage of streams."""
    fields = chunk.get("x_groq")
    return fields if isinstance(fields, dict) else {}


# --- repairs of a choice ---------------------------------------------------------------------


def _mend_message(choice: Json, memory: ChoiceMemory, streams: bool) -> None:
    """Send a message in a stream as a delta: some servers do not stream although they were asked to."""
    if streams and "message" in choice:
        message = choice.pop("message")
        if choice.get("delta") is None:
            choice["delta"] = message
    place = "delta" if streams else "message"
    if isinstance(choice.get("text"), str) and choice.get(place) is None:
        text = choice.pop("text")
        choice[place] = {"content": text} if streams else {"role": "assistant", "content": text}


def _mend_shape(choice: Json, memory: ChoiceMemory, streams: bool) -> None:
    """Ensure that every choice of a stream has a delta."""
    if streams and choice.get("delta") is None:
        choice["delta"] = {}
    choice.setdefault("finish_reason", None)


def _mend_role(choice: Json, memory: ChoiceMemory, streams: bool) -> None:
    """Send the role in the first delta and in no other."""
    delta = choice.get("delta")
    if delta is None:
        return
    if memory.role:
        delta.pop("role", None)
    else:
        delta["role"] = "assistant"
    memory.role = True


def _mend_repeated_finish(choice: Json, memory: ChoiceMemory, streams: bool) -> None:
    """Send one finish reason per choice."""
    if memory.finished:
        choice["finish_reason"] = None
    memory.finished = memory.finished or bool(choice.get("finish_reason"))


def _mend_finish(choice: Json, memory: ChoiceMemory, streams: bool) -> None:
    """Send a finish reason that OpenAI defines, and the provider's own as `native_finish_reason`."""
    reason = choice.get("finish_reason")
    if reason is None and not streams:
        message = choice.get("message") or {}
        choice["finish_reason"] = "tool_calls" if message.get("tool_calls") else "stop"
    elif reason is not None and reason not in OPENAI_FINISHES:
        choice["finish_reason"] = finish_of(reason)
        choice.setdefault("native_finish_reason", reason)


def _mend_content(choice: Json, memory: ChoiceMemory, streams: bool) -> None:
    """Split a content list into text (`content`) and thinking (`reasoning_content`)."""
    delta = _content_of(choice)
    content = delta.get("content")
    if not isinstance(content, list):
        return
    parts = [part for part in content if isinstance(part, dict)]
    thought = "".join(
        thinking_text(part.get("thinking")) or words_in(part.get("text")) or ""
        for part in parts
        if part.get("type") in THOUGHTS
    )
    others = [part for part in parts if part.get("type") not in THOUGHTS]
    delta["content"] = "".join(words_in(part.get("text")) or "" for part in others)
    if any(part.get("type", "text") not in PLAIN_PARTS and not part.get("text") for part in others):
        memory.leave_out("content.part")
    if thought:
        delta["reasoning_content"] = thought


def _mend_reasoning(choice: Json, memory: ChoiceMemory, streams: bool) -> None:
    """Copy thinking to `reasoning_content`, the field that Tidegate uses for all providers."""
    delta = _content_of(choice)
    if delta.get("reasoning_content"):
        return
    for name in THINKING:
        thought = words_in(delta[name]) if delta.get(name) else None
        if thought:
            delta["reasoning_content"] = thought
            return


THINKING = ("reasoning", "reasoning_text", "thinking")
"""Other names of `reasoning_content`."""


def _mend_calls(choice: Json, memory: ChoiceMemory, streams: bool) -> None:
    """Send calls as OpenAI does: indexes from 0, one id and one complete name each, arguments as text."""
    delta = _content_of(choice)
    stub = delta.get("function_call")
    if stub is not None and not (stub.get("name") or stub.get("arguments")):
        del delta["function_call"]
    calls = delta.pop("tool_calls", None)
    mended: list[Json] = []
    pieces = [_piece(call) for call in _listed(calls)]
    if streams:
        for position, piece in enumerate(pieces):
            mended += [_call(update, True, piece.fields) for update in memory.calls.add(piece, position)]
        if choice.get("finish_reason"):
            mended += [_call(update, True) for update in memory.calls.flush()]
    else:
        mended = [_call(update, False) for update in memory.calls.add_whole(pieces)]
    if mended:
        delta["tool_calls"] = mended
        if streams:
            choice["delta"] = delta
    reason = choice.get("finish_reason")
    if reason == "stop" and (memory.calls.begun or mended):
        choice["finish_reason"] = end_with(reason, calls=True)


def _piece(call: Json) -> CallPiece:
    kind = "custom" if call.get("custom") else "function"
    called = call.get(kind) or {name: call.pop(name) for name in ("name", "arguments") if name in call}
    text = called.get(TEXTS[kind]) or ""
    if not isinstance(text, str):
        text = encode(text).decode()
    fields = {name: value for name, value in call.items() if name not in ("index", "id", *TEXTS)}
    fields[kind] = {name: value for name, value in called.items() if name not in ("name", TEXTS[kind])}
    index = call.get("index")
    return CallPiece(
        None if isinstance(index, Raw) else index,
        "" if call.get("id") is None else str(call["id"]),
        called.get("name") or "",
        text,
        fields,
    )


TEXTS = {"function": "arguments", "custom": "input"}
"""The field that contains the text of a call of each type."""


def _call(update: CallUpdate, streams: bool, beside: Json | None = None) -> Json:
    """Return the client's form of an update about a call. `beside` is what the provider sent beside its
    arguments.
    """
    call, fields = update.call, update.call.fields or {}
    kind = "custom" if "custom" in fields else "function"
    head: Json = {"index": call.index} if streams else {}
    if not update.begins:
        beside = beside or {}
        return {**head, **beside, kind: {**beside.get(kind, {}), TEXTS[kind]: update.arguments}}
    whole = {**fields[kind], "name": call.name, TEXTS[kind]: update.arguments}
    return {**head, **fields, "id": call.id, "type": fields.get("type") or kind, kind: whole}


def _content_of(choice: Json) -> Json:
    """Return the delta, or the message."""
    return choice.get("delta") or choice.get("message") or {}


MendAnswer = Callable[[Json, Memory], None]
MendChoice = Callable[[Json, ChoiceMemory, bool], None]

ANSWER_REPAIRS: tuple[tuple[str, MendAnswer], ...] = (
    ("ragged_heads", _mend_head),
    ("excludes_reasoning", _mend_usage_sum),
    ("repeats_usage", _keep_usage),
)

CHOICE_REPAIRS: tuple[tuple[str, MendChoice], ...] = (
    ("ragged_choices", _mend_shape),
    ("list_contents", _mend_content),
    ("ragged_calls", _mend_calls),
    ("other_reasoning", _mend_reasoning),
    ("foreign_finishes", _mend_finish),
    ("repeats_finish", _mend_repeated_finish),
    ("repeats_role", _mend_role),
)


ALWAYS = frozenset({"list_contents", "foreign_finishes"})
"""What any service may do once; the dialect says where it is usual."""


class Repairs:
    """The repairs that a dialect needs, in order."""

    __slots__ = ("answers", "choices")

    def __init__(self, dialect: Dialect) -> None:
        self.answers = tuple(mend for fact, mend in ANSWER_REPAIRS if getattr(dialect, fact))
        needed = (mend for fact, mend in CHOICE_REPAIRS if fact in ALWAYS or getattr(dialect, fact))
        self.choices = (_mend_message, *needed)

    def run(self, chunk: Json, memory: Memory) -> None:
        """Mend a chunk, or a complete answer."""
        memory.note(chunk)
        if chunk.get("object") == OLDER:
            chunk["object"] = CHUNK if memory.streams else "chat.completion"
        for mend in self.answers:
            mend(chunk, memory)
        for position, choice in enumerate(chunk.get("choices") or ()):
            index = choice.get("index")
            if index is None or isinstance(index, Raw):
                index = choice["index"] = position
            remembered = memory.choice(index)
            for mend_choice in self.choices:
                mend_choice(choice, remembered, memory.streams)


class Mending:
    """What the target determines about mending its answers."""

    __slots__ = (
        "model",
        "no_done",
        "ragged_heads",
        "repairs",
        "repeats_role",
        "reports_finish",
        "whole_names",
    )

    def __init__(self, target: Target) -> None:
        dialect: Dialect = target.dialect
        self.model = target.model
        self.reports_finish = target.profile.reports_finish
        self.repairs = Repairs(dialect)
        self.repeats_role = dialect.repeats_role
        self.ragged_heads = dialect.ragged_heads
        self.no_done = dialect.no_done
        self.whole_names = dialect.whole_names


def mending_all(target: Target) -> Mending:
    """Return the mending of answers with any fault but those of counting."""
    faults = dict.fromkeys((fault for fault in FAULTS if fault != "excludes_reasoning"), True)
    return Mending(structs.replace(target, dialect=structs.replace(target.dialect, **faults)))


# --- the conduits ----------------------------------------------------------------------------


class Mender:
    """Mends the chunks of a stream, or a complete answer."""

    __slots__ = ("_repairs", "_tally", "memory")

    def __init__(self, mending: Mending, tally: Tally, *, streams: bool) -> None:
        self.memory = Memory(mending.model, tally.leave_out, streams=streams, whole_names=mending.whole_names)
        self._repairs = mending.repairs
        self._tally = tally

    def mend(self, data: bytes, name: bytes = b"") -> Json:
        """Account for a chunk or an answer, and return it mended. Raises ProviderError if it is malformed or
        reports an error.
        """
        try:
            check_utf8(data)
            chunk = in_form(decode_object(data), self._tally.leave_out)
        except MALFORMED as error:
            raise error_of_event(name, data) or error from None
        choices = _listed(chunk.get("choices"))
        if choices:
            chunk["choices"] = choices
        reported = chunk.get("error") or next((one["error"] for one in choices if one.get("error")), None)
        failure = error_inside(reported) if reported else None if choices else error_of_event(name, data)
        if failure is None:
            failure = _check_finishes(choices)
        if failure is not None:
            self._count(chunk, [])  # a failed answer may be billed too
            raise failure
        self._count(chunk, choices)
        self.run(chunk)
        return chunk

    def run(self, chunk: Json) -> None:
        """Mend a chunk that was accounted for."""
        self._repairs.run(chunk, self.memory)

    def _count(self, chunk: Json, choices: list[Json]) -> None:
        tally = self._tally
        if not tally.id and chunk.get("id"):
            tally.id, tally.model = _text(chunk["id"]), _text(chunk.get("model") or "")
        usage = chunk.get("usage") or _groq_fields(chunk).get("usage")
        counts = read_usage(usage, tally.leave_out) if usage else None
        if counts is not None:
            tally.usage = parse_usage(counts) or tally.usage
        tally.note(parse_served(chunk.get("service_tier"), counts))
        for choice in choices:
            if choice.get("finish_reason"):
                tally.finish = finish_of(choice["finish_reason"])


def _listed(value: Any) -> list[Json]:
    """Return the objects of a list; some servers send the only one without a list."""
    listed = [value] if isinstance(value, dict) else value or []
    return [one for one in listed if one is not None]


def _text(value: Any) -> str:
    return bytes(value).decode() if isinstance(value, Raw) else str(value)


def _check_finishes(choices: list[Json]) -> ProviderError | None:
    """Remove empty finish reasons, which do not end anything; return the failure behind the finish reason of
    an incomplete answer.
    """
    failure: ProviderError | None = None
    for choice in choices:
        reason = choice.get("finish_reason")
        if isinstance(reason, int):
            reason = choice["finish_reason"] = str(reason)
        if reason == "":
            choice["finish_reason"] = None
        elif reason is not None and is_broken(reason):
            failure = broken_finish(reason)
        if choice.get("native_finish_reason") == "":
            del choice["native_finish_reason"]
    return failure


class StreamMend(OpenAIStream):
    """The conduit of a stream with known faults."""

    __slots__ = (
        "_choices",
        "_frame",
        "_headless",
        "_include_usage",
        "_memory",
        "_mender",
        "_mending",
        "_steady",
    )

    def __init__(self, mending: Mending, *, include_usage: bool, choices: int) -> None:
        super().__init__()
        self._choices = choices
        self._mending = mending
        self._mender = Mender(mending, self.tally, streams=True)
        self._memory = self._mender.memory
        self._include_usage = include_usage
        self._headless: list[Json] = []
        """Chunks that arrived before the stream had an id, such as Azure's filter results; they wait for it.
       """
        self._steady = False
        """Whether the answer's id is known and nothing is held back."""
        self._frame = TextFrame()

    def feed(self, data: bytes) -> bytes:
        """Return the provider's chunks, mended."""
        # The usual case: complete chunks in which there is nothing to mend.
        if self._steady:
            frame = self._frame
            text = frame.text_in(data)
            if text is not None:
                return data if frame.unchanged else frame.opening + text.encode() + frame.closing
            clean = self._pass_clean(data)
            if clean is not None:
                frame.learn(data, self._text_of, lambda text: around(clean, text))
                return clean
        passed = OpenAIStream.feed(self, data)  # super() costs a tenth of a microsecond
        self._steady = bool(self._memory.id) and not self._blocks.waiting and not self._is_over()
        return passed

    def _pass_clean(self, data: bytes) -> bytes | None:
        """Return complete chunks without their roles; None if any of them may need something else."""
        if not data.startswith(b"data: {"):
            return None
        memory = self._memory
        if data.find(b"\n") == len(data) - 2:
            bare = self._without_role(data)
            return bare if is_clean(bare[6:-2], memory.id, memory.choices) else None
        if not data.endswith(b"\n\n"):
            return None
        blocks = data[:-2].split(b"\n\n")
        repeats = self._without_role(data) is not data
        if repeats:
            blocks = [self._without_role(block) for block in blocks]
        for block in blocks:
            whole = block.startswith(b"data: {") and block.find(b"\n") < 0
            if not whole or not is_clean(block[6:], memory.id, memory.choices):
                return None
        return b"\n\n".join(blocks) + b"\n\n" if repeats else data

    def _text_of(self, data: bytes) -> str | None:
        """Return the text of a clean chunk; None for other bytes."""
        one = data.startswith(b"data: {") and data.find(b"\n") == len(data) - 2
        return clean_text(self._without_role(data)[6:-2]) if one else None

    @property
    def finished(self) -> bool:
        """See Conduit. False for several choices, which finish one after another."""
        one = len(self._memory.choices) <= 1
        return one and self._mending.no_done and self.tally.finish is not None

    def _end(self) -> bytes:
        """See StreamConduit."""
        if (self._mending.no_done or self._choices == 1) and self.tally.finish is not None:
            return self._finish()
        return super()._end()

    def _take_event(self, block: bytes, event: ServerSentEvent) -> bytes:
        """See OpenAIStream."""
        data, memory = event.data, self._memory
        if data == b"[DONE]":
            return self._finish()
        bare = self._without_role(data)
        if is_clean(bare, memory.id, memory.choices):
            return block + b"\n\n" if bare is data else frame(bare)
        if self._mending.ragged_heads and not memory.id and self._wait(event):
            return b""
        chunk = self._mender.mend(data, event.name)
        return self._flush() + self._write(chunk, data)

    def _without_role(self, data: bytes) -> bytes:
        """Remove the role that some services repeat in every chunk; returns the same bytes if there is none.
        The result is used only if it is clean, which proves that the role was the delta's.
        """
        return data.replace(ROLE, b"", 1) if self._mending.repeats_role else data

    def _wait(self, event: ServerSentEvent) -> bool:
        """Return whether a chunk waits for the stream's id: it has none, and nothing in it is urgent."""
        try:
            chunk = decode_object(event.data)
        except MALFORMED:
            return False
        is_urgent = chunk.get("id") or chunk.get("error") or (unwrapped(chunk, MARKS) or {}).get("choices")
        if is_urgent or len(self._headless) >= MOST_WAITING:
            return False
        if error_of_event(event.name, event.data) is not None:
            return False
        self._headless.append(chunk)
        return True

    def _flush(self) -> bytes:
        waiting, self._headless = self._headless, []
        for chunk in waiting:
            self._mender.run(chunk)
        return b"".join(self._write(chunk) for chunk in waiting)

    def _write(self, chunk: Json, original: bytes = b"{}") -> bytes:
        """Return a chunk, in the provider's own bytes if nothing has changed."""
        if not self._include_usage and chunk.get("usage"):
            del chunk["usage"]
            if not chunk.get("choices"):
                return b""
        if not chunk:
            return b""
        if chunk.get("choices") is None:
            chunk["choices"] = []
        same = chunk == decode_object(original)
        return frame(with_halves_kept(original) if same else encode(chunk))

    def _finish(self) -> bytes:
        """Return the end of the stream: what was held back, and the end mark."""
        self.done = True
        if self.tally.finish is None and self._mending.reports_finish:
            raise ProviderBroke("the provider's stream ended without a finish reason")
        ending = self._flush() + self._late_calls()
        memory = self._memory
        if memory.usage is not None and self._include_usage:
            chunk: Json = {**memory.last, "choices": []}
            _mend_head(chunk, memory)
            ending += frame(encode({**chunk, "usage": memory.usage}))
        return ending + DONE

    def _late_calls(self) -> bytes:
        """Return calls that arrived after the finish reason, or without one, and whose names were still
        incomplete.
        """
        memory, choices = self._memory, []
        for index, remembered in memory.choices.items():
            updates = remembered.calls.flush()
            if updates:
                delta = {"tool_calls": [_call(update, True) for update in updates]}
                choices.append({"index": index, "delta": delta, "finish_reason": None})
        if not choices:
            return b""
        chunk: Json = {"choices": choices}
        _mend_head(chunk, memory)
        return frame(encode(chunk))


class BodyMend(OpenAIBody):
    """The conduit of a complete answer with known faults."""

    __slots__ = ("_mending",)

    def __init__(self, mending: Mending) -> None:
        super().__init__()
        self._mending = mending

    def _take(self, body: bytes) -> bytes:
        """Return the mended answer."""
        if self._needs_nothing(body):
            return body
        answer = Mender(self._mending, self.tally, streams=False).mend(body)
        if not answer.get("choices"):
            raise ProviderBroke("the provider's answer has no choices")
        return encode(answer)

    def _needs_nothing(self, body: bytes) -> bool:
        """Return whether an answer can be forwarded unchanged; if so, account for it."""
        answer = read_clean(body)
        if answer is None:
            return False
        tally, usage = self.tally, answer.usage
        tally.id, tally.model = answer.id, answer.model
        tally.finish = finish_of(answer.choices[-1].finish_reason)
        if usage is not None:
            tally.usage = parse_usage(usage, usage.completion_tokens)  # which a clean answer has
        served = parse_served(answer.service_tier, usage)
        if served is not None:
            tally.note(served)
        return True
