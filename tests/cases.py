"""Thousands of small cases as one test, which runs them all and names each that fails.

    @each("recording", recordings("openai", "chat"))
    def test_a_recorded_request_parses(recording: Recording) -> None: …

`pytest.mark.parametrize` makes a test of each case, which takes some milliseconds for every worker. It is
right for cases that are worth a line in a report; `each` is for the rest.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

__all__ = ["Failures", "each"]

ID_CHARS = 100
NOTHING = "there are no cases here"
"""Those of the recordings are missing where these are."""


class Failures:
    """The cases that have failed so far."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []
        self.count = 0

    @contextmanager
    def case(self, name: str) -> Iterator[None]:
        """Run one case; one that skips itself is no failure."""
        self.count += 1
        try:
            yield
        except pytest.skip.Exception:
            pass
        except Exception as error:  # noqa: BLE001 the others are run all the same
            error.add_note(f"case: {name}")
            self.errors.append(error)

    def report(self) -> None:
        """Raise if any case has failed."""
        if self.errors:
            names = "\n".join(error.__notes__[-1] for error in self.errors)
            raise ExceptionGroup(f"{len(self.errors)} of {self.count} cases failed\n{names}", self.errors[:5])


def each(names: str, cases: Iterable[Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Run a test for each of the cases: values, or tuples of values if there are several names."""
    arguments = [name.strip() for name in names.split(",")]
    prepared = [(_id_of(case), dict(zip(arguments, _values(case, arguments), strict=True))) for case in cases]

    def decorate(test: Callable[..., Any]) -> Callable[..., Any]:
        def run(**fixtures: Any) -> None:
            failures = Failures()
            for name, values in prepared:
                with failures.case(name):
                    test(**fixtures, **values)
            failures.report()

        async def run_async(**fixtures: Any) -> None:
            failures = Failures()
            for name, values in prepared:
                with failures.case(name):
                    await test(**fixtures, **values)
            failures.report()

        wrapper = functools.wraps(test)(run_async if inspect.iscoroutinefunction(test) else run)
        signature = inspect.signature(test)
        kept = [one for one in signature.parameters.values() if one.name not in arguments]
        wrapper.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
        return wrapper if prepared else pytest.mark.skip(NOTHING)(wrapper)

    return decorate


def _values(case: Any, arguments: list[str]) -> tuple[Any, ...]:
    values = getattr(case, "values", None)  # of a pytest.param
    if isinstance(values, tuple):
        return values
    return (case,) if len(arguments) == 1 else tuple(case)


def _id_of(case: Any) -> str:
    name = getattr(case, "id", None)
    return name if isinstance(name, str) else repr(case)[:ID_CHARS]
