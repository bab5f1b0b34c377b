import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings import splits
from tidegate.protocols.errors import ProviderBroke
from tidegate.protocols.sse import (
    MAX_EVENT,
    LineBlocks,
    ServerSentEvent,
    Splitter,
    frame,
    is_heartbeat,
    parse_block,
)

STREAM = (
    b'event: a\ndata: {"x": 1}\n\n: ping\n\ndata: {one\ndata: two}\n\ndata:{bare}\n\n'
    b"id: 7\ndata: {\xc3\xa9}\n\n"
)
EVENTS = [(b"a", b'{"x": 1}'), (b"", b"{one\ntwo}"), (b"", b"{bare}"), (b"", b"{\xc3\xa9}")]


def read(pieces: list[bytes]) -> list[tuple[bytes, bytes]]:
    splitter = Splitter()
    events = [event for piece in pieces for event in splitter.feed(piece)]
    return [tuple(event) for event in events + splitter.close()]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_any_line_end_and_any_split_give_the_same_events(end):
    data = STREAM.replace(b"\n", end)
    assert all(read(pieces) == EVENTS for pieces in splits(data))


@given(st.lists(st.integers(0, len(STREAM)), max_size=6), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_cuts_anywhere_change_nothing(cuts, end):
    data = STREAM.replace(b"\n", end)
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    assert read([data[a:b] for a, b in itertools.pairwise(places)]) == EVENTS


def test_whole_events_come_out_of_the_feed_that_completes_them():
    splitter = Splitter()
    assert splitter.feed(b"data: {one}\n\ndata: {tw") == [ServerSentEvent(b"", b"{one}")]
    assert splitter.waiting
    assert splitter.feed(b"o}\n\n") == [ServerSentEvent(b"", b"{two}")]
    assert not splitter.waiting


def test_crlf_that_is_cut_in_the_middle_ends_one_line():
    splitter = Splitter()
    assert splitter.feed(b"data: {a\r") == []
    assert splitter.feed(b"\ndata: b}\r\n\r") == []
    assert splitter.feed(b"\n") == [ServerSentEvent(b"", b"{a\nb}")]


def test_line_ends_may_change_within_a_stream():
    assert read([b"data: {a}\r\n\r\ndata: {b}\n\n", b"data: {c}\r\n\n"]) == [
        (b"", b"{a}"),
        (b"", b"{b}"),
        (b"", b"{c}"),
    ]


def test_comments_and_names_without_data_are_no_events():
    assert read([b": keep-alive\n\nevent: ping\n\n:\n\ndata: {x}\n\n"]) == [(b"", b"{x}")]


HEARTBEATS = [
    b"", b" ", b": keepalive", b"ping", b"PING", b"heartbeat", b"keep-alive", b"null", b"[]", b"{}", b"{ }",
    b"true", b"0", b'"ping"', b"OPENROUTER PROCESSING", b".", b"-", b"\xe2\x80\xa6",
    b"ping - 2026-01-01 00:00:00",
]  # fmt: skip


@pytest.mark.parametrize("data", HEARTBEATS)
def test_heartbeats_of_any_form_are_no_events(data):
    block = b"data: " + data
    assert parse_block(block) is None
    assert is_heartbeat(block)
    assert all(read(pieces) == [(b"", b"{x}")] for pieces in splits(block + b"\n\ndata: {x}\n\n"))


@pytest.mark.parametrize(
    "data", [b"Internal Server Error", b"upstream timed out", b"<html>", b'{"a": 1', b"{}}", b"[1]"]
)
def test_what_may_report_a_failure_or_is_broken_is_an_event(data):
    assert parse_block(b"data: " + data) == (b"", data)
    assert parse_block(b"event: error\ndata: ping") == (b"error", b"ping")


@pytest.mark.parametrize("mark", [b"[DONE]", b"[DONE] ", b" [DONE]\t", b'"[DONE]"', b"[DONE]."])
def test_the_end_mark_may_have_blanks_around_it(mark):
    assert parse_block(b"data: " + mark) == (b"", b"[DONE]")
    assert read([b"data:" + mark + b"\r\n\r\n"]) == [(b"", b"[DONE]")]


def test_bare_json_between_events_is_data():
    data = b'data: {"a": 1}\r\n\r\n{\n "error": {"code": 503}\n}\r\n\r\n'
    assert all(read(pieces)[1] == (b"", b'{\n "error": {"code": 503}\n}') for pieces in splits(data))


def test_bare_json_over_several_lines_is_one_event_also_at_the_end():
    assert read([b'{\n"error": {"code": 429}}\n']) == [(b"", b'{ "error": {"code": 429}}')]


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": 1}\n{"b": 2}\n',
        b'{"a": 1}\r\n\r\n{"b": 2}',
        b'\n {"a": 1}\n\n\n{"b": 2}\n\n',
        b'[{"a": 1},\n{"b": 2}]',
        b'[\n {"a": 1}\n,\n {"b": 2}\n]\n',
        b'\xef\xbb\xbf{"a": 1}\n{"b": 2}',
    ],
)
def test_json_lines_and_arrays_are_events(data):
    for pieces in splits(data):
        assert [json.loads(one[1]) for one in read(pieces)] == [{"a": 1}, {"b": 2}]


