"""Requests of which two parsers may think differently: the shapes of request smuggling.

Each is meant to hide `GET /v1/smuggled-…`, which no honest reader sees as a request of its own.
"""

import json

from running import HELLO

__all__ = ["shapes"]

HIDING = b"content-length: <len hidden>\r\n\r\n<hidden>"
H2C = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n"


def chat(model: str) -> bytes:
    return json.dumps({"model": f"sim/{model}", **HELLO}).encode()


def shapes(prefix: str) -> dict[str, bytes]:
    """The bytes of each shape, by its name; the requests ask for the model `<prefix><number>`."""
    found: dict[str, bytes] = {}
    for make in (lengths_and_codings, odd_codings, odd_lengths, odd_lines, odd_chunks, beyond_framing):
        for name, template in make().items():
            model = f"{prefix}{len(found)}"
            found[name] = fill(template, model)
    return found


def fill(template: bytes, model: str) -> bytes:
    """Put in what the template names: the body, its chunks, the hidden request and their lengths."""
    body = chat(model)
    hidden = b"GET /v1/smuggled-%b HTTP/1.1\r\nhost: localhost\r\n\r\n" % model.encode()
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    for mark, value in {
        b"<body>": body,
        b"<chunks>": chunks,
        b"<open chunks>": chunks[:-5],
        b"<hidden>": hidden,
        b"<hidden chunk>": b"%x\r\n%b\r\n0\r\n\r\n" % (len(hidden), hidden),
        b"<post>": b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n",
        b"<len>": b"%d" % len(body),
        b"<hex>": b"%x" % len(body),
        b"<len hidden>": b"%d" % len(hidden),
        b"<len body hidden>": b"%d" % (len(body) + len(hidden)),
        b"<len chunks hidden>": b"%d" % (len(chunks) + len(hidden)),
        b"<len chunks>": b"%d" % len(chunks),
    }.items():
        template = template.replace(mark, value)
    return template


def lengths_and_codings() -> dict[str, bytes]:
    chunked = b"transfer-encoding: chunked\r\n"
    return {
        "CL.TE": b"<post>content-length: <len chunks hidden>\r\n" + chunked + b"\r\n<chunks><hidden>",
        "TE.CL": b"<post>" + chunked + b"content-length: 4\r\n\r\n<hidden chunk>",
        "CL.TE, empty": b"<post>content-length: <len hidden>\r\n" + chunked + b"\r\n0\r\n\r\n<hidden>",
        "TE in HTTP/1.0": b"POST /v1/chat/completions HTTP/1.0\r\nhost: localhost\r\n"
        + chunked
        + b"content-length: <len chunks hidden>\r\n\r\n<chunks><hidden>",
        "CL removed by Connection": b"<post>connection: content-length\r\n" + HIDING,
        "TE removed by Connection": b"<post>connection: transfer-encoding\r\n"
        + chunked
        + b"\r\n<hidden chunk>",
        "CL.0 on an unknown path": b"POST /v1/nowhere HTTP/1.1\r\nhost: localhost\r\n" + HIDING,
        "CL.0 with GET": b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n" + HIDING,
        "TE.0 with GET": b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n" + chunked + b"\r\n<hidden chunk>",
        "CL.0 with OPTIONS": b"OPTIONS /v1/preflight HTTP/1.1\r\nhost: localhost\r\n" + HIDING,
        "HEAD with a body": b"HEAD /v1/models HTTP/1.1\r\nhost: localhost\r\n" + HIDING,
    }


