"""Options for what keys, users and teams may do, and how settings are shown."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from .values import parse_amount, show_amount, split_names

if TYPE_CHECKING:
    from tidegate.accounts.settings import Budget as BudgetSetting
    from tidegate.accounts.settings import KeySettings, TeamSettings, UserSettings

    S = TypeVar("S", KeySettings, UserSettings, TeamSettings)

__all__ = [
    "Addresses", "Budget", "Concurrent", "Models", "Per", "Providers", "Requests", "Tokens",
    "changed_settings", "settings_in", "show_settings",
]  # fmt: skip

MOST = 10**12

Requests = Annotated[
    int | None, typer.Option("--rpm", min=1, max=MOST, metavar="N", help="Requests per minute.")
]
Tokens = Annotated[int | None, typer.Option("--tpm", min=1, max=MOST, metavar="N", help="Tokens per minute.")]
Concurrent = Annotated[
    int | None, typer.Option("--concurrent", min=1, max=MOST, metavar="N", help="Requests at the same time.")
]
Budget = Annotated[
    str | None, typer.Option("--budget", metavar="USD", help="The most that may be spent in a period.")
]
Per = Annotated[str, typer.Option("--per", metavar="day|month", help="The period of the budget.")]
Models = Annotated[
    list[str] | None,
    typer.Option("--models", metavar="PATTERNS", help="Only these models: gpt-*,claude-*. Repeatable."),
]
Providers = Annotated[
    list[str] | None,
    typer.Option("--providers", metavar="NAMES", help="Only these providers. Repeatable."),
]
Addresses = Annotated[
    list[str] | None,
    typer.Option("--addresses", metavar="NETWORKS", help="Only from these networks. Repeatable."),
]


def changed_settings(
    settings: "S",
    *,
    limits: Mapping[str, int | None],
    budget: str | None,
    per: str,
    names: Mapping[str, Sequence[str] | None],
    others: Mapping[str, Any] | None = None,
) -> "S":
    """Settings with what the options change. An option that is not given (None) changes nothing. A budget
    replaces the one of the same period.
    """
    from msgspec import structs

    given = {name: value for name, value in limits.items() if value is not None}
    values: dict[str, Any] = {"limits": structs.replace(settings.limits, **given)} if given else {}
    if budget is not None:
        values["budgets"] = _with_budget(settings.budgets, budget, per)
    values |= {name: found for name, texts in names.items() if (found := split_names(texts)) is not None}
    return structs.replace(settings, **values, **(others or {}))


def _with_budget(budgets: "Sequence[BudgetSetting]", amount: str, per: str) -> "tuple[BudgetSetting, ...]":
    from tidegate.accounts.settings import Budget as BudgetSetting

    if per not in ("day", "month"):
        raise typer.BadParameter(f'"{per}" is no period: day or month', param_hint="--per")
    kept = tuple(one for one in budgets if one.period != per)
    return (*kept, BudgetSetting(amount=parse_amount(amount), period="day" if per == "day" else "month"))


def settings_in(value: object, kind: "type[S]") -> "S":
    """Settings from the JSON in the store."""
    import msgspec

    return msgspec.convert(value, kind)


def show_settings(settings: "KeySettings | UserSettings | TeamSettings") -> str:
    """Settings in a line of words."""
    limits = settings.limits
    counts = [
        (limits.requests_per_minute, "requests/min"),
        (limits.tokens_per_minute, "tokens/min"),
        (limits.concurrent, "at a time"),
    ]
    words = [f"{count:,} {unit}" for count, unit in counts if count is not None]
    words += [f"{show_amount(budget.amount)} USD/{budget.period}" for budget in settings.budgets]
    for name in ("models", "providers", "addresses", "tags"):
        if names := getattr(settings, name, ()):
            words.append(f"{name} {' '.join(names)}")
    if (threshold := getattr(settings, "low_balance", None)) is not None:
        words.append(f"reported below {show_amount(threshold)} USD" if threshold else "never reported")
    if getattr(settings, "wallet", True) is False:
        words.append("no wallet")
    if getattr(settings, "margin", "0") != "0":
        words.append(f"margin {settings.margin}")  # type: ignore[union-attr]
    return ", ".join(words)
