"""Image generation requests and answers, in no dialect."""

import math
import re
import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from msgspec import Struct
from msgspec.json import Encoder

from tidegate.protocols.errors import InvalidRequest, ProviderRefused, Unsupported
from tidegate.protocols.fields import Fields
from tidegate.protocols.media import MAGIC
from tidegate.protocols.turn import Inline
from tidegate.protocols.usage import Usage

from .multipart import Part

__all__ = [
    "Drawn",
    "EditRequest",
    "ImagesRequest",
    "Picture",
    "as_data_url",
    "filtered",
    "nearest_ratio",
    "render_answer",
    "require_known_form",
    "require_one",
    "sides_of",
]

ENCODE = Encoder().encode


class ImagesRequest(Struct, frozen=True, kw_only=True):
    """A client's request, decoded and checked. `None` means that the client did not set the field."""

    body: bytes
    fields: Fields
    """The top-level fields of the body, each value as the client wrote it."""
    model: str
    prompt: str
    n: int | None = None
    """The number of images."""
    size: str | None = None
    """Width and height in pixels (`1536x1024`), or `auto`."""
    quality: str | None = None
    """As the provider names it (`hd`), or `auto`."""
    response_format: str | None = None
    """`url`, `b64_json`, or a value that only the provider knows."""
    output_format: str | None = None
    """`png`, `jpeg`, `webp`."""
    provider: str | Mapping[str, Any] | None = None
    fallbacks: Sequence[str] = ()
    stream: bool = False
    """Whether the images, and previews of them, are requested as events."""
    background: str | None = None

    @property
    def wants_link(self) -> bool:
        """Whether the images are requested as URLs. A stream always consists of bytes."""
        return self.response_format == "url" and not self.stream

    @property
    def image_count(self) -> int:
        """How many images to generate."""
        return self.n or 1

    operation: ClassVar[str] = "image_generation"
    """The beginning of the types of a stream's events."""


class Picture(Struct, frozen=True, kw_only=True):
    """An image of a request: one of its fields is set, beside the media type."""

    data: bytes | None = None
    media_type: str | None = None
    """What the client says of `data`."""
    inline: Inline | None = None
    url: str | None = None
    file_id: str | None = None

    def as_inline(self, param: str) -> Inline:
        """The image in base64. Raises Unsupported for one that is not in the request, and InvalidRequest."""
        if self.inline is not None:
            return self.inline
        if self.data is None:
            raise Unsupported("only images in the request itself are supported", param=param)
        kind = next((kind for kind, begins in MAGIC.items() if self.data.startswith(begins)), None)
        declared = (self.media_type or "").partition(";")[0].strip().lower()
        if kind is None and not declared.startswith("image/"):
            raise InvalidRequest(f"{param}: expected an image", param=param)
        return Inline(kind or declared, b64encode(self.data).decode())


class EditRequest(ImagesRequest, frozen=True, kw_only=True):
    """A client's request to edit images. Its `body` is only the prompt, which is what counts as text."""

    pictures: tuple[Picture, ...]
    masked: bool = False
    """Whether there is a mask, which says what is to be edited."""
    parts: tuple[Part, ...] = ()
    """A form as the client wrote it; none if the request is JSON."""
    boundary: bytes = b""
    operation: ClassVar[str] = "image_edit"

    @property
    def picture_count(self) -> int:
        """How many images are to be read."""
        return len(self.pictures) + self.masked


class Drawn(Struct, frozen=True, kw_only=True):
    """A generated image: its bytes, or its URL."""

    data: str | None = None
    """Base64."""
    media_type: str = "image/png"
    url: str | None = None
    revised_prompt: str | None = None


# --- sizes -----------------------------------------------------------------------------------

_SIZE = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})", re.ASCII)


def sides_of(parsed: ImagesRequest) -> tuple[int, int] | None:
    """Return width and height; None if the provider may choose. Raises InvalidRequest."""
    if parsed.size in (None, "", "auto"):
        return None
    found = _SIZE.fullmatch(parsed.size or "")
    if found is None:
        raise InvalidRequest("expected width and height such as 1024x1024, or auto", param="size")
    return int(found[1]), int(found[2])


def nearest_ratio(sides: tuple[int, int], ratios: Sequence[str]) -> tuple[str, bool]:
    """Return the aspect ratio in `ratios` (`16:9`) that is nearest to that of the sides, and whether it is
    the same.
    """

    def distance(ratio: str) -> float:
        width, _, height = ratio.partition(":")
        return abs(math.log(sides[0] / sides[1]) - math.log(int(width) / int(height)))

    nearest = min(ratios, key=distance)
    return nearest, distance(nearest) < 1e-9


# --- answers ---------------------------------------------------------------------------------


def require_known_form(parsed: ImagesRequest) -> None:
    """Raise InvalidRequest for a response format that Tidegate cannot produce."""
    if parsed.response_format not in (None, "url", "b64_json"):
        raise InvalidRequest("expected url or b64_json", param="response_format")


def require_one(parsed: ImagesRequest) -> None:
    """Raise Unsupported if several images are requested from a model that generates one."""
    if parsed.n is not None and parsed.n > 1:
        raise Unsupported("this model generates one image at a time (n)", param="n")


def filtered(reason: str) -> ProviderRefused:
    """Create the error for a prompt or image that the provider blocked."""
    return ProviderRefused(
        f"the provider returned no image: {reason}",
        status=400,
        type="image_generation_user_error",
        code="content_policy_violation",
    )


def as_data_url(data: str, media_type: str) -> str:
    """Return an image as a data URL."""
    return f"data:{media_type};base64,{data}"


def render_answer(parsed: ImagesRequest, images: Sequence[Drawn], usage: Usage | None) -> bytes:
    """Write an answer in OpenAI's dialect: bytes, unless the client requested URLs."""
    answer: dict[str, Any] = {
        "created": int(time.time()),
        "data": [_render_image(image, as_link=parsed.wants_link) for image in images],
    }
    if usage is not None:
        answer["usage"] = _render_usage(usage)
    return ENCODE(answer)


def _render_image(image: Drawn, *, as_link: bool) -> dict[str, str]:
    rendered: dict[str, str] = {}
    if image.data is None:
        rendered["url"] = image.url or ""
    elif as_link:
        rendered["url"] = as_data_url(image.data, image.media_type)
    else:
        rendered["b64_json"] = image.data
    if image.revised_prompt:
        rendered["revised_prompt"] = image.revised_prompt
    return rendered


def _render_usage(usage: Usage) -> dict[str, Any]:
    read, written = usage.prompt_tokens or 0, usage.completion_tokens or 0
    of_images = usage.input_image or 0
    return {
        "input_tokens": read,
        "input_tokens_details": {"text_tokens": read - of_images, "image_tokens": of_images},
        "output_tokens": written,
        "total_tokens": read + written,
    }