def odd_codings() -> dict[str, bytes]:
    codings = [
        b"transfer-encoding: xchunked",
        b"transfer-encoding : chunked",
        b"transfer-encoding: chunked\r\ntransfer-encoding: x",
        b"transfer-encoding: x\r\ntransfer-encoding: chunked",
        b"transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        b"transfer-encoding:\tchunked",
        b"transfer-encoding: \x0bchunked",
        b"transfer-encoding: chunked\x0b",
        b"transfer-encoding: \x00chunked",
        b"x: y\ntransfer-encoding: chunked",
        b"x: y\rtransfer-encoding: chunked",
        b"transfer-encoding\r\n : chunked",
        b"transfer-encoding:\r\n chunked",
        b" transfer-encoding: chunked",
        b"transfer-encoding: identity, chunked",
        b"transfer-encoding: chunked, identity",
        b"transfer-encoding: gzip, chunked",
        b'transfer-encoding: "chunked"',
        b"transfer-encoding: chunked;x=y",
        b"transfer-encoding: chunked,",
        b"transfer-encoding: ,chunked",
        b"transfer_encoding: chunked",
        b"transfer-encoding\x00: chunked",
        b"transfer-encoding: CHUNKED",
        b"transfer-encoding:",
    ]
    return {
        f"{line!r} and {order}": (
            b"<post>content-length: <len chunks hidden>\r\n" + line
            if order == "CL first"
            else b"<post>" + line + b"\r\ncontent-length: <len chunks hidden>"
        )
        + b"\r\n\r\n<chunks><hidden>"
        for line in codings
        for order in ("CL first", "CL last")
    } | {f"{line!r} alone": b"<post>" + line + b"\r\n\r\n<chunks><hidden>" for line in codings}


def odd_lengths() -> dict[str, bytes]:
    lengths = [
        b"content-length: <len>\r\ncontent-length: <len>",
        b"content-length: <len>\r\ncontent-length: <len body hidden>",
        b"content-length: <len body hidden>\r\ncontent-length: <len>",
        b"content-length: <len>, <len>",
        b"content-length: <len>, <len body hidden>",
        b"content-length: +<len>",
        b"content-length: -1",
        b"content-length: 0x<hex>",
        b"content-length: <len> 0",
        b"content-length: <len>\x0b",
        b"content-length: \x0c<len>",
        b"content-length: 00000<len>",
        b"content-length: <len>.0",
        b"content-length: <len>_0",
        b"content-length : <len>",
        b"content-length: \t <len> \t ",
        b"content-length:",
        b"content-length: 18446744073709551616",
        b"content-length:\r\n <len>",
        b"content_length: <len body hidden>\r\ncontent-length: <len>",
    ]
    return {f"{line!r}": b"<post>" + line + b"\r\n\r\n<body><hidden>" for line in lengths}


def odd_lines() -> dict[str, bytes]:
    framing = b"content-length: <len>\r\n\r\n<body>"
    lines = {
        "bare line feeds": (b"<post>" + framing).replace(b"\r\n", b"\n"),
        "a bare line feed": b"<post>x: y\n" + framing,
        "an empty line of a bare line feed": b"<post>content-length: <len>\r\n\n<body>",
        "a bare carriage return": b"<post>x: y\rcontent-length: 0\r\n" + framing,
        "a folded line": b"<post>x: y\r\n content-length: 0\r\n" + framing,
        "a folded first line": b"<post>".replace(b"host", b" x: y\r\nhost") + b"\r\n x: y\r\n" + framing,
        "NUL in a value": b"<post>x: a\x00b\r\n" + framing,
        "NUL in a name": b"<post>x\x00: b\r\n" + framing,
        "NUL in the path": b"POST /v1/chat\x00/completions HTTP/1.1\r\nhost: localhost\r\n" + framing,
        "no name": b"<post>: y\r\n" + framing,
        "a blank name": b"<post> : y\r\n" + framing,
        "no colon": b"<post>nothing\r\n" + framing,
        "empty lines before": b"\r\n\r\n<post>" + framing,
        "two hosts": b"<post>host: y\r\n" + framing,
        "no host": b"POST /v1/chat/completions HTTP/1.1\r\n" + framing,
        "an absolute target": b"POST http://elsewhere/v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
        + framing,
        "an absolute target with a user": b"POST http://a@b/v1/chat/completions HTTP/1.1\r\n"
        b"host: localhost\r\n" + framing,
        "two versions": b"POST /v1/chat/completions HTTP/1.1 HTTP/1.0\r\nhost: localhost\r\n" + framing,
        "HTTP/0.9": b"POST /v1/chat/completions\r\n",
        "HTTP/1.2": b"POST /v1/chat/completions HTTP/1.2\r\nhost: localhost\r\n" + framing,
        "HTTP/2.0": b"POST /v1/chat/completions HTTP/2.0\r\nhost: localhost\r\n" + framing,
        "a tab behind the method": b"POST\t/v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n" + framing,
    }
    return {name: data + b"<hidden>" if name != "HTTP/0.9" else data for name, data in lines.items()}


