"""Prompts that are too long: recognised in providers' words, and reported in those that clients react to."""

import json

import pytest

from tidegate.protocols.errors import ProviderRefused
from tidegate.protocols.overflow import CONTEXT_LENGTH_EXCEEDED, anthropic_words, gemini_words, is_overflow
from tidegate.providers import protocol_named

LONG = [
    ("This model's maximum context length is 128000 tokens. However, your messages contain 130001 tokens.",
     130001, 128000),
    ("This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4000 in the "
     "messages, 1000 in the completion).", 5000, 4096),
    ("prompt is too long: 210000 tokens > 200000 maximum", 210000, 200000),
    ("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
     1200000, 1048576),
    ("too many tokens: total number of tokens in the prompt cannot exceed 128000 - received 130000. "
     "Try using a shorter prompt.", 130000, 128000),
    ("This model's maximum prompt length is 131072 but the request contains 170000 tokens.", 170000, 131072),
    ("Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
     40000, 32768),
    ("The prompt is too long: 90000, model maximum context length: 65535", 90000, 65535),
    ("the request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it",
     9000, 8192),
    ("Input validation error: `inputs` must have less than 4096 tokens. Given: 5000", 5000, 4096),
]  # fmt: skip
"""A provider's words, the tokens of the prompt and the limit in them."""

WITHOUT_COUNTS = [
    "Your input exceeds the context window of this model. Please adjust your input and try again.",
    "Input is too long for requested model.",
    "Please reduce the length of the messages or completion.",
    "Range of input length should be [1, 98304]",
    "prompt too long; exceeded max context length by 123 tokens",
]

OTHERS = [
    (400, "max_tokens is too large: 32000. This model supports at most 16384 completion tokens"),
    (429, "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 40000."),
    (413, "Request too large for model `x` on tokens per minute (TPM): please reduce your message size"),
    (400, "Invalid 'user': string too long. Expected a string with maximum length 64"),
    (500, "prompt is too long"),
    (401, "Your key exceeds the context of this model's maximum context length"),
]


@pytest.mark.parametrize("message", [*(row[0] for row in LONG), *WITHOUT_COUNTS])
def test_every_providers_words_are_recognised(message: str) -> None:
    error = ProviderRefused(message, status=400, code="INVALID_ARGUMENT")
    assert (error.code, error.status, error.message) == (CONTEXT_LENGTH_EXCEEDED, 400, message)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_the_status_is_400_whatever_the_provider_returned(status: int) -> None:
    error = ProviderRefused(LONG[0][0], status=status)
    assert (error.status, error.type) == (400, "invalid_request_error")


@pytest.mark.parametrize(("status", "message"), OTHERS)
def test_other_errors_stay_what_they_are(status: int, message: str) -> None:
    assert not is_overflow(status, message, None)
    assert ProviderRefused(message, status=status, code="x").code == "x"


@pytest.mark.parametrize("code", [CONTEXT_LENGTH_EXCEEDED, "exceed_context_size_error"])
def test_a_code_is_enough(code: str) -> None:
    assert is_overflow(400, "no", code)


@pytest.mark.parametrize(("message", "tokens", "limit"), LONG)
def test_claude_code_finds_its_words_and_both_numbers(message: str, tokens: int, limit: int) -> None:
    result = anthropic_words(message)
    if "prompt is too long" not in message:
        assert result.startswith(f"prompt is too long: {tokens} tokens > {limit} maximum")
    assert message in result


@pytest.mark.parametrize(("message", "tokens", "limit"), LONG)
def test_geminis_clients_find_their_words_and_both_numbers(message: str, tokens: int, limit: int) -> None:
    result = gemini_words(message)
    start = f"The input token count ({tokens}) exceeds the maximum number of tokens allowed ({limit})"
    assert result.startswith(start)


@pytest.mark.parametrize("message", WITHOUT_COUNTS)
def test_words_without_numbers_come_behind_the_words_that_are_looked_for(message: str) -> None:
    assert anthropic_words(message) == f"prompt is too long: {message}"
    assert gemini_words(message).endswith(f"exceeds the maximum number of tokens allowed: {message}")


ANTHROPICS = "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease them"


@pytest.mark.parametrize("message", ["prompt is too long: 210000 tokens > 200000 maximum", ANTHROPICS])
def test_anthropics_own_words_stay_as_they_are(message: str) -> None:
    assert anthropic_words(message) == message
    assert ProviderRefused(message, status=400).code == CONTEXT_LENGTH_EXCEEDED


@pytest.mark.parametrize(
    ("door", "found"),
    [
        ("openai_chat", '"code":"context_length_exceeded"'),
        ("openai_responses", '"code":"context_length_exceeded"'),
        ("anthropic", '"message":"prompt is too long: 130001 tokens > 128000 maximum'),
        ("gemini", '"message":"The input token count (130001) exceeds the maximum number of tokens allowed'),
    ],
)
def test_every_door_reports_it_in_its_own_words(door: str, found: str) -> None:
    reply = protocol_named(door).render_error(ProviderRefused(LONG[0][0], status=422), "req_1")
    assert reply.status == 400
    assert found in json.dumps(json.loads(reply.body), separators=(",", ":"))


def test_an_error_answer_has_the_code_too() -> None:
    body = b'{"error":{"message":"prompt is too long: 2 tokens"}}'
    error = protocol_named("anthropic").parse_error(400, {}, body)
    assert error.code == CONTEXT_LENGTH_EXCEEDED
