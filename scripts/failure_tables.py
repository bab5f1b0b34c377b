"""The tables of docs/failures.md, from the cells that `tests/failures` runs."""

import sys
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from check_architecture import HOUSE

sys.path.append(str(HOUSE.parents[1] / "tests"))

from failures.cells import (
    PAIRS,
    PLACES,
    STAGES,
    Breaks,
    Ending,
    Expected,
    Fails,
    Fault,
    Serves,
    cells_of,
    expect,
    mixed_cells,
    resumed_cells,
)
from failures.hedges import HEDGES, Hedge, Other

__all__ = ["render_chains", "render_faults", "render_hedges", "render_resumed"]

ORDINALS = ("1st", "2nd", "3rd")
SPOKEN: Mapping[str, str] = MappingProxyType(
    {
        "openai_chat": "chat completions",
        "anthropic": "Anthropic's format",
        "openai_responses": "the Responses API",
        "gemini": "Google's format",
    }
)
"""The wire formats."""


def render_faults() -> Iterable[str]:
    """A table for each stage, with a row for each fault."""
    for stage, faults in STAGES.items():
        yield f"\n### {stage}\n"
        yield "| the provider … | first of three | second | last | all three | record | billed | ends |"
        yield "|---|---|---|---|---|---|---|---|"
        for fault in faults:
            yield from _rows(fault)


def _rows(fault: Fault) -> Iterable[str]:
    """The row of a fault, and one more for each way in which it may end differently."""
    chat = PAIRS[0][1]
    if fault.plain != fault.streamed and fault.plain is not None and fault.streamed is not None:
        yield _row(fault, f"{fault.words} (a plain request)", chat, streamed=False)
        yield _row(fault, f"{fault.words} (a stream)", chat, streamed=True)
    else:
        yield _row(fault, fault.words, chat, streamed=fault.plain is None)
    for speech in fault.otherwise:
        yield _row(fault, f"– the same in {SPOKEN[speech]}", speech, streamed=fault.plain is None)


def _row(fault: Fault, words: str, speech: str, *, streamed: bool) -> str:
    ending = fault.ending(streamed, speech)
    assert ending is not None
    results = [
        _result(expect(cell)) for cell in cells_of(fault, PLACES, speech, speech) if cell.streamed is streamed
    ]
    after = (
        f"after `{ending.after}`" if ending.after.isidentifier() else ending.after and f"after {ending.after}"
    )
    return (
        f"| {words} | {' | '.join(results)} | {_record(ending)} | {_billed(ending)} | {after or 'at once'} |"
    )


def _result(expected: Expected) -> str:
    """What the client gets, and the number of attempts."""
    shown = {
        "finish": f"{ORDINALS[expected.provider - 1]} answers",
        "error": f"**{expected.status}**",
        "left": "goes on",
    }[expected.ended]
    if expected.ended == "error" and expected.status == 200:
        shown = f"“{expected.text}”, then an error" if expected.text else "a part, then an error"
    return f"{shown} ({expected.attempts})"


def _record(ending: Ending) -> str:
    if isinstance(ending, Fails):
        words = "too slow" if ending.after else ending.says
        return (
            f"`{words}`"
            if words.startswith(str(ending.status))
            else f"`{ending.status}`: {words}".rstrip(": ")
        )
    if isinstance(ending, Serves):
        return "`complete`" if ending.usage else "`complete_without_usage`"
    return "`provider_broke`" if isinstance(ending, Breaks) else "`client_left`"


def _billed(ending: Ending) -> str:
    if isinstance(ending, Fails):
        return "nothing"
    return "as reported" if ending.usage is not None and "output" in ending.usage else "estimated"


def render_chains() -> Iterable[str]:
    """Chains of different failures."""
    yield "| the first … | the second … | the third … | the client gets |"
    yield "|---|---|---|---|"
    for cell in mixed_cells():
        if not cell.streamed:
            yield f"| {' | '.join(fault.words for fault in cell.chain)} | {_of_whom(expect(cell))} |"


def _of_whom(expected: Expected) -> str:
    """What the client gets, and whose it is."""
    result = _result(expected)
    return (
        result if expected.ended == "finish" else f"{result}, that of the {ORDINALS[expected.provider - 1]}"
    )


def render_resumed() -> Iterable[str]:
    """Broken streams that are continued."""
    yield "| the provider … | first of three | second | all three |"
    yield "|---|---|---|---|"
    rows: dict[str, list[str]] = {}
    for cell in resumed_cells():
        fault = cell.chain[1] if cell.place == "second" else cell.chain[0]
        rows.setdefault(fault.words, []).append(_continued(expect(cell)))
    for words, results in rows.items():
        yield f"| {words} | {' | '.join(results)} |"


def _continued(expected: Expected) -> str:
    """What the client gets, and from whom."""
    last = expected.provider + expected.continued
    names = [ORDINALS[number - 1] for number in range(expected.provider, last + 1)]
    by = "all three" if len(names) > 2 else " and ".join(names)
    if expected.ended == "finish":
        return f"“{expected.text}” by {by}"
    return f"“{expected.text}” by {by}, then an error" if expected.text else "a part, then an error"


def render_hedges() -> Iterable[str]:
    """Requests with two attempts at once."""
    yield "| the first … | the second … | the client gets | record | billed |"
    yield "|---|---|---|---|---|"
    for row in HEDGES:
        others = ", ".join(map(_beside, row.others))
        record = f"`{row.ended}`{'; ' if others else ''}{others}"
        yield f"| {row.first} | {row.second} | {row.client} ({row.attempts}) | {record} | {_cost(row)} |"


def _beside(other: Other) -> str:
    """An attempt whose answer the client does not get."""
    cancelled = ", cancelled" if other.cancelled else ""
    return f"{ORDINALS['abc'.index(other.provider)]}: `{other.status}`{cancelled}"


def _cost(row: Hedge) -> str:
    return "as reported" if row.billed == "reported" else row.billed
