"""What becomes of each part of a conversation in each wire format: found out by trying.

Every sample is a turn with a mark in it. If the mark is in what the provider would be sent, the
part was carried; if not, the call names what was dropped, or the renderer refused.
"""

import base64
from collections.abc import Iterator

from msgspec import Raw

from tidegate.protocols.contract import Call, Protocol, Target
from tidegate.protocols.errors import Unsupported
from tidegate.protocols.turn import (
    Audio,
    Document,
    FileRef,
    Image,
    Inline,
    Link,
    Message,
    Native,
    Part,
    Reasoning,
    RedactedReasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Turn,
    Video,
)

__all__ = ["outcomes"]

MARK = "TWFyaw=="
"""In every sample: base64 for those who look inside."""
PNG = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
        "1f15c4890000000d49444154789c6364f8cf500f000386018000a5e5a3d10000000049454e44ae426082"
    )
).decode()
PDF = base64.b64encode(b"%PDF-1.4\n").decode()
SEALED = "thinking, signed by the same format"
SEALLESS = frozenset(["cohere"])
"""Wire formats that sign no thinking."""
ASKED = Message("user", (Text("Hello"),))
CALL = ToolCall("call_12345", "weather", '{"city": "Oslo"}')

Sample = tuple[tuple[Message, ...], tuple[str, ...]]
"""A conversation, and what of it tells, wherever it is in the request, that it was carried."""


def _samples(own: str, other: str) -> dict[str, Sample]:
    """Every kind of part, where it may stand. `own` is the wire format that is asked."""
    return {**_media(), **_tools(), **_reasoning(own, other)}


def _media() -> dict[str, Sample]:
    return {
        "text": _told(Text(MARK)),
        "instructions in mid-conversation": _told(Text(MARK), role="developer"),
        "image, inline": _told(Image(Inline("image/png", PNG)), marks=(PNG,)),
        "image, by URL": _told(Image(Link(f"https://example.com/{MARK}.png"))),
        "image, uploaded to the provider": _told(Image(FileRef(MARK))),
        "PDF, inline": _told(Document(Inline("application/pdf", PDF)), marks=(PDF,)),
        "PDF, by URL": _told(Document(Link(f"https://example.com/{MARK}.pdf", "application/pdf"))),
        "text document": _told(Document(Inline("text/plain", MARK)), marks=("Mark", MARK)),
        "document, uploaded to the provider": _told(Document(FileRef(MARK))),
        "audio, inline": _told(Audio(Inline("audio/wav", MARK))),
        "audio, by URL": _told(Audio(Link(f"https://example.com/{MARK}.wav"))),
        "video, by URL": _told(Video(Link(f"https://example.com/{MARK}.mp4"))),
        "image that the model made": _said(Image(Inline("image/png", PNG)), marks=(PNG,)),
        "refusal": _said(Refusal(MARK)),
    }


def _tools() -> dict[str, Sample]:
    custom = ToolCall("call_1", "run", MARK, "custom")
    result = Message("tool", (ToolResult("call_1", "run", (Text("done"),)),))
    return {
        "call of a function, and its result": _resulted(Text(MARK)),
        "call of a custom tool": ((ASKED, Message("assistant", (custom,)), result), (MARK,)),
        "image in a result": _resulted(Image(Inline("image/png", PNG)), marks=(PNG,)),
        "PDF in a result": _resulted(Document(Inline("application/pdf", PDF)), marks=(PDF,)),
        "result that is an error": _resulted(Text("no"), is_error=True, marks=("error", "Error", "failed")),
    }


def _reasoning(own: str, other: str) -> dict[str, Sample]:
    return {
        SEALED: _said(Reasoning("hm", MARK, own), Text("Yes")),
        "thinking, signed by another format": _said(Reasoning(MARK, "c2lnbmVk", other), Text("Yes")),
        "thinking, unsigned": _said(Reasoning(MARK), Text("Yes")),
        "encrypted thinking of the same format": _said(RedactedReasoning(MARK, own), Text("Yes")),
        "encrypted thinking of another format": _said(RedactedReasoning(MARK, other), Text("Yes")),
        "block that only the same format has": _said(_native(own), Text("Yes")),
        "block that only another format has": _said(_native(other), Text("Yes")),
    }


def _native(name: str) -> Native:
    return Native(name, Raw(f'{{"type": "special", "is": "{MARK}"}}'.encode()), "special")


def _told(part: Part, *, role: str = "user", marks: tuple[str, ...] = (MARK,)) -> Sample:
    before = (ASKED, Message("assistant", (Text("Yes?"),))) if role == "developer" else ()
    after = (ASKED,) if role == "developer" else ()
    return (*before, Message(role, (part,)), *after), marks  # type: ignore[arg-type]


def _said(*parts: Part, marks: tuple[str, ...] = (MARK,)) -> Sample:
    return (ASKED, Message("assistant", parts), Message("user", (Text("Go on"),))), marks


def _resulted(
    content: Text | Image | Document, *, is_error: bool | None = None, marks: tuple[str, ...] = (MARK,)
) -> Sample:
    result = ToolResult(CALL.id, CALL.name, (content,), is_error)
    return (ASKED, Message("assistant", (CALL,)), Message("tool", (result,))), marks


def outcomes(protocol: Protocol, other: str) -> Iterator[tuple[str, str]]:
    """Sample by sample: `carried`, `dropped`, `refused`, or `left out` if it is not reported."""
    for name, (messages, marks) in _samples(protocol.name, other).items():
        if name == SEALED and protocol.name in SEALLESS:
            yield name, "unknown to it"
            continue
        turn = Turn(model="m", messages=messages, max_tokens=100, origin=other, extensions={})
        try:
            call = protocol.render_request(turn, Target("m", protocol.dialect()))
        except Unsupported:
            yield name, "refused"
        else:
            yield name, _outcome(call, marks)


def _outcome(call: Call, marks: tuple[str, ...]) -> str:
    body = call.body.decode()
    if any(mark in body for mark in marks):
        return "carried"
    return "dropped" if call.dropped else "left out"
