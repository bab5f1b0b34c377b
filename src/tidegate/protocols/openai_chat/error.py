"""Errors: those that all of OpenAI's formats share."""

from tidegate.protocols.openai_errors import (
    error_inside,
    error_object,
    error_of_event,
    parse_error,
    render_error,
)

__all__ = ["error_inside", "error_object", "error_of_event", "parse_error", "render_error"]
