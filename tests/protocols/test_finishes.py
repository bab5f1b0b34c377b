"""The one table of finish reasons."""

from typing import get_args

import pytest

from tidegate.protocols.events import FinishReason
from tidegate.protocols.finishes import (
    MEANINGS,
    WORDS,
    Meaning,
    broken_finish,
    is_broken,
    meaning_of,
    own_words,
)

ENDS = set(get_args(FinishReason))
FORMATS = ("openai_chat", "openai_responses", "anthropic", "gemini", "cohere", "bedrock")


def test_the_tables_are_total():
    assert set(MEANINGS.values()) == ENDS | {"error"} == {*get_args(get_args(Meaning)[0]), "error"}
    for words in WORDS.values():
        assert set(words) == ENDS


@pytest.mark.parametrize("protocol", WORDS)
def test_what_is_written_reads_back_as_the_same(protocol):
    for end, word in WORDS[protocol].items():
        # Google has no word for a turn that ends with calls.
        assert meaning_of(word) == ("stop" if word == "STOP" else end)
        assert word in own_words(protocol)


@pytest.mark.parametrize("protocol", FORMATS)
def test_a_word_means_the_same_whoever_passes_it_on(protocol):
    for word in own_words(protocol):
        for result in (word, word.upper(), word.lower(), f" {word} "):
            assert meaning_of(result) == MEANINGS[word.lower()]


@pytest.mark.parametrize(
    ("reason", "meaning"),
    [
        ("server_error", "error"),
        ("GenerationFailed", "error"),
        ("cancelled", "error"),
        ("request_timeout", "error"),
        ("model_overloaded", "error"),
        ("malformed_json", "error"),
        ("content_policy_violation", "content_filter"),
        ("blocked_by_guardrail", "content_filter"),
        ("max_new_tokens", "length"),
        ("token_limit_reached", "length"),
        ("context_window_exceeded", "length"),
        ("tool_use_requested", "tool_calls"),
        ("done", "stop"),
        ("", "stop"),
    ],
)
def test_words_that_are_newer_than_the_table_are_read_by_their_parts(reason, meaning):
    assert meaning_of(reason) == meaning


def test_an_answer_that_is_not_whole_is_an_error_with_the_providers_explanation():
    assert is_broken("MALFORMED_FUNCTION_CALL")
    error = broken_finish("MALFORMED_FUNCTION_CALL", "Malformed function call: f(")
    assert error.message.endswith("'MALFORMED_FUNCTION_CALL': Malformed function call: f(")
