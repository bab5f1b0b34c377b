"""The dashboard's files, and the page that loads them."""

import re
from collections.abc import Mapping
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any

from fastapi import Request, Response

__all__ = ["POLICY", "Dashboard"]

STATIC = Path(__file__).with_name("static")

ALLOWED = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self' data:",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
}
POLICY = "; ".join(f"{kind} {source}" for kind, source in ALLOWED.items())

HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}

TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}

BEFORE_SIGN_IN = frozenset(["icon.svg", "sign_in.js", "style.css", "theme.js"])
"""All that a browser may have before it has signed in."""

IMMUTABLE = "private, max-age=31536000, immutable"
"""For files: their path has the digest of them all."""
ALWAYS_ASK = "no-cache"

_FILE = re.compile(r"/ui/static/([0-9a-f]{16})/([\w./-]+)")

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="{files}/icon.svg">
<link rel="stylesheet" href="{files}/style.css">
<script src="{files}/theme.js"></script>
<script type="module" src="{files}/{script}"></script>
</head>
<body>
<noscript>The dashboard of {title} needs JavaScript. The same figures are in its API: see /docs and
/admin/docs.</noscript>
</body>
</html>
"""


class Dashboard:
    """Answers for `/ui` and everything below it."""

    def __init__(self, title: str) -> None:
        """`title` is that of the gateway."""
        self._files = {
            path.relative_to(STATIC).as_posix(): path.read_bytes()
            for path in sorted(STATIC.rglob("*"))
            if path.suffix in TYPES
        }
        self.digest = digest_of(self._files)
        """Part of the files' paths: it changes with any of them."""
        self._pages = {
            signed_in: PAGE.format(
                title=escape(title),
                files=f"/ui/static/{self.digest}",
                script="app.js" if signed_in else "sign_in.js",
            ).encode()
            for signed_in in (True, False)
        }

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request. The scope's `state` says whether the browser has signed in."""
        await self.answer(Request(scope))(scope, receive, send)

    def answer(self, request: Request) -> Response:
        """The response to a request."""
        path, signed_in = request.url.path, bool(request.scope["state"].get("signed_in"))
        if path not in ("/ui", "/ui/") and not path.startswith("/ui/"):
            return _not_found()
        if request.method not in ("GET", "HEAD"):
            return Response("this path accepts GET", 405, {**HEADERS, "allow": "GET, HEAD"}, "text/plain")
        if not path.startswith("/ui/static/"):
            page = self._pages[signed_in]
            return _unchanged(request, page, "text/html; charset=utf-8", ALWAYS_ASK)
        found = _FILE.fullmatch(path)
        name = found[2] if found is not None and found[1] == self.digest else None
        if name not in self._files or not (signed_in or name in BEFORE_SIGN_IN):
            return _not_found()
        return _unchanged(request, self._files[name], TYPES[Path(name).suffix], IMMUTABLE)


def digest_of(files: Mapping[str, bytes]) -> str:
    """A digest of files with their names."""
    whole = sha256()
    for name, content in files.items():
        whole.update(f"{name}\0{len(content)}\0".encode() + content)
    return whole.hexdigest()[:16]


def _unchanged(request: Request, content: bytes, kind: str, cache: str) -> Response:
    """Content, or the news that the browser has it already."""
    tag = f'"{sha256(content).hexdigest()[:32]}"'
    headers = {**HEADERS, "etag": tag, "cache-control": cache, "vary": "cookie"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(None, 304, headers)
    return Response(content, 200, headers, kind)


def _not_found() -> Response:
    return Response("not found", 404, {**HEADERS, "cache-control": "no-store"}, "text/plain")
