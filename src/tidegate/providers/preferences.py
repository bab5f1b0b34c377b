"""A request's preferences for providers: its `provider` field as an object.

The fields are those of OpenRouter that Tidegate supports
(https://openrouter.ai/docs/guides/routing/provider-routing), plus `require`.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from tidegate.catalog import CAPABILITIES
from tidegate.config import Order
from tidegate.protocols.errors import InvalidRequest

from .limits import check_names

__all__ = ["ANY", "MaxPrice", "Preferences", "Sort", "parse_preferences"]

SortBy: TypeAlias = Literal["price", "latency", "throughput", "balanced"]

ORDER_OF: Mapping[SortBy, Order] = MappingProxyType(
    {"price": "cost", "latency": "latency", "throughput": "throughput", "balanced": "balanced"}
)
"""`sort` → the order in which candidates are tried."""

Price: TypeAlias = Annotated[float, Meta(ge=0)]
"""USD."""


class MaxPrice(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The maximum price of a candidate. None is no limit."""

    prompt: Price | None = None
    """USD per million prompt tokens."""
    completion: Price | None = None
    """USD per million completion tokens."""
    request: Price | None = None
    """USD per request, for models that charge per request."""


class Sort(Struct, frozen=True, forbid_unknown_fields=True):
    """`sort` as an object."""

    by: SortBy
    partition: Literal["model", "none"] = "model"
    """`model`: the candidates of `model` come before those of the fallbacks (`models`). `none`: all are
    ordered together."""


class Preferences(Struct, frozen=True, forbid_unknown_fields=True):
    """The request's `provider` as an object. Names that are not configured are ignored."""

    order: tuple[str, ...] = ()
    """Providers to try first, in this order."""
    only: tuple[str, ...] = ()
    """The only providers that may serve the request; empty allows all."""
    ignore: tuple[str, ...] = ()
    """Providers that must not serve it."""
    allow_fallbacks: bool = True
    """False: only the providers in `order`; without `order`, only the first."""
    sort: SortBy | Sort | None = None
    """How the candidates are ordered, overriding the configured order."""
    max_price: MaxPrice | None = None
    require: tuple[str, ...] = ()
    """Capabilities that a model must be known to have: names of the catalog's `capabilities`."""
    require_parameters: bool = False
    """Whether to skip providers that do not support one of the request's parameters. Otherwise unsupported
    tuning parameters are dropped."""
    quantizations: tuple[str, ...] = ()
    """Accepted number formats of the model's weights. `unknown` accepts models whose format is not known."""

    @property
    def ranking(self) -> Order | None:
        """The requested order; None: the configured one."""
        by = self.sort.by if isinstance(self.sort, Sort) else self.sort
        return ORDER_OF[by] if by is not None else None

    def names(self) -> tuple[str, ...]:
        """All provider names in the preferences."""
        return (*self.order, *self.only, *self.ignore, *self.require, *self.quantizations)

    @property
    def across_models(self) -> bool:
        """Whether the candidates of all models are ordered together."""
        return isinstance(self.sort, Sort) and self.sort.partition == "none"


ANY = Preferences()
"""No preferences."""

T = TypeVar("T", Preferences, MaxPrice)

QUANTIZATIONS = ("int4", "int8", "fp4", "fp6", "fp8", "fp16", "bf16", "fp32", "unknown")
"""All values of `quantizations`."""

KNOWN: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "provider": Preferences.__struct_fields__,
        "provider.max_price": MaxPrice.__struct_fields__,
        "provider.sort": tuple(ORDER_OF),
        "provider.sort.by": tuple(ORDER_OF),
        "provider.sort.partition": ("model", "none"),
    }
)
"""Path in the object → the fields or values that are allowed there."""


def parse_preferences(given: Mapping[str, Any]) -> Preferences:
    """Validate the request's object. Raises InvalidRequest, naming the field."""
    fields = dict(given)
    prices = fields.pop("max_price", None)
    preferences = _convert(fields, Preferences, "provider")
    if prices is not None:
        # OpenRouter clients also send amounts as strings.
        max_price = _convert(prices, MaxPrice, "provider.max_price", strict=False)
        preferences = replace(preferences, max_price=max_price)
    for name in ("order", "only", "ignore"):
        check_names(getattr(preferences, name), f"provider.{name}")
    _check_known(preferences.require, CAPABILITIES, "provider.require")
    _check_known(preferences.quantizations, QUANTIZATIONS, "provider.quantizations")
    return preferences


def _convert(given: Any, wanted: type[T], param: str, *, strict: bool = True) -> T:
    try:
        return msgspec.convert(given, wanted, strict=strict)
    except msgspec.ValidationError as error:
        words, _, place = str(error).partition(" - at `$")
        param += place.rstrip("`").replace("[", ".").replace("]", "")
        known = KNOWN.get(param, ())
        hint = f" (known: {', '.join(known)})" if known else ""
        message = f"{param}: {words[:1].lower()}{words[1:]}{hint}"
        raise InvalidRequest(message, param=param) from None


def _check_known(given: Sequence[str], known: Sequence[str], param: str) -> None:
    check_names(given, param)
    for index, name in enumerate(given):
        if name not in known:
            message = f"unknown value (known: {', '.join(known)})"
            raise InvalidRequest(f"{param}.{index}: {message}", param=f"{param}.{index}")
