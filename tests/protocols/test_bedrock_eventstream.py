"""The frames of AWS's event streams."""

import struct
from binascii import crc32
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import each
from protocols.bedrock_frames import frame, recorded_streams, stream_bytes
from recordings import Recording, needs_recordings, splits
from tidegate.protocols.bedrock.eventstream import MAX_FRAME, Frame, FrameSplitter
from tidegate.protocols.errors import ProviderBroke


def cut(*pieces: bytes) -> list[Frame]:
    splitter = FrameSplitter()
    frames = [one for piece in pieces for one in splitter.feed(piece)]
    assert not splitter.waiting
    return frames


@needs_recordings
@each("recording", recorded_streams("converse-stream", "with-response-stream"))
def test_recorded_streams_are_cut_into_their_frames(recording: Recording) -> None:
    recorded = [(one["headers"], len(one)) for one in recording.response["body"]]
    for pieces in splits(stream_bytes(recording)):
        frames = cut(*pieces)
        assert [dict(one.headers) for one in frames] == [headers for headers, _ in recorded]
        assert all(one.payload.startswith(b"{") and one.payload.endswith(b"}") for one in frames)


def test_every_type_of_header_is_read() -> None:
    uuid = UUID("12345678-1234-5678-1234-567812345678")
    headers = b"".join(
        [
            b"\x01a\x00",
            b"\x01b\x01",
            b"\x01c\x02" + struct.pack(">b", -1),
            b"\x01d\x03" + struct.pack(">h", -2),
            b"\x01e\x04" + struct.pack(">i", -3),
            b"\x01f\x05" + struct.pack(">q", -4),
            b"\x01g\x06\x00\x02\xff\x00",
            b"\x01h\x07\x00\x03\xe2\x82\xac",
            b"\x01i\x08" + struct.pack(">q", 1_700_000_000_000),
            b"\x01j\x09" + uuid.bytes,
        ]
    )
    assert cut(frame(headers, b"payload")) == [
        Frame(
            {
                "a": True,
                "b": False,
                "c": -1,
                "d": -2,
                "e": -3,
                "f": -4,
                "g": b"\xff\x00",
                "h": "€",
                "i": 1_700_000_000_000,
                "j": uuid,
            },
            b"payload",
        )
    ]


def test_the_published_examples_are_read() -> None:
    """From the test vectors of AWS's SDKs: an empty message, and a payload without headers."""
    empty = bytes.fromhex("000000100000000005c248eb7d98c8ff")
    payload = bytes.fromhex("0000001d00000000fd528c5a7b27666f6f273a27626172277dc3653936")
    assert cut(empty, payload) == [Frame({}, b""), Frame({}, b"{'foo':'bar'}")]


WHOLE = frame({":event-type": "metadata"}, b'{"usage":{}}')


@pytest.mark.parametrize("place", range(len(WHOLE)))
def test_a_changed_byte_is_noticed_wherever_it_is(place: int) -> None:
    damaged = bytearray(WHOLE)
    damaged[place] ^= 0x10
    splitter = FrameSplitter()
    with pytest.raises(ProviderBroke):
        list(splitter.feed(bytes(damaged)))


def test_what_came_before_the_damage_is_good() -> None:
    frames = FrameSplitter().feed(WHOLE + WHOLE[:-1] + b"\x00")
    assert next(frames).payload == b'{"usage":{}}'
    with pytest.raises(ProviderBroke, match="damaged"):
        next(frames)


@pytest.mark.parametrize(
    ("total", "headers"), [(MAX_FRAME + 1, 0), (0xFFFFFFFF, 0), (15, 0), (20, 5), (16, 0xFFFFFFFF)]
)
def test_impossible_lengths_are_refused_before_anything_is_waited_for(total: int, headers: int) -> None:
    lengths = struct.pack(">II", total, headers)
    with pytest.raises(ProviderBroke, match="bytes"):
        list(FrameSplitter().feed(lengths + struct.pack(">I", crc32(lengths))))


@pytest.mark.parametrize(
    "headers",
    [
        b"\x05a",
        b"\x01a\x0a",
        b"\x01a\x07\x00\x09x",
        b"\x01a\x04\x00",
        b"\x01a\x09\x00",
        b"\x01\xff\x00",
        b"\x01a",
    ],
)
def test_headers_that_cannot_be_read_are_refused(headers: bytes) -> None:
    with pytest.raises(ProviderBroke, match="headers"):
        list(FrameSplitter().feed(frame(headers, b"")))


def test_a_cut_frame_waits() -> None:
    splitter = FrameSplitter()
    assert list(splitter.feed(WHOLE[:-1])) == []
    assert splitter.waiting
    assert len(list(splitter.feed(WHOLE[-1:]))) == 1
    assert not splitter.waiting


@given(st.lists(st.binary(max_size=40), max_size=6), st.lists(st.integers(1, 30), max_size=30))
def test_frames_are_the_same_however_they_are_cut(payloads: list[bytes], sizes: list[int]) -> None:
    data = b"".join(frame({":event-type": "x"}, payload) for payload in payloads)
    pieces, place = [], 0
    for size in sizes:
        pieces.append(data[place : place + size])
        place += size
    assert [one.payload for one in cut(*pieces, data[place:])] == payloads
