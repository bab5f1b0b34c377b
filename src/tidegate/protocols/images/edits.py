"""Edits of images: a request with images beside its prompt, as a form or as JSON.

The answer is that of a generation, so the formats here are those of images, for requests with pictures.
"""

from collections.abc import Mapping, Sequence

from msgspec import Raw, Struct
from msgspec.json import Decoder, Encoder

from tidegate.protocols.errors import InvalidRequest
from tidegate.protocols.fields import Fields, read_body
from tidegate.protocols.media import parse_url
from tidegate.protocols.task import Task
from tidegate.protocols.turn import Link

from . import edits_gemini, edits_openai
from .contract import EditRequest, Picture
from .multipart import Part, boundary_of, parse_form
from .parse import ImagesWire, check

__all__ = ["TASK", "parse_edit"]

ENCODE = Encoder().encode

MOST_PICTURES = 50
"""Images of one request."""


class Linked(Struct):
    """An image of a request in JSON."""

    image_url: str | None = None
    file_id: str | None = None


class WireImages(Struct):
    """The images of a request in JSON."""

    images: list[Linked] = []
    mask: Linked | None = None


WIRE = Decoder(ImagesWire)
WIRE_IMAGES = Decoder(WireImages)


def parse_edit(body: bytes, content_type: str = "application/json") -> EditRequest:
    """Decode and check a request. Raises InvalidRequest."""
    if content_type.lower().lstrip().startswith("application/json"):
        wire, fields = read_body(WIRE, body)
        images, _ = read_body(WIRE_IMAGES, body)
        pictures = [_linked(one, f"images.{index}") for index, one in enumerate(images.images)]
        mask = _linked(images.mask, "mask") if images.mask is not None else None
        masked = mask is not None
        parts: Sequence[Part] = ()
        boundary = b""
    else:
        boundary = boundary_of(content_type)
        parts = parse_form(body, boundary)
        fields = _fields_of(parts)
        wire = _read_fields(fields)
        files = [part for part in parts if part.base_name == "image"]
        pictures = [_picture(part) for part in files]
        masked = any(part.name == "mask" for part in parts)
    return _checked(wire, fields, pictures, masked=masked, parts=parts, boundary=boundary)


def _checked(
    wire: ImagesWire,
    fields: Fields,
    pictures: list[Picture],
    *,
    masked: bool,
    parts: Sequence[Part],
    boundary: bytes,
) -> EditRequest:
    check(wire)
    if not pictures:
        raise InvalidRequest("expected at least one image", param="image")
    if len(pictures) > MOST_PICTURES:
        raise InvalidRequest(f"expected at most {MOST_PICTURES} images", param="image")
    return EditRequest(
        body=wire.prompt.encode(),
        fields=fields,
        model=wire.model,
        prompt=wire.prompt,
        n=wire.n,
        size=wire.size,
        response_format=wire.response_format,
        output_format=wire.output_format,
        stream=wire.stream is True,
        quality=wire.quality,
        background=wire.background,
        provider=wire.provider,
        fallbacks=wire.models or (),
        pictures=tuple(pictures),
        masked=masked,
        parts=tuple(parts),
        boundary=boundary,
    )


# --- forms ------------------------------------------------------------------------------------

NUMBERS, FLAGS = frozenset(["n", "partial_images", "output_compression"]), {"true": True, "false": False}


def _fields_of(parts: Sequence[Part]) -> Fields:
    """The fields of a form that are no images, as JSON: what a form says is all text."""
    fields: Fields = {}
    listed: list[str] = []
    for part in parts:
        if part.base_name == "image" or part.name == "mask":
            continue
        try:
            text = part.data.decode()
        except UnicodeDecodeError:
            raise InvalidRequest(f"{part.name}: expected text in UTF-8", param=part.name) from None
        if part.base_name == "models":
            listed.append(text)
        else:
            fields[part.name] = Raw(_as_json(part.name, text))
    if listed:
        fields["models"] = Raw(ENCODE(listed))
    return fields


def _as_json(name: str, text: str) -> bytes:
    if name in NUMBERS and text.isascii() and text.isdigit():
        return ENCODE(int(text))
    if name == "stream" and text.lower() in FLAGS:
        return ENCODE(FLAGS[text.lower()])
    if name == "provider" and text.lstrip().startswith("{"):
        return text.encode()
    return ENCODE(text)


def _read_fields(fields: Mapping[str, Raw]) -> ImagesWire:
    wire, _ = read_body(WIRE, ENCODE(fields))
    return wire


def _picture(part: Part) -> Picture:
    if not part.data:
        raise InvalidRequest("the file is empty", param="image")
    return Picture(data=part.data, media_type=part.media_type)


def _linked(image: Linked, place: str) -> Picture:
    if image.image_url is None:
        if not image.file_id:
            raise InvalidRequest(f"{place}: expected `image_url` or `file_id`", param=place)
        return Picture(file_id=image.file_id)
    source = parse_url(image.image_url, f"{place}.image_url")
    return Picture(url=image.image_url) if isinstance(source, Link) else Picture(inline=source)


TASK = Task("image_edits", parse_edit, {"openai": edits_openai.FORMAT, "gemini": edits_gemini.FORMAT})
