"""OpenAI's format of edits: the client's own form (or JSON) with the model replaced; for xAI, JSON."""

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Raw
from msgspec.json import Encoder

from tidegate.protocols.contract import Call, Conduit, Target
from tidegate.protocols.errors import Unsupported
from tidegate.protocols.fields import is_set
from tidegate.protocols.task import GATEWAY_FIELDS, drop, remove_gateway_fields, render_path

from . import openai
from .contract import EditRequest, Picture, as_data_url
from .multipart import render_form, text_part
from .streaming import EventSplice, WholeAsStream

__all__ = ["FORMAT", "Dialect"]

ENCODE = Encoder().encode


class Dialect(openai.Dialect, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The differences of one service from OpenAI. See images.openai.Dialect."""

    path: str = "/images/edits"
    pictures: Literal["as_sent", "urls"] = "as_sent"
    """How images are sent: as the client sent them, or always in JSON as `image: {url}`, with several as
    `images` (xAI: https://docs.x.ai/developers/model-capabilities/images/editing)."""


class OpenAIEdits:
    """See TaskFormat."""

    dialect = Dialect

    def plan(self, parsed: EditRequest, target: Target) -> tuple[Call, Conduit]:
        """See TaskFormat."""
        dialect: Dialect = target.dialect
        streams = parsed.stream and openai.matches(target.model, dialect.streams)
        fields = dict(parsed.fields)
        fields["model"] = Raw(ENCODE(target.model))
        remove_gateway_fields(fields, parsed.provider, dialect.gateway_fields)
        dropped = drop(fields, dialect.drops)
        openai.SIZES[dialect.size](fields, parsed, dropped)
        openai.set_form(fields, parsed, target)
        if parsed.stream and not streams:
            fields.pop("stream", None)
            dropped += drop(fields, ("partial_images",))
        body, headers = _render(parsed, fields, dialect)
        call = Call(
            render_path(dialect.path, target.model), body, stream=streams, dropped=tuple(dropped),
            headers=headers, slow=streams,
        )  # fmt: skip
        convert = openai.Answer(parsed).convert
        if streams:
            return call, EventSplice(parsed, convert)
        return call, WholeAsStream(parsed, convert) if parsed.stream else openai.Whole(convert)


FORMAT = OpenAIEdits()


def _render(parsed: EditRequest, fields: dict[str, Raw], dialect: Dialect) -> tuple[bytes, dict[str, str]]:
    """The body, and the headers that it needs."""
    if dialect.pictures == "urls":
        if parsed.masked:
            raise Unsupported("this provider does not support a mask", param="mask")
        links = [{"url": _url_of(one), "type": "image_url"} for one in parsed.pictures]
        fields.pop("images", None)
        return ENCODE(fields | (_one_or_more(links))), {}
    if not parsed.parts:
        return ENCODE(fields), {}
    content_type = f"multipart/form-data; boundary={_quoted(parsed.boundary.decode())}"
    return render_form(_parts(parsed, fields), parsed.boundary), {"content-type": content_type}


def _quoted(boundary: str) -> str:
    plain = all(one.isalnum() or one in "'+_-." for one in boundary)
    return boundary if plain else f'"{boundary}"'


def _one_or_more(links: Sequence[dict[str, str]]) -> dict[str, Any]:
    return {"image": links[0]} if len(links) == 1 else {"images": links}


def _url_of(picture: Picture) -> str:
    if picture.url is not None:
        return picture.url
    source = picture.as_inline("image")
    return as_data_url(source.data, source.media_type)


def _parts(parsed: EditRequest, fields: dict[str, Raw]) -> list[bytes]:
    """The client's parts: as they were written, changed, or left out as `fields` are."""
    written: list[bytes] = []
    changed = {name: value for name, value in fields.items() if value != parsed.fields.get(name)}
    for part in parsed.parts:
        if part.base_name == "image" or part.name == "mask":
            written.append(part.raw)
        elif part.base_name in GATEWAY_FIELDS:
            written += [part.raw] if part.base_name in fields else []
        elif part.name in fields and part.name not in changed:
            written.append(part.raw)
    return written + [text_part(name, _text(value)) for name, value in changed.items() if is_set(value)]


def _text(value: Raw) -> str:
    """A value as a form says it."""
    return openai.TEXT.decode(value) if bytes(value)[:1] == b'"' else bytes(value).decode()
