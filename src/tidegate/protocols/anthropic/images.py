"""Generated images, in a dialect whose assistant messages contain only text.

An image is written as a text block that contains one Markdown image with a data URL and nothing else, so that
it is not lost: user interfaces display it, and it is converted back when the client sends it back.
"""

import re

from tidegate.protocols.turn import Inline

__all__ = ["read_image", "write_image"]

_HEAD = "![image](data:"
_IMAGE = re.compile(r"!\[image\]\(data:(image/[\w.+-]+);base64,([A-Za-z0-9+/=_-]+)\)", re.ASCII)


def write_image(media_type: str, data: str) -> str:
    """Write an image as text."""
    return f"{_HEAD}{media_type};base64,{data})"


def read_image(text: str) -> Inline | None:
    """Return the image that a text contains, if it is one."""
    if not text.startswith(_HEAD):
        return None
    found = _IMAGE.fullmatch(text)
    return Inline(found[1], found[2]) if found else None
