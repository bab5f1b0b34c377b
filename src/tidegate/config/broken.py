"""Providers from a broken package: they are disabled, all others keep working."""

from msgspec.structs import replace

from .dialect import fault_of_row
from .draft import Draft
from .kinds import kinds
from .problems import quoted

__all__ = ["leave_out_broken"]


def leave_out_broken(draft: Draft) -> list[str]:
    """Remove the providers of broken packages, and everything that refers to them. Returns warnings."""
    warnings = list(kinds().broken.values())
    gone: set[str] = set()
    for table in [table for table in draft.tables if table[0] == "providers" and len(table) == 2]:
        fault = _fault(str(draft.value(table, "kind")), draft.value(table, "base_url"))
        if fault is not None:
            origin = draft.tables[table]["kind"].origin
            known = "" if fault in warnings else f": {fault}"
            warnings.append(f"{origin}: the provider {quoted(table[1])} is disabled{known}")
            gone.add(table[1])
            draft.forget(table)
    if gone:
        warnings += _leave_out_names(draft, gone)
    return warnings


def _fault(kind: str, base_url: object) -> str | None:
    known = kinds().get(kind)
    if known is None:
        return kinds().broken.get(kind)
    return fault_of_row(known, base_url if isinstance(base_url, str) else None)


def _leave_out_names(draft: Draft, gone: set[str]) -> list[str]:
    """Remove these providers' prices and candidates. Returns warnings."""
    warnings = []
    for table in [table for table in draft.tables if len(table) == 2]:
        if table[0] == "prices" and table[1].partition("/")[0] in gone:
            draft.forget(table)
        setting = draft.tables.get(table, {}).get("candidates")
        if table[0] != "models" or setting is None or not isinstance(setting.value, list):
            continue
        left = [one for one in setting.value if str(one).partition("/")[0] not in gone]
        if len(left) == len(setting.value):
            continue
        if left:
            draft.put(table, "candidates", replace(setting, value=left, inner={}))
        else:
            warnings.append(f"{setting.origin}: no provider is left to serve the model {quoted(table[1])}")
            draft.forget(table)
    return warnings
