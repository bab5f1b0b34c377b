"""Google's format of edits: the images stand beside the prompt in `:generateContent`."""

from typing import Any

from msgspec.json import Encoder

from tidegate.protocols.contract import Call, Conduit, Target
from tidegate.protocols.errors import Unsupported
from tidegate.protocols.task import names_of, render_path

from . import gemini
from .contract import EditRequest, require_known_form

__all__ = ["FORMAT", "Dialect"]

ENCODE = Encoder().encode

Dialect = gemini.Dialect

KNOWN = gemini.KNOWN | {"images", "mask"}
"""The request fields that have a counterpart in this format, or are refused."""


class GeminiEdits:
    """See TaskFormat."""

    dialect = Dialect

    def plan(self, parsed: EditRequest, target: Target) -> tuple[Call, Conduit]:
        """See TaskFormat. Imagen's edits are another API, of Vertex AI alone."""
        require_known_form(parsed)
        method = gemini.method_of(target)
        if method != "generateContent":
            raise Unsupported("this model does not edit images", param="model")
        if parsed.masked:
            raise Unsupported("this provider does not support a mask", param="mask")
        dropped = names_of(parsed.fields, KNOWN)
        body = gemini.render_content(parsed, dropped)
        parts: list[dict[str, Any]] = body["contents"][0]["parts"]
        for picture in parsed.pictures:
            source = picture.as_inline("image")
            parts.append({"inlineData": {"mimeType": source.media_type, "data": source.data}})
        path = f"{render_path(target.dialect.path, target.model)}:{method}"
        call = Call(path, ENCODE(body), stream=False, dropped=tuple(dropped))
        return call, gemini.conduit_of(parsed, target)


FORMAT = GeminiEdits()
