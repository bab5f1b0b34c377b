#!/usr/bin/env python3
"""Write `src/tidegate/catalog/prices.json` from the data of the package genai-prices.

`uv run python scripts/build_prices.py` after `uv lock --upgrade-package genai-prices`. Importing that
package takes a second and 100 MB, more than a worker may have: so the gateway carries what it needs of
the data, one model a line, and `tests/catalog/test_prices.py` compares the file with the package.
"""

import datetime
import json
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from genai_prices import data_snapshot, types

TARGET = Path(__file__).resolve().parents[1] / "src" / "tidegate" / "catalog" / "prices.json"

PROVIDERS = [
    "anthropic",
    "aws",
    "azure",
    "cohere",
    "deepseek",
    "fireworks",
    "google",
    "groq",
    "mistral",
    "moonshotai",
    "openai",
    "openrouter",
    "perplexity",
    "together",
    "x-ai",
]
"""Those that a kind of ours is, and those that they fall back to."""

CLASSES = {
    "input_mtok": "input",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "input_audio_mtok": "input_audio",
    "input_image_mtok": "input_image",
    "output_mtok": "output",
    "output_reasoning_mtok": "reasoning",
    "output_audio_mtok": "output_audio",
    "output_image_mtok": "output_image",
    "web_searches_kcount": "searches",
    "requests_kcount": "requests",
}
"""Its units → our classes: USD for a million tokens, a thousand searches, a thousand requests."""

SEPARATE = {
    "cache_audio_read_mtok",
    "cache_image_read_mtok",
    "storage_searches_kcount",
    "social_searches_kcount",
    "code_executions_kcount",
}
"""Units that no usage of ours tells apart and that chats seldom have: left out."""


def main() -> None:
    """Write the file."""
    TARGET.write_text(render_file(), encoding="utf-8")
    print(f"{TARGET.name}: {TARGET.stat().st_size // 1024} KB")


def render_file() -> str:
    """The whole file, one model a line."""
    lines = [f'{{"source":"genai-prices {version("genai_prices")}","providers":{{']
    found = {provider.id: provider for provider in data_snapshot.get_snapshot().providers}
    for place, name in enumerate(PROVIDERS):
        provider = found[name]
        head = {"fallback": [one for one in provider.fallback_model_providers or () if one in PROVIDERS]}
        lines.append(f'"{name}":{render(head)[:-1]},"models":[')
        models = [render(model_of(model)) for model in provider.models]
        lines += [f"{model}," for model in models[:-1]] + models[-1:]
        lines.append("]}" if place == len(PROVIDERS) - 1 else "]},")
    lines.append("}}")
    return "\n".join(lines) + "\n"


def render(value: Any) -> str:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def model_of(model: types.ModelInfo) -> dict[str, Any]:
    """What we keep of a model: without prices if it is billed in something that we cannot count."""
    prices = model.prices
    conditional = prices if isinstance(prices, list) else [types.ConditionalPrice(prices=prices)]
    if not all(countable(row.prices) for row in conditional):
        conditional = []
    facts = {
        "id": model.id,
        "name": model.name,
        "context": model.context_window,
        "deprecated": model.deprecated,
        "match": match_of(model.match),
        "prices": [price_of(row, model.id) for row in conditional],
        "variants": [
            {"when": row.when, **price_of(row, model.id)}
            for row in model.price_variants or ()
            if countable(row.prices)
        ],
    }
    return {key: value for key, value in facts.items() if value not in (None, [])}


def countable(prices: types.ModelPrice) -> bool:
    """Whether each unit is one of ours, or may be left out."""
    return set(prices.__dict__) <= CLASSES.keys() | SEPARATE


def price_of(row: Any, model: str) -> dict[str, Any]:
    """A price with its condition."""
    rates = {CLASSES[key]: rate_of(value) for key, value in row.prices.__dict__.items() if key in CLASSES}
    if not rates and model.endswith(":free"):
        rates = {"input": "0", "output": "0"}
    return {"rates": rates, **condition_of(row.constraint)}


def rate_of(value: Any) -> Any:
    """A price as text, with its tiers if it has some."""
    if isinstance(value, types.TieredPrices):
        return {"base": str(value.base), "tiers": [[tier.start, str(tier.price)] for tier in value.tiers]}
    return str(value)


def condition_of(constraint: Any) -> dict[str, Any]:
    """When a price counts."""
    if isinstance(constraint, types.StartDateConstraint):
        return {"since": constraint.start_date.isoformat()}
    if isinstance(constraint, types.TimeOfDateConstraint):
        times = (constraint.start_time, constraint.end_time)
        assert all(time.utcoffset() in (None, datetime.timedelta(0)) for time in times), "times are UTC"
        return {"between": [time.strftime("%H:%M") for time in times]}
    return {}


def match_of(clause: Any) -> dict[str, Any]:
    """The names that a model goes by."""
    return dict(parts_of(clause))


def parts_of(clause: Any) -> Iterator[tuple[str, Any]]:
    """A clause has one field: its own name, with a text or more clauses."""
    for name, value in vars(clause).items():
        if isinstance(value, list):
            yield name.rstrip("_"), [match_of(one) for one in value]
        else:
            yield name, value if name == "regex" else value.lower()


if __name__ == "__main__":
    main()
