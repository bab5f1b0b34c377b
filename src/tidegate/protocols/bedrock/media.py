"""Media: Converse's names for media formats, document names, and binary thinking."""

import base64
import binascii
import re

__all__ = ["AUDIO", "DOCUMENTS", "IMAGES", "VIDEOS", "Names", "decode_redacted", "encode_redacted"]

IMAGES = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
    ".png": "png",
    ".jpeg": "jpeg",
    ".jpg": "jpeg",
    ".gif": "gif",
    ".webp": "webp",
}
"""Media types and file extensions → Converse's format."""

DOCUMENTS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "text/html": "html",
    "text/markdown": "md",
    "text/*": "txt",
    "application/json": "txt",
    "application/xml": "txt",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    **{f".{ending}": ending for ending in ["pdf", "csv", "html", "md", "txt", "doc", "docx", "xls", "xlsx"]},
}

AUDIO = {
    "audio/wav": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "audio/aac": "aac",
    "audio/mp4": "mp4",
    "audio/webm": "webm",
    **{f".{ending}": ending for ending in ["wav", "mp3", "flac", "ogg", "aac", "m4a", "webm"]},
}

VIDEOS = {
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "video/mpeg": "mpeg",
    "video/x-matroska": "mkv",
    "video/x-flv": "flv",
    "video/x-ms-wmv": "wmv",
    "video/3gpp": "three_gp",
    **{f".{ending}": ending for ending in ["mp4", "mov", "webm", "mpeg", "mpg", "mkv", "flv", "wmv"]},
}

_ENDING = re.compile(r"\.[A-Za-z0-9]{1,5}$")
_FORBIDDEN = re.compile(r"[^A-Za-z0-9\-()\[\]]+")

LONGEST_NAME = 200


class Names:
    """Document names: unique, with only the characters that AWS allows, without the file extension."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, given: str | None) -> str:
        """Return the allowed name that is closest to the given one."""
        name = _FORBIDDEN.sub(" ", _ENDING.sub("", given or "")).strip()[: LONGEST_NAME - 6] or "document"
        free, number = name, 1
        while free in self._taken:
            number += 1
            free = f"{name} ({number})"
        self._taken.add(free)
        return free


def decode_redacted(blob: str, format_: str) -> str:
    """Return thinking that only the model can read, in its vendor's form: Converse encodes text (Anthropic's
    `data`) in base64 once more.
    """
    if format_ != _WRAPPED:
        return blob
    try:
        return base64.b64decode(blob, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return blob


def encode_redacted(data: str, format_: str) -> str:
    """Return the blob for such thinking."""
    return base64.b64encode(data.encode()).decode() if format_ == _WRAPPED else data


_WRAPPED = "anthropic"