def test_json_lines_are_read_as_they_come():
    splitter = Splitter()
    assert [one.data for one in splitter.feed(b'{"a": 1}\n{"b"')] == [b'{"a": 1}']
    assert [one.data for one in splitter.feed(b": 2}\n")] == [b'{"b": 2}']
    assert splitter.close() == []


def test_an_unfinished_event_at_the_end_counts():
    assert read([b"data: {one}\n\ndata: {two}"]) == [(b"", b"{one}"), (b"", b"{two}")]
    assert read([b"data: {one}\n\n\n  \n"]) == [(b"", b"{one}")]


def test_a_byte_order_mark_belongs_to_no_event():
    data = b"\xef\xbb\xbfdata: {one}\n\ndata: {two}\n\n"
    assert all(read(pieces) == [(b"", b"{one}"), (b"", b"{two}")] for pieces in splits(data))


def test_more_blank_lines_than_needed_mean_nothing():
    assert read([b"\n\n\ndata: {a}\n\n\n\n\ndata: {b}\n\n"]) == [(b"", b"{a}"), (b"", b"{b}")]


def test_a_line_without_end_is_no_event():
    splitter = Splitter()
    piece = b"x" * (MAX_EVENT // 4)
    for _ in range(4):
        assert splitter.feed(piece) == []
    with pytest.raises(ProviderBroke, match=f"more than {MAX_EVENT} bytes"):
        splitter.feed(piece)


def test_blocks_are_what_was_sent_with_comments_and_line_feeds():
    wanted = [b": hello", b"event: a\ndata: {1}", b"data: {2}"]
    for pieces in splits(b": hello\r\n\r\nevent: a\r\ndata: {1}\r\n\r\n\r\ndata: {2}"):
        splitter = LineBlocks()
        blocks = [block for piece in pieces for block in splitter.feed(piece)] + splitter.close()
        assert [block.strip(b"\n") for block in blocks] == wanted
    assert parse_block(wanted[0]) is None
    assert parse_block(wanted[1]) == (b"a", b"{1}")


@given(st.binary(max_size=300), st.integers(1, 20))
def test_no_bytes_break_it(data, size):
    whole = read([data])
    assert read([data[i : i + size] for i in range(0, len(data), size)]) == whole


def test_a_frame_is_read_as_it_was_written():
    assert frame(b"{x}", b"delta") == b"event: delta\ndata: {x}\n\n"
    assert read([frame(b"{x}"), frame(b"{y}", b"n")]) == [(b"", b"{x}"), (b"n", b"{y}")]
