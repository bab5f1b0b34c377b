"""Token counts: chat completions share their form with OpenAI's older completions (see openai_usage)."""

from tidegate.protocols.openai_usage import (
    UsageIn,
    completion_tokens,
    parse_served,
    parse_usage,
    read_usage,
    render_usage,
)

__all__ = ["UsageIn", "completion_tokens", "parse_served", "parse_usage", "read_usage", "render_usage"]
