"""Forms with files (`multipart/form-data`, RFC 7578), each part as it was written."""

import re

from msgspec import Struct

from tidegate.protocols.errors import InvalidRequest

__all__ = ["Part", "boundary_of", "parse_form", "render_form", "text_part"]

MOST_PARTS = 200
"""Parts of a form."""
LONGEST_HEAD = 8 * 1024
"""Bytes of a part's headers."""

_BOUNDARY = re.compile(r';\s*boundary\s*=\s*(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_PARAM = re.compile(r';\s*(name|filename)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))', re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)")


class Part(Struct, frozen=True):
    """A field or a file."""

    name: str
    raw: bytes
    """Headers and content, as they were written."""
    data: bytes
    """The content."""
    filename: str | None = None
    media_type: str | None = None

    @property
    def base_name(self) -> str:
        """The name of the field, of which there may be several: `image` for `image[]` and `image[0]`."""
        return self.name.partition("[")[0]


def boundary_of(content_type: str) -> bytes:
    """What separates the parts. Raises InvalidRequest."""
    found = _BOUNDARY.search(content_type)
    if found is None or not content_type.lower().lstrip().startswith("multipart/form-data"):
        raise InvalidRequest("expected a body of the type multipart/form-data, or application/json")
    return (found[1] or found[2]).encode()


def parse_form(body: bytes, boundary: bytes) -> list[Part]:
    """The parts of a body. Raises InvalidRequest."""
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary, MOST_PARTS + 2)
    if len(pieces) > MOST_PARTS + 2:
        raise InvalidRequest(f"a form has at most {MOST_PARTS} parts")
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise InvalidRequest("the form is incomplete: its last boundary is missing")
    return [_parse_part(piece) for piece in pieces[1:-1]]


def _parse_part(piece: bytes) -> Part:
    padding, _, raw = piece.partition(b"\r\n")
    head, end, data = raw.partition(b"\r\n\r\n")
    if padding.strip(b" \t") or not end or len(head) > LONGEST_HEAD:
        raise InvalidRequest("a part of the form cannot be read")
    headers = dict(map(_parse_header, head.decode("utf-8", "replace").split("\r\n")))
    disposition = headers.get("content-disposition", "")
    found = _PARAM.findall(disposition)
    params = {name.lower(): _ESCAPED.sub(r"\1", quoted or plain) for name, quoted, plain in found}
    if not disposition.lower().startswith("form-data") or "name" not in params:
        raise InvalidRequest("a part of the form has no name")
    return Part(params["name"], raw, data, params.get("filename"), headers.get("content-type"))


def _parse_header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()


def text_part(name: str, value: str) -> bytes:
    """A field, as it is written."""
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()


def render_form(parts: list[bytes], boundary: bytes) -> bytes:
    """The body of parts as they are written."""
    return b"".join(b"--%b\r\n%b\r\n" % (boundary, part) for part in parts) + b"--%b--\r\n" % boundary
