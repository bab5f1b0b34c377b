"""The documents of the configuration, held against the code."""

import re
from pathlib import Path

import msgspec
import pytest
from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

from tidegate.config import Config, ConfigError, Kind, ModelConfig, PriceConfig, ProviderConfig, kinds, load
from tidegate.config.building import LATER
from tidegate.config.environment import DEBUG, NO_EFFECT, OWN_SECTIONS, VERIFY, names_of

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "configuration.md").read_text()
EXAMPLE = (ROOT / "tidegate.example.toml").read_text()
DOTENV = (ROOT / ".env.example").read_text()

SECTIONS: dict[str, type[Struct]] = {
    **{f"[{name}]": struct for name, struct in OWN_SECTIONS.items()},
    "[providers.<name>]": ProviderConfig,
    '[models."<name>"]': ModelConfig,
    '[prices."<provider>/<model>"]': PriceConfig,
}
KEYS = [(section, field) for section, struct in SECTIONS.items() for field in fields(struct)]
SETTINGS = [(section, field.name) for section, struct in OWN_SECTIONS.items() for field in fields(struct)]
PROVIDERS = [kind for kind in kinds().values() if kind.key_env]


def chapter(heading: str) -> str:
    """What stands below a heading, up to the next of any level."""
    return DOCS.split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0]


def default_of(field) -> str:
    if field.default is NODEFAULT and field.default_factory is NODEFAULT:
        return "required"
    value = field.default_factory() if field.default is NODEFAULT else field.default
    return msgspec.json.encode(dict(value) if hasattr(value, "items") else value).decode()


def uncommented(text: str) -> str:
    return re.sub(r"^#(?! )", "", text, flags=re.MULTILINE)


# --- docs/configuration.md ---------------------------------------------------------------------


@pytest.mark.parametrize(("section", "field"), KEYS, ids=[f"{s}.{f.name}" for s, f in KEYS])
def test_every_key_is_documented_with_its_default(section: str, field) -> None:
    (row,) = re.findall(
        rf"^\| `{field.name}` \| (.+?) \| \S.* \|$", chapter(f"### `{section}`"), re.MULTILINE
    )
    said = {"none": "null", "the kind's own": "null"}.get(row, row.strip("`"))
    assert said == default_of(field)


@pytest.mark.parametrize("section", SECTIONS)
def test_no_key_is_documented_that_there_is_not(section: str) -> None:
    documented = re.findall(r"^\| `(\w+)` \|", chapter(f"### `{section}`"), re.MULTILINE)
    assert sorted(documented) == sorted(field.name for field in fields(SECTIONS[section]))


@pytest.mark.parametrize(("section", "key"), SETTINGS, ids=[".".join(setting) for setting in SETTINGS])
def test_the_variables_of_every_setting_are_documented_in_their_order(section: str, key: str) -> None:
    (row,) = re.findall(rf"^\| `{section}\.{key}` \| (.*) \|$", chapter("## Variables"), re.MULTILINE)
    assert tuple(re.findall(r"`([A-Z_]+)`", row.split(";")[0])) == names_of(section, key)


def test_the_names_without_effect_are_documented() -> None:
    assert [name for name in (*NO_EFFECT, *VERIFY, f"{DEBUG}=true") if f"`{name}`" not in DOCS] == []


@pytest.mark.parametrize("kind", kinds().values(), ids=lambda kind: kind.name)
def test_the_row_of_every_kind_is_in_the_table(kind: Kind) -> None:
    where = f"`{kind.base_url}`" if kind.base_url else "inside Tidegate" if kind.embedded else "yours"
    key = ", ".join(f"`{name}`" for name in kind.key_env) or "none"
    base = ", ".join(f"`{name}`" for name in kind.base_env) or "none"
    optional = " (optional)" if kind.key_optional else ""
    row = f"| `{kind.name}` | {kind.label} | `{kind.protocol}` | {where} | {key}{optional} | {base} |"
    assert row in chapter("## Kinds").splitlines()


@pytest.mark.parametrize("kind", PROVIDERS, ids=lambda kind: kind.name)
def test_the_variables_of_every_option_are_documented_in_their_order(kind: Kind) -> None:
    text = chapter("### Options by variable")
    for option, names in kind.option_env.items():
        (row,) = re.findall(rf"^\| `{option}` of `{kind.name}` \| (.*) \|$", text, re.MULTILINE)
        assert tuple(re.findall(r"`(\w+)`", row)) == names
    assert [name for name in kind.region_env.values() if f"`{name}`" not in DOCS] == []


