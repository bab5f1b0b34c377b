"""The table of models: `models/<kind>.toml`, one file per kind of provider.

    [[group]]
    description = "Made to write code."
    capabilities = ["stream", "tools"]
    models = [{ id = "codestral-2508", label = "Codestral 25.08", context = 256000 }]

The values of a group apply to each of its models that does not override them.
"""

import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from tidegate.protocols.needs import Need

from .prices import Rate

__all__ = ["CAPABILITIES", "CatalogModel", "ImagePrice", "model_named", "models"]

Modality: TypeAlias = Literal["text", "image", "audio", "video", "document", "embedding"]
Ability: TypeAlias = Literal["stream", "tools", "parallel_tools", "schema"]
Quantization: TypeAlias = Literal["int4", "int8", "fp4", "fp6", "fp8", "fp16", "bf16", "fp32"]

CAPABILITIES = (
    "stream",
    "tools",
    "parallel_tools",
    "schema",
    "vision",
    "documents",
    "audio",
    "video",
    "reasoning",
)
"""All capabilities."""

TAKEN: Mapping[str, str] = {"vision": "image", "documents": "document", "audio": "audio", "video": "video"}
"""Capabilities that are kinds of input."""


class ImagePrice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The price of an image in US dollars."""

    price: Decimal
    size: str | None = None
    """None: every size."""
    quality: str | None = None
    """None: every quality."""

    def fits(self, size: str | None, quality: str | None) -> bool:
        """Whether this price applies to such an image; None or `auto` is what the provider chooses."""
        return _fits(self.size, size) and _fits(self.quality, quality)


def _fits(own: str | None, wanted: str | None) -> bool:
    return own is None or wanted in (None, "", "auto", own)


class CatalogModel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model, under its service's name. None or empty means unknown."""

    id: str
    kind: str
    """The kind of provider that serves it: a row of the table of providers."""
    label: str
    """The display name."""
    identity: str | None = None
    """The model's name without a provider. Rows with the same identity have the same weights (see
    `identities.py`). None: its id."""
    also: tuple[str, ...] = ()
    """Other names of the same model at the same service."""
    quantization: Quantization | None = None
    """The number format of the weights, if the service publishes it."""
    description: str
    type: Literal["chat", "embedding", "image"] = "chat"
    context: int | None = None
    """Maximum tokens of prompt and completion together."""
    output: int | None = None
    """Maximum tokens of an answer."""
    inputs: tuple[Modality, ...] = ("text",)
    outputs: tuple[Modality, ...] = ("text",)
    capabilities: tuple[Ability, ...] = ()
    """`schema`: output that follows a JSON Schema. Inputs and reasoning have their own fields."""
    lacks: tuple[Need, ...] = ()
    """Capabilities that it is known not to have: requests that need one are not sent to it. A capability that
    is neither here nor in `capabilities` is unknown."""
    reasoning: bool = False
    """Whether it can reason; only for models whose profile (`providers/profiles`) does not say so."""
    cutoff: str | None = None
    """The knowledge cutoff, `YYYY-MM`."""
    released: str | None = None
    """`YYYY-MM-DD`."""
    retires: str | None = None
    """The retirement date, past or future: `YYYY-MM-DD`."""
    dimensions: int | None = None
    """The default length of its vectors."""
    priced_as: str | None = None
    """The name in genai-prices, if it differs."""
    prices: Mapping[str, Rate] = {}
    """USD per million tokens by class, only if genai-prices does not have the model."""
    images: tuple[ImagePrice, ...] = ()
    """Prices per image; the first match is used, so the first of all is that of the default size."""

    @property
    def identity_name(self) -> str:
        """Its identity."""
        return self.identity or self.id.lower()

    def is_named(self, name: str) -> bool:
        """Whether the service knows it by this name."""
        return name.lower() in (self.id.lower(), *map(str.lower, self.also))

    def abilities(self) -> tuple[str, ...]:
        """Its capabilities, inputs included; without reasoning."""
        taken = [name for name, modality in TAKEN.items() if modality in self.inputs]
        return (*self.capabilities, *taken)


@cache
def models() -> tuple[CatalogModel, ...]:
    """All models, file by file, in the order of the tables."""
    folder = resources.files("tidegate") / "catalog" / "models"
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    tables = {file.name.removesuffix(".toml"): tomllib.loads(file.read_text("utf-8")) for file in files}
    return tuple(model for kind, table in tables.items() for model in _models_of(kind, table["group"]))


def _models_of(kind: str, groups: list[dict[str, object]]) -> Iterator[CatalogModel]:
    for group in groups:
        rows = msgspec.convert(group.pop("models"), list[dict[str, object]])
        for row in rows:
            yield msgspec.convert({**group, **row, "kind": kind}, CatalogModel)


@cache
def _by_name() -> Mapping[tuple[str, str], CatalogModel]:
    rows = {(model.kind, name.lower()): model for model in models() for name in model.also}
    return {**rows, **{(model.kind, model.id.lower()): model for model in models()}}


def model_named(kind: str, name: str) -> CatalogModel | None:
    """The model of a kind of provider with this name; None if the catalog does not have it."""
    return _by_name().get((kind, name.lower()))
