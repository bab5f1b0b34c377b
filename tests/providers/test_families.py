"""A model's family is found by its name."""

import tomllib
from importlib import resources

import pytest

from tidegate.protocols.profile import PLAIN
from tidegate.providers import profile_of

FOLDER = resources.files("tidegate") / "providers" / "profiles"
FAMILIES = [
    (file.name, family)
    for file in sorted(FOLDER.iterdir(), key=lambda file: file.name)
    if file.name.endswith(".toml")
    for family in tomllib.loads(file.read_text(encoding="utf-8"))["family"]
]


@pytest.mark.parametrize(
    "name",
    [
        "gemini-2.5-pro",
        "models/gemini-2.5-pro",
        "google/gemini-2.5-pro:free",
        "publishers/google/models/Gemini-2.5-Pro@001",
    ],
)
def test_only_the_last_segment_counts_without_case_and_version(name: str) -> None:
    profile = profile_of(name)
    assert profile.thinking == "budget"
    assert profile.thinking_off is False


def test_the_first_family_that_fits_counts() -> None:
    assert profile_of("gemini-2.5-flash").thinking == "budget"
    assert profile_of("gemini-9-flash").thinking == "level"


@pytest.mark.parametrize(
    "name", ["haiku-4.5", "sonnet-4.6", "opus-4.1", "opus-4.8", "3.7-sonnet", "3.5-haiku"]
)
def test_a_version_with_a_dot_is_the_same_model(name: str) -> None:
    dotted = profile_of(f"anthropic/claude-{name}")
    assert dotted is profile_of(f"claude-{name.replace('.', '-')}")
    assert dotted is not profile_of("claude-of-tomorrow")


def test_an_unknown_model_is_plain() -> None:
    assert profile_of("my-finetune") is PLAIN
    assert profile_of("") is PLAIN


def test_the_same_name_gives_the_same_profile() -> None:
    assert profile_of("gemini-3-pro-preview") is profile_of("gemini-3-pro-preview")


@pytest.mark.parametrize(
    ("file", "family"), FAMILIES, ids=[f"{file}-{family['match'][0]}" for file, family in FAMILIES]
)
def test_every_family_has_facts_and_can_be_reached(file: str, family) -> None:
    """A family that none of its own patterns leads to stands behind one that takes its models."""
    example = [pattern.replace("*", "").replace("[-.]", "-") for pattern in family["match"]]
    facts = {key: value for key, value in family.items() if key != "match"}
    assert facts
    profiles = [profile_of(name) for name in example]
    assert any(
        all(_plain(getattr(profile, key)) == value for key, value in facts.items()) for profile in profiles
    )


def _plain(value):
    return list(value) if isinstance(value, tuple) else value