def test_every_key_of_a_row_is_documented() -> None:
    documented = set(re.findall(r"`(\w+)`", chapter("## A row of the table of kinds")))
    assert {field.name for field in fields(Kind)} - documented == {"name", "package"}


@pytest.mark.parametrize("kind", kinds().values(), ids=lambda kind: kind.name)
def test_every_prefix_is_documented(kind: Kind) -> None:
    text = chapter("## How a model is found")
    prefixes = [*kind.prefixes, *kind.strip_prefixes]
    assert [prefix for prefix in prefixes[:1] if f"`{prefix}`" not in text] == []


def test_what_comes_later_is_documented() -> None:
    text = chapter("### What comes later")
    assert [name for name in LATER if name not in text] == []


def test_the_mistakes_of_the_page_are_reported_in_these_words(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("\nLITELLM_BASE_URL=x\n")
    (tmp_path / "tidegate.toml").write_text(
        "[server]\n\nprot = 1\n\n\n\n[providers.eu]\nkind = 'ollama'\nbase_url = 'eu'\n"
        "[providers.openai]\nkind = 'demo'\n[models.fast]\ncandidates = ['openai/x',\n'opnai/x']"
    )
    with pytest.raises(ConfigError) as caught:
        load(None, {"PORT": "x"}, tmp_path)
    assert set(caught.value.lines) == set(chapter("## Mistakes").split("```")[1].strip().splitlines())


# --- tidegate.example.toml ---------------------------------------------------------------------


def example(tmp_path: Path, text: str, **environ: str) -> Config:
    path = tmp_path / "tidegate.toml"
    path.write_text(text)
    return load(path, environ, tmp_path)


def test_the_example_loads_as_it_is_and_changes_nothing_but_the_demo(tmp_path: Path) -> None:
    config = example(tmp_path, EXAMPLE)
    assert config.providers == {"demo": ProviderConfig(kind="demo")}
    plain = Config(providers=config.providers, origins=config.origins)
    assert config == plain


def test_the_example_loads_with_everything_uncommented(tmp_path: Path) -> None:
    names = re.findall(r"env:(\w+)", uncommented(EXAMPLE))
    stored = uncommented(EXAMPLE).replace('url = ""', 'url = "sqlite:///tidegate.db"', 1)
    config = example(tmp_path, stored, **dict.fromkeys(names, "x" * 40))
    known = {"demo", "openai", "anthropic", "gemini", "in-house", "azure-west-us", "bedrock", "vertex"}
    assert set(config.providers) == known
    assert list(config.models) == ["smart"]
    assert list(config.prices) == ["in-house/my-finetune"]


@pytest.mark.parametrize(("section", "field"), KEYS, ids=[f"{s}.{f.name}" for s, f in KEYS])
def test_every_key_is_in_the_example(section: str, field) -> None:
    written = re.search(rf"^#?{field.name} = ", EXAMPLE, re.MULTILINE)
    named = re.search(rf"^# .*\b{field.name}\b", EXAMPLE, re.MULTILINE)
    assert written or (named and section == "[providers.<name>]")


# --- .env.example ------------------------------------------------------------------------------


def test_every_name_is_in_the_example_of_dotenv_once() -> None:
    written = re.findall(r"^#(\w+)=", DOTENV, re.MULTILINE)
    known = {name for setting in SETTINGS for name in names_of(*setting)} | {DEBUG, *VERIFY}
    known |= {name for kind in PROVIDERS for name in (*kind.key_env, *kind.base_env)}
    known |= {name for kind in PROVIDERS for names in kind.option_env.values() for name in names}
    known |= {name.replace("<REGION>", "WEST_US") for kind in PROVIDERS for name in kind.region_env.values()}
    known |= set(NO_EFFECT)
    assert sorted(written) == sorted(known)


def test_the_example_of_dotenv_sets_nothing_unedited(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(DOTENV)
    assert load(None, {}, tmp_path) == Config()


def test_the_values_of_the_example_of_dotenv_are_the_defaults(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(uncommented(DOTENV))
    config = load(None, {}, tmp_path)
    assert config == Config(origins=config.origins)
