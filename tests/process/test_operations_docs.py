"""docs/operations.md, held against the code."""

import re
from pathlib import Path
from typing import get_args

from tidegate.observe import Ending, Record
from tidegate.observe.record import FailedAttempt
from tidegate.protocols.usage import Usage

TEXT = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()


def first_column(heading: str) -> list[str]:
    """The names in the first column of the table that begins with this cell."""
    table = TEXT.partition(f"\n| {heading} |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    return [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]


def test_every_field_of_a_record_is_described_in_its_order() -> None:
    assert first_column("field") == list(Record.__struct_fields__)


def test_every_field_of_a_try_is_named() -> None:
    [line] = [line for line in TEXT.splitlines() if line.startswith("| `attempts`")]
    assert re.findall(r"`(\w+)`", line)[1:] == list(FailedAttempt.__struct_fields__)


def test_every_ending_is_described_in_its_order() -> None:
    assert first_column("ending") == list(get_args(Ending))


def test_every_class_of_tokens_is_described() -> None:
    assert sorted(first_column("class")) == sorted(Usage.__struct_fields__)
