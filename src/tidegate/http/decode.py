"""Content encodings of responses. None is requested, but some servers compress anyway.

A decoder takes data as it arrives and returns it decoded in pieces of limited size, so that a small response
that decompresses to gigabytes uses no more memory than a large one: the reader can stop in time.
"""

import zlib
from typing import Protocol as Interface

from .errors import BadAnswer

__all__ = ["PIECE", "Decoder", "decoder_for"]

PIECE = 256 * 1024
"""The maximum size in bytes of a decoded piece."""

GZIP, ZLIB, RAW = 31, 15, -15
"""Values of zlib's `wbits`, for the container of the compressed data."""


class Decoder(Interface):
    """Decodes one body."""

    def feed(self, data: bytes) -> None:
        """Add the next bytes of the body; all previous output must have been taken."""
        ...

    def take(self) -> bytes:
        """Return the next decoded bytes, at most `PIECE`; b"" if more have to arrive first.

        Raises BadAnswer.
        """
        ...

    def close(self) -> None:
        """Check that the body is complete. Raises BadAnswer."""
        ...


class Inflate:
    """Decodes gzip (including several members) and deflate (with and without the zlib container)."""

    __slots__ = ("_encoding", "_input", "_started", "_stream", "_wbits")

    def __init__(self, encoding: str, wbits: int) -> None:
        self._encoding = encoding
        self._wbits = wbits
        self._input = b""
        self._started = False
        self._stream = zlib.decompressobj(wbits)

    def feed(self, data: bytes) -> None:
        """See Decoder."""
        if not self._started:
            self._started = True
            if self._wbits == ZLIB and data[0] & 0x0F != zlib.DEFLATED:
                # The standard requires the zlib container; servers that omit it are as old as the standard.
                self._stream = zlib.decompressobj(RAW)
        self._input = data

    def take(self) -> bytes:
        """See Decoder."""
        while True:
            if self._stream.eof and self._input:
                self._next_member()
            given = self._input
            try:
                data = self._stream.decompress(given, PIECE)
            except zlib.error:
                raise BadAnswer(f"the answer is not valid {self._encoding}") from None
            self._input = self._stream.unconsumed_tail or self._stream.unused_data
            if data or len(self._input) == len(given):
                return data

    def _next_member(self) -> None:
        if self._wbits != GZIP:
            raise BadAnswer(f"bytes follow the end of the {self._encoding} answer")
        self._stream = zlib.decompressobj(GZIP)

    def close(self) -> None:
        """See Decoder."""
        if self._started and not self._stream.eof:
            raise BadAnswer(f"the {self._encoding} answer ends too early")


class Refusing:
    """A decoder for an unsupported encoding: the error is raised when the body is read, since status and
    headers are useful without it.
    """

    __slots__ = ("_encoding",)

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding

    def feed(self, data: bytes) -> None:
        """See Decoder."""
        raise BadAnswer(f'the answer has the encoding "{self._encoding}", which was not requested')

    def take(self) -> bytes:
        """See Decoder."""
        return b""

    def close(self) -> None:
        """See Decoder."""


_WBITS = {"gzip": GZIP, "x-gzip": GZIP, "deflate": ZLIB}


def decoder_for(encoding: bytes) -> Decoder | None:
    """Return the decoder for a `content-encoding`; None if nothing has to be decoded."""
    name = encoding.strip().lower().decode("latin-1")
    if name in ("", "identity"):
        return None
    wbits = _WBITS.get(name)
    return Refusing(name[:40]) if wbits is None else Inflate(name, wbits)
