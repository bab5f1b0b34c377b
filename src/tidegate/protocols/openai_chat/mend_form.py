"""The form that repairs rely on: what is an object, a list or a text in a chunk or an answer."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.envelopes import unwrapped
from tidegate.protocols.fitting import fit

from .wire_answer import MARKS, CallOut, FunctionOut, PartOut

__all__ = ["in_form"]


class DeltaForm(Struct, gc=False):
    """A message, or a piece of one."""

    content: str | list[PartOut] | None = None
    refusal: str | None = None
    tool_calls: list[CallOut] | None = None
    function_call: FunctionOut | None = None


class ChoiceForm(Struct, gc=False):
    """A choice, or a piece of it."""

    index: int | None = None
    delta: DeltaForm | None = None
    message: DeltaForm | None = None
    text: str | None = None
    finish_reason: str | None = None
    native_finish_reason: str | None = None


class AnswerForm(Struct, gc=False):
    """A chat completion, or a chunk of one."""

    id: str | None = None
    model: str | None = None
    choices: list[ChoiceForm] | None = None


def in_form(chunk: dict[str, Any], leave_out: Callable[[str], None]) -> dict[str, Any]:
    """Return a decoded chunk or answer in this form; fields that are not part of it stay as they are. Raises
    one of MALFORMED.
    """
    if "choices" not in chunk and "error" not in chunk:
        chunk = unwrapped(chunk, MARKS) or chunk
    try:
        msgspec.convert(chunk, AnswerForm)
    except MALFORMED:
        fitted: dict[str, Any] = fit(chunk, AnswerForm, leave_out)
        return fitted
    return chunk
