"""JSON as servers write it that is not quite JSON, made sound.

Python's encoder writes `NaN` and `Infinity` (log probabilities of servers of open models are -Infinity at
times), and some servers leave control characters in texts as they are. Neither is JSON, and neither is a
reason to lose an answer: a number that is none becomes null, and a control character its escape.
"""

import re

from .surrogates import has_halves, without_halves

__all__ = ["make_sound", "with_halves_kept"]

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?Infinity\b|-?\bNaN\b', re.DOTALL)
_CONTROL = re.compile(rb"[\x00-\x1f]")
_CONTROLS = bytes(range(0x20))


def make_sound(data: bytes) -> bytes:
    """Return JSON that a decoder can read, where it is clear what was meant; otherwise the same bytes. Lone
    surrogates become U+FFFD.
    """
    data = with_halves_kept(data)
    return without_halves(data) if has_halves(data) else data


def with_halves_kept(data: bytes) -> bytes:
    """Do the same, but keep lone surrogates, for clients that join those of several events."""
    return _TOKEN.sub(_sound, data) if _is_suspect(data) else data


def _is_suspect(data: bytes) -> bool:
    # The control characters are looked for by what is left without them: a search for one of 32 costs more.
    return b"NaN" in data or b"Infinity" in data or len(data.translate(None, _CONTROLS)) != len(data)


def _sound(found: re.Match[bytes]) -> bytes:
    token = found[0]
    if token[:1] != b'"':
        return b"null"
    return _CONTROL.sub(_escaped, token)


def _escaped(found: re.Match[bytes]) -> bytes:
    return rb"\u%04x" % found[0][0]