def odd_chunks() -> dict[str, bytes]:
    bodies = {
        "an extension": b"<hex>;a=b\r\n<body>\r\n0\r\n\r\n",
        "an extension with a line feed": b"<hex>;a\n<body>\r\n0\r\n\r\n",
        "an extension with a carriage return": b"<hex>;a\rb\r\n<body>\r\n0\r\n\r\n",
        "a quoted line break": b'<hex>;a="\r\n"\r\n<body>\r\n0\r\n\r\n',
        "a size that ends in a line feed": b"<hex>\n<body>\r\n0\r\n\r\n",
        "data that ends in a line feed": b"<hex>\r\n<body>\n0\r\n\r\n",
        "data without an end": b"<hex>\r\n<body>0\r\n\r\n",
        "a size of 0x": b"0x<hex>\r\n<body>\r\n0\r\n\r\n",
        "a signed size": b"+<hex>\r\n<body>\r\n0\r\n\r\n",
        "a size and a blank": b"<hex> \r\n<body>\r\n0\r\n\r\n",
        "a blank and a size": b" <hex>\r\n<body>\r\n0\r\n\r\n",
        "a size of 17 digits": b"10000000000000<hex>\r\n<body>\r\n0\r\n\r\n",
        "a last chunk of 000": b"<hex>\r\n<body>\r\n000\r\n\r\n",
        "a last chunk with an extension": b"<hex>\r\n<body>\r\n0;a=b\r\n\r\n",
        "an empty line for an end": b"<hex>\r\n<body>\r\n\r\n",
        "a trailer": b"<open chunks>0\r\nx: y\r\n\r\n",
        "a length among the trailers": b"<open chunks>0\r\ncontent-length: <len hidden>\r\n\r\n",
        "a coding among the trailers": b"<open chunks>0\r\ntransfer-encoding: chunked\r\n\r\n",
        "a host among the trailers": b"<open chunks>0\r\nhost: y\r\n\r\n",
        "a trailer without a colon": b"<open chunks>0\r\nnothing\r\n\r\n",
        "a trailer that is a request": b"<open chunks>0\r\nGET /v1/smuggled-trailer HTTP/1.1\r\n\r\n",
        "a trailer that ends in line feeds": b"<open chunks>0\r\nx: y\n\n",
    }
    return {
        name: b"<post>transfer-encoding: chunked\r\n\r\n"
        + body.replace(b"<open chunks>", b"<hex>\r\n<body>\r\n")
        + b"<hidden>"
        for name, body in bodies.items()
    }


def beyond_framing() -> dict[str, bytes]:
    websocket = b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    return {
        "h2c with a body": b"<post>" + H2C + b"content-length: <len hidden>\r\n\r\n<hidden>",
        "h2c in chunks": b"<post>" + H2C + b"transfer-encoding: chunked\r\n\r\n<hidden chunk>",
        "pipelined behind h2c": b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n" + H2C + b"\r\n<hidden>",
        "HTTP/2 behind h2c": b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n"
        + H2C
        + b"\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "websocket with a body": b"<post>" + websocket + b"content-length: <len hidden>\r\n\r\n<hidden>",
        "pipelined behind websocket": b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n"
        + websocket
        + b"\r\n<hidden>",
        "CONNECT": b"CONNECT x:1 HTTP/1.1\r\nhost: localhost\r\n\r\n<hidden>",
        "Expect": b"<post>expect: 100-continue\r\ncontent-length: <len>\r\n\r\n<body><hidden>",
        "Expect with a refused body": b"POST /v1/nowhere HTTP/1.1\r\nhost: localhost\r\n"
        b"expect: 100-continue\r\n"
        b"content-length: <len hidden>\r\n\r\n<hidden>",
        "an odd Expect": b"<post>expect: x 100-continue\r\ncontent-length: <len>\r\n\r\n<body><hidden>",
        "three in a row": b"<post>content-length: <len>\r\n\r\n<body>" * 3,
    }
