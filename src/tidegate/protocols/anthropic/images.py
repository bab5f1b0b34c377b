"""Images that a model made, in a dialect whose assistants only write.

They are a text block that is one Markdown image with a data URL and nothing else, so that no image
is lost: people's clients show it, and it is read back to an image where the client returns it.
"""

import re

from tidegate.protocols.turn import Inline

__all__ = ["read_image", "write_image"]

_HEAD = "![image](data:"
_IMAGE = re.compile(r"!\[image\]\(data:(image/[\w.+-]+);base64,([A-Za-z0-9+/=_-]+)\)", re.ASCII)


def write_image(media_type: str, data: str) -> str:
    """An image as a text."""
    return f"{_HEAD}{media_type};base64,{data})"


def read_image(text: str) -> Inline | None:
    """The image that a text is, if it is one."""
    if not text.startswith(_HEAD):
        return None
    found = _IMAGE.fullmatch(text)
    return Inline(found[1], found[2]) if found else None
