"""No file, environment or `.env` is so odd that it is not read, or refused with its place."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import fields

from tidegate.config import ConfigError, ModelConfig, PriceConfig, ProviderConfig, kinds, load
from tidegate.config.environment import OWN_SECTIONS, names_of

TEXTS = st.text(alphabet="ab/:. *'\"\\é\n", max_size=6)
KNOWN = st.sampled_from(["env:A", "env:", "demo", "openai", "http://a.b/", "0.0.0.0", "keys", "demo/x", "1"])
SCALARS = KNOWN | TEXTS | st.booleans() | st.integers(-(2**40), 2**40) | st.floats()
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(TEXTS, SCALARS, max_size=2)
NAMES = st.sampled_from(["demo", "openai", "Demo", "a/b", "a.b", ""])


def section(struct: type) -> st.SearchStrategy[dict[str, Any]]:
    keys = st.sampled_from([field.name for field in fields(struct)] + ["", "x y"])
    return st.dictionaries(keys, VALUES, max_size=4)


SECTIONS = {name: section(struct) for name, struct in OWN_SECTIONS.items()}
SECTIONS["providers"] = st.dictionaries(
    NAMES, section(ProviderConfig).map(lambda one: {"kind": "demo", **one}), max_size=3
)
SECTIONS["models"] = st.dictionaries(NAMES, section(ModelConfig), max_size=2)
SECTIONS["prices"] = st.dictionaries(NAMES, section(PriceConfig), max_size=2)
FILES = st.fixed_dictionaries({}, optional=SECTIONS)
VARIABLES = st.sampled_from(
    [
        name
        for name, struct in OWN_SECTIONS.items()
        for field in fields(struct)
        for name in names_of(name, field.name)
    ]
    + [name for kind in kinds().values() for name in (*kind.key_env, *kind.base_env)]
    + ["A", "DEBUG", "HTTPX_CLIENT_VERIFY"]
)


def complaints(folder: Path, text: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """What is wrong; nothing where the Config is read."""
    (folder / "tidegate.toml").write_text(text)
    try:
        load(None, environ, folder)
    except ConfigError as error:
        return error.lines or ("refused without a reason",)
    return ()


def render(value: Any) -> str:
    """A value in TOML; JSON is near enough but for numbers that JSON has not."""
    if isinstance(value, dict):
        pairs = (f"{json.dumps(key, ensure_ascii=False)} = {render(item)}" for key, item in value.items())
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(render, value))}]"
    if isinstance(value, float):
        return repr(value) if "." in repr(value) or "n" in repr(value) else f"{value:.1f}"
    return json.dumps(value, ensure_ascii=False)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FILES, st.dictionaries(VARIABLES, TEXTS | KNOWN, max_size=4))
def test_whatever_is_written_is_read_or_refused_with_its_place(
    tmp_path: Path, file: Any, environ: Any
) -> None:
    lines = []
    for name, content in file.items():
        tables = content.items() if name in ("providers", "models", "prices") else [(None, content)]
        for inner, keys in tables:
            lines.append(f"[{name}]" if inner is None else f"[{name}.{json.dumps(inner)}]")
            lines += [f"{json.dumps(key)} = {render(value)}" for key, value in keys.items()]
    places = [line.split(": ")[0] for line in complaints(tmp_path, "\n".join(lines), environ)]
    in_file = [place for place in places if place.startswith("tidegate.toml:")]
    assert all(1 <= int(place.split(":")[1]) <= len(lines) for place in in_file)
    assert set(places) - set(in_file) <= environ.keys()


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet="[]{}=\"'#\n a1.,", max_size=40))
def test_no_text_is_too_odd_for_a_file(tmp_path: Path, text: str) -> None:
    assert all(line.startswith("tidegate.toml:") for line in complaints(tmp_path, text, {}))
