"""OpenAI's format on both sides: the client's bytes are forwarded as far as possible, and the provider's
bytes are returned, unless they are not what the client requested.
"""

import time
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct
from msgspec.json import Decoder, Encoder

from tidegate.protocols.contract import Call, Conduit, Tally, Target
from tidegate.protocols.errors import ProviderBroke
from tidegate.protocols.fields import FIELDS, NULL, Fields
from tidegate.protocols.openai_errors import error_inside
from tidegate.protocols.served import nano_usd, served
from tidegate.protocols.task import Whole, drop, read_answer, remove_gateway_fields, render_path

from .contract import ImagesRequest, as_data_url, filtered, nearest_ratio, sides_of
from .streaming import EventSplice, WholeAsStream
from .usage import UsageIn, parse_usage

__all__ = ["FORMAT", "SIZES", "TEXT", "Answer", "Dialect", "Whole", "matches", "set_form"]

ENCODE = Encoder().encode


class Dialect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The differences of one service from OpenAI. The defaults are what OpenAI does."""

    path: str = "/images/generations"
    """The path for requests, relative to the base URL; `{model}` is replaced by the model name."""
    size: Literal["size", "aspect_ratio", "width_height"] = "size"
    """How the image size is sent: as `size`, as the nearest `aspect_ratio` (xAI), or as `width` and `height`
    (Together)."""
    forms: Mapping[str, str] = msgspec.field(default_factory=dict)
    """The service's own values of `response_format` (Together: `base64`)."""
    bytes_only: tuple[str, ...] = ()
    """Patterns of models that return bytes and reject `response_format` (OpenAI's gpt-image models: 400
    unknown_parameter)."""
    drops: tuple[str, ...] = ()
    """Fields that the service does not support: they are dropped and reported."""
    streams: tuple[str, ...] = ()
    """Patterns of models that can stream (OpenAI: only the gpt-image models). From others, the answer is
    requested as a whole and becomes a stream here."""
    gateway_fields: tuple[str, ...] = ()
    """Fields that are normally addressed to Tidegate but that this service understands itself."""


