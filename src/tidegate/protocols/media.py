"""Media in requests: data URLs, base64, and checks of the content."""

import base64
import binascii
import re
from urllib.parse import unquote

from .errors import InvalidRequest
from .turn import Inline, Link

__all__ = ["AUDIO_TYPES", "check_document", "check_image", "data_url", "inline", "parse_url", "text_of"]

_DATA_URL = re.compile(
    r"\s*data:\s*([\w.+-]+/[\w.+-]+)?((?:;\s*[\w.-]+=[^;,]*)*)(;\s*base64)?\s*,", re.ASCII | re.IGNORECASE
)
_SCHEME = re.compile(r"\s*([a-z][a-z0-9+.-]*):", re.ASCII | re.IGNORECASE)
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/=_\-\s%]")

MAGIC = {
    "image/png": (b"\x89PNG",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF8",),
    "image/webp": (b"RIFF",),
}
"""Media type → magic bytes. Other types are not checked."""

PDF_HEAD = 1368
"""The number of base64 characters for the first kilobyte of a file."""

AUDIO_TYPES = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "aac": "audio/aac",
}
"""OpenAI's audio formats as media types."""


def parse_url(url: str, param: str) -> Inline | Link:
    """Parse a media URL: `data:` becomes inline data, http and https become a link.

    Schemes and `;base64` may be in any case (RFC 3986, section 3.1; RFC 2397). Raises InvalidRequest for any
    other scheme and for a data URL that is not base64.
    """
    found = _SCHEME.match(url)
    scheme = found[1].lower() if found is not None else ""
    if scheme == "data":
        head = _DATA_URL.match(url)
        if head is None or not head[3]:
            raise InvalidRequest("expected a data URL of the form data:<type>;base64,<data>", param=param)
        return inline(head[1] or "", url[head.end() :])
    if found is not None and scheme in ("https", "http", "gs") and url.startswith("//", found.end()):
        return Link(f"{scheme}:{url[found.end() :].rstrip()}")
    raise InvalidRequest("expected an https, http or data URL", param=param)


TYPES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "audio/mp3": "audio/mpeg",
    "audio/x-mp3": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "application/x-pdf": "application/pdf",
}
"""Common spellings of media types → the registered type, which providers accept."""


def inline(media_type: str, data: str) -> Inline:
    """Inline media with the registered type in lower case, and plain base64."""
    kind = media_type.partition(";")[0].strip().lower()
    plain = plain_base64(data)
    return Inline(_told_by(plain) or kind or "text/plain" if kind in UNTOLD else TYPES.get(kind, kind), plain)


UNTOLD = frozenset({"", "application/octet-stream", "binary/octet-stream"})
"""Media types that do not tell what the data is."""


def _told_by(data: str) -> str | None:
    """The media type of base64 data by its first bytes."""
    try:
        start = base64.b64decode(data[:16])
    except (binascii.Error, ValueError):
        return None
    if start.startswith(b"%PDF-"):
        return "application/pdf"
    if start.startswith(b"RIFF") and start[8:12] != b"WEBP":
        return None
    return next((kind for kind, magic in MAGIC.items() if start.startswith(magic)), None)


_ODD = ("\n", "\r", "\t", " ", "-", "_", "%")


def plain_base64(data: str) -> str:
    """Normalize base64 to the standard alphabet (RFC 4648, section 4) in one line: without MIME's line
    breaks, the URL-safe alphabet or percent-encoding, and with padding.
    """
    if any(odd in data for odd in _ODD):
        data = unquote(data) if "%" in data else data
        data = "".join(data.split()).replace("-", "+").replace("_", "/")
    if len(data) % 4 or data.endswith("==="):
        bare = data.rstrip("=")
        data = bare + "=" * (-len(bare) % 4)
    return data


def check_image(source: Inline, param: str) -> None:
    """Raise InvalidRequest if data declared as an image is not one."""
    if not source.media_type.startswith("image/"):
        raise InvalidRequest(f"expected an image, not {source.media_type}", param=param)
    start = _decode_start(source.data, param)
    magic = MAGIC.get(source.media_type)
    known = [bytes_ for group in MAGIC.values() for bytes_ in group]
    # A wrong but true image type is the provider's to judge; what is no image at all is not sent.
    if magic is not None and not any(start.startswith(one) for one in known):
        raise InvalidRequest(f"the data is not {source.media_type}", param=param)


def check_document(source: Inline, param: str) -> None:
    """Raise InvalidRequest if data declared as a PDF is not one, or is not base64."""
    start = _decode_start(source.data, param, PDF_HEAD)
    # Readers look for the mark in the first kilobyte (ISO 32000-1, annex H.3).
    if source.media_type == "application/pdf" and b"%PDF-" not in start:
        raise InvalidRequest("the data is not application/pdf", param=param)


def data_url(source: Inline) -> str:
    """The data URL of inline data."""
    return f"data:{source.media_type};base64,{source.data}"


def text_of(source: Inline, param: str) -> str:
    """The text of an inline text file. Raises InvalidRequest if it is not UTF-8 in base64."""
    try:
        return base64.b64decode(source.data, validate=False).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise InvalidRequest("expected UTF-8 text in base64", param=param) from error


def _decode_start(data: str, param: str, size: int = 16) -> bytes:
    """Decode the first `size` characters of base64 data."""
    if not data.strip():
        raise InvalidRequest("the data is empty", param=param)
    if _NOT_BASE64.search(data, 0, 4096):
        raise InvalidRequest("the data is not base64", param=param)
    head = re.sub(r"\s", "", data[: 4 * size])[:size].rstrip("=")
    try:
        return base64.b64decode(
            head + "=" * (-len(head) % 4), altchars=b"-_" if "-" in head or "_" in head else None
        )
    except binascii.Error as error:
        raise InvalidRequest("the data is not base64", param=param) from error
