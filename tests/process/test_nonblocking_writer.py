"""Lines on their way to where nobody may read them."""

import asyncio
import os

import pytest

from process.serving import eventually
from tidegate.observe import NonBlockingWriter


async def test_lines_arrive_in_order() -> None:
    reading, writing = os.pipe()
    writer = NonBlockingWriter(writing, pytest.fail)
    for number in range(100):
        writer.write(b"%d\n" % number)
    writer.flush()
    assert os.read(reading, 65536).split() == [b"%d" % number for number in range(100)]
    os.close(writing)
    os.close(reading)


async def test_what_finds_no_room_is_lost_and_reported_as_lost() -> None:
    said: list[str] = []
    reading, writing = os.pipe()
    writer = NonBlockingWriter(writing, said.append, room=200_000)
    line = b"x" * 3999 + b"\n"
    for _ in range(100):
        writer.write(line)
    writer.flush(0.1)  # returns, although nobody reads
    os.set_blocking(reading, False)
    arrived = 0
    while arrived + lines_lost(said) * len(line) < 100 * len(line):
        try:
            arrived += len(os.read(reading, 65536))
        except BlockingIOError:
            await asyncio.sleep(0.001)
    assert lines_lost(said) > 0
    assert arrived == (100 - lines_lost(said)) * len(line)
    os.close(writing)
    os.close(reading)


def lines_lost(said: list[str]) -> int:
    """How many lines were said to be lost, at once or one after another."""
    return sum(int(word.split()[1]) for word in said)


async def test_a_reader_that_is_gone_is_reported_once() -> None:
    said: list[str] = []
    reading, writing = os.pipe()
    os.close(reading)
    writer = NonBlockingWriter(writing, said.append)
    writer.write(b"1\n")
    await eventually(lambda: said, "a word about it")
    writer.write(b"2\n")
    writer.flush()
    assert said == ["the output was closed by its reader: no more lines are written"]
    os.close(writing)


async def test_a_full_disk_costs_lines_and_nothing_else() -> None:
    said: list[str] = []
    full = os.open("/dev/full", os.O_WRONLY)
    writer = NonBlockingWriter(full, said.append)
    writer.write(b"1\n2\n")
    await eventually(lambda: said, "a word about it")
    writer.flush()
    assert said == ["lost 2 lines of output, which could not be written"]
    os.close(full)