RATIOS = ("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "2:1", "1:2")
"""The aspect ratios of xAI."""


class OpenAIFormat:
    """See TaskFormat."""

    dialect = Dialect

    def plan(self, parsed: ImagesRequest, target: Target) -> tuple[Call, Conduit]:
        """See TaskFormat."""
        dialect: Dialect = target.dialect
        fields = dict(parsed.fields)
        fields["model"] = Raw(ENCODE(target.model))
        remove_gateway_fields(fields, parsed.provider, dialect.gateway_fields)
        dropped = drop(fields, dialect.drops)
        SIZES[dialect.size](fields, parsed, dropped)
        set_form(fields, parsed, target)
        convert = Answer(parsed).convert
        path = render_path(dialect.path, target.model)
        if not parsed.stream:
            return Call(path, ENCODE(fields), stream=False, dropped=tuple(dropped)), Whole(convert)
        if matches(target.model, dialect.streams):
            call = Call(path, ENCODE(fields), stream=True, dropped=tuple(dropped), slow=True)
            return call, EventSplice(parsed, convert)
        fields.pop("stream", None)
        dropped += drop(fields, ("partial_images",))
        call = Call(path, ENCODE(fields), stream=False, dropped=tuple(dropped))
        return call, WholeAsStream(parsed, convert)


FORMAT = OpenAIFormat()


def matches(model: str, patterns: tuple[str, ...]) -> bool:
    """Whether a model's name fits one of these patterns."""
    return any(fnmatchcase(model.lower(), pattern) for pattern in patterns)


def set_form(fields: Fields, parsed: ImagesRequest, target: Target) -> None:
    """Request the form of the images, in the service's own words. A stream consists of bytes."""
    form = "b64_json" if parsed.stream else parsed.response_format
    if matches(target.model, target.dialect.bytes_only) and form in ("url", "b64_json", None):
        fields.pop("response_format", None)
    elif form is not None:
        value = target.dialect.forms.get(form)
        if value is not None or form != parsed.response_format:
            fields["response_format"] = Raw(ENCODE(value or form))


def _keep_size(fields: Fields, parsed: ImagesRequest, dropped: list[str]) -> None:
    """Keep the size, which the service supports."""


def _as_ratio(fields: Fields, parsed: ImagesRequest, dropped: list[str]) -> None:
    sides = sides_of(parsed)
    fields.pop("size", None)
    if sides is not None and "aspect_ratio" not in fields:
        ratio, same = nearest_ratio(sides, RATIOS)
        fields["aspect_ratio"] = Raw(ENCODE(ratio))
        if not same:
            dropped.append("size")


def _as_sides(fields: Fields, parsed: ImagesRequest, dropped: list[str]) -> None:
    sides = sides_of(parsed)
    fields.pop("size", None)
    if sides is not None:
        fields.setdefault("width", Raw(ENCODE(sides[0])))
        fields.setdefault("height", Raw(ENCODE(sides[1])))


SIZES = {"size": _keep_size, "aspect_ratio": _as_ratio, "width_height": _as_sides}


# --- the answer ------------------------------------------------------------------------------


class Item(Struct, gc=False):
    """One image."""

    url: str | None = None
    b64_json: Raw = Raw(NULL)


class View(Struct):
    """The fields of an answer that are read."""

    data: list[Item] | None = None
    created: int | None = None
    model: str | None = None
    usage: UsageIn | None = None
    error: Any = None


VIEW = Decoder(View)
IMAGES = Decoder(list[dict[str, Raw]])
TEXT = Decoder(str)
QUOTE = ord('"')

BEGINNINGS = {"iVBOR": "image/png", "/9j/": "image/jpeg", "UklGR": "image/webp", "R0lGOD": "image/gif"}
"""How images of each type begin in base64."""


class Answer:
    """The path of one answer."""

    def __init__(self, parsed: ImagesRequest) -> None:
        self._request = parsed

    def convert(self, body: bytes, tally: Tally) -> bytes:
        """Return the provider's bytes if they are what the client requested, or convert them. Raises
        ProviderError.
        """
        view = read_answer(VIEW, body, tally, "images")
        if view.error:
            raise error_inside(view.error)
        if view.data is None:
            raise ProviderBroke("the provider's answer contains no images")
        if not view.data:
            raise filtered("its answer is empty")
        tally.model = view.model or ""
        tally.usage = parse_usage(view.usage)
        if view.usage is not None and view.usage.cost_in_usd_ticks is not None:
            tally.note(served(cost=nano_usd(ticks=view.usage.cost_in_usd_ticks)))
        tally.images = len(view.data)
        to_link = self._request.wants_link and any(_is_bytes(one) for one in view.data)
        return body if view.created is not None and not to_link else self._mend(body, view, to_link)

    def _mend(self, body: bytes, view: View, to_link: bool) -> bytes:
        """Return the answer in OpenAI's form, with the provider's other fields."""
        fields: dict[str, Any] = dict(FIELDS.decode(body))
        if view.created is None:
            fields["created"] = int(time.time())
        if to_link:
            fields["data"] = [_linked(image) for image in IMAGES.decode(fields["data"])]
        return ENCODE(fields)


def _is_bytes(item: Item) -> bool:
    return item.url is None and memoryview(item.b64_json)[0] == QUOTE


def _linked(image: dict[str, Raw]) -> dict[str, Raw]:
    """Return an image with a data URL in place of its bytes."""
    data = TEXT.decode(image.pop("b64_json"))
    kind = next((kind for begin, kind in BEGINNINGS.items() if data.startswith(begin)), "image/png")
    return {**image, "url": Raw(ENCODE(as_data_url(data, kind)))}
