"""Names of models in the paths of URLs."""

from urllib.parse import quote

__all__ = ["quote_segment"]


def quote_segment(text: str, safe: str = "") -> str:
    """A text as one segment of a path. Of a segment that consists of dots the dots are escaped too:
    `.` and `..` would lead out of the place that they stand in.
    """
    quoted = quote(text, safe=safe)
    return quoted.replace(".", "%2E") if quoted.strip(".") == "" else quoted
