"""Records in files, one a day, and how they are found again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tidegate.observe import DailyFiles, NonBlockingWriter
from tidegate.observe.files import record_files
from tidegate.observe.lookup import find_in_file, find_in_lines

DAY = 86_400
START = 20_000 * DAY  # 2024-10-04


def line(number: int, **more: str) -> bytes:
    extra = "".join(f',"{name}":"{value}"' for name, value in more.items())
    return f'{{"time":"t","id":"req_00ab{number:04}"{extra}}}\n'.encode()


class Days:
    """A writer of files, and a clock that the test moves."""

    def __init__(self, directory: Path, keep_days: int) -> None:
        self.now = float(START)
        self.said: list[str] = []
        daily = DailyFiles(directory, keep_days, lambda: self.now)
        self.writer = NonBlockingWriter(daily.descriptor, self.said.append)

    def write(self, lines: bytes) -> None:
        self.writer.write(lines)
        self.writer.flush(30)


@pytest.fixture
def days(tmp_path: Path) -> Callable[..., Days]:
    return lambda keep_days=14: Days(tmp_path / "logs", keep_days)


def test_each_day_has_a_file_of_its_own(days: Callable[..., Days], tmp_path: Path) -> None:
    writer = days()
    writer.write(line(1))
    writer.now += DAY - 1
    writer.write(line(2))
    writer.now += 1
    writer.write(line(3))
    newest, oldest = record_files(tmp_path / "logs")
    assert (oldest.name, newest.name) == ("records-2024-10-04.jsonl", "records-2024-10-05.jsonl")
    assert (oldest.read_bytes(), newest.read_bytes()) == (line(1) + line(2), line(3))


def test_several_workers_append_to_one_file(days: Callable[..., Days], tmp_path: Path) -> None:
    one, other = days(), days()
    for number in range(10):
        (one if number % 2 else other).write(line(number))
    (file,) = record_files(tmp_path / "logs")
    assert file.read_bytes() == b"".join(line(number) for number in range(10))


def test_old_days_are_deleted_and_nothing_else(days: Callable[..., Days], tmp_path: Path) -> None:
    writer = days(keep_days=3)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "records-mine.jsonl").touch()
    for number in range(6):
        writer.write(line(number))
        writer.now += DAY
    assert [path.name[-8:-6] for path in record_files(tmp_path / "logs")] == ["09", "08", "07"]
    assert (tmp_path / "logs" / "records-mine.jsonl").exists()


def test_a_file_that_is_moved_or_deleted_is_made_again(days: Callable[..., Days], tmp_path: Path) -> None:
    writer = days()
    writer.write(line(1))
    (file,) = record_files(tmp_path / "logs")
    file.rename(tmp_path / "rotated")
    writer.write(line(2))
    assert ((tmp_path / "rotated").read_bytes(), file.read_bytes()) == (line(1), line(2))
    file.unlink()
    file.parent.rmdir()
    writer.write(line(3))
    assert file.read_bytes() == line(3)


def test_a_directory_that_cannot_be_written_is_reported_once(
    days: Callable[..., Days], tmp_path: Path
) -> None:
    writer = days()
    (tmp_path / "logs").touch()
    writer.write(line(1))
    writer.write(line(2))
    assert len(writer.said) == 1
    assert str(tmp_path / "logs") in writer.said[0]
    (tmp_path / "logs").unlink()
    writer.write(line(3))
    (file,) = record_files(tmp_path / "logs")
    assert file.read_bytes() == line(3)


# --- looking records up --------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "records.jsonl"
    path.write_bytes(b"".join(line(number) for number in range(100)) + line(100).rstrip())
    return path


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("req_00ab0042", ["req_00ab0042"]),
        ("00ab0042", ["req_00ab0042"]),
        ("req_00ab004", [f"req_00ab004{digit}" for digit in range(10)]),
        ("00ab0100", ["req_00ab0100"]),
        ("00ab0000", ["req_00ab0000"]),
        ("nothing", []),
    ],
)
def test_an_id_or_its_beginning_is_found(file: Path, given: str, found: list[str]) -> None:
    assert sorted(find_in_file(file, given)) == found
    assert sorted(find_in_lines(file.read_bytes().splitlines(), given)) == found


def test_what_a_client_wrote_is_no_id(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_bytes(line(1, path='/\\"id\\":\\"req_00ab0002') + line(3))
    assert find_in_file(path, "00ab0002") == {}


def test_a_line_may_have_something_before_the_record() -> None:
    before = b"Nov 29 00:00:00 host tidegate[1]: "
    assert list(find_in_lines([before + line(7), b'"id":"req_00ab0007" {no JSON'], "00ab0007")) == [
        "req_00ab0007"
    ]


def test_an_empty_file_has_no_records(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert find_in_file(tmp_path / "empty", "req_") == {}
