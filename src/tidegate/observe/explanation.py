"""A record as an explanation for people: `tidegate explain`.

Records are read as they were written, maybe by another version: what is missing is left out, and what is not
known is shown as it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec.json import encode

from tidegate.money import show_usd
from tidegate.protocols.excerpt import escape_controls
from tidegate.wording import counted

__all__ = ["TOLD", "explain"]

Fields = Mapping[str, Any]

ENDINGS = {
    "complete": "complete",
    "complete_without_usage": "complete, and the provider reported no usage",
    "client_left": "the client disconnected before the end",
    "provider_broke": "the provider failed after the response had begun",
    "failed": "no provider gave an answer",
    "refused": "Tidegate rejected the request",
    "gateway_failed": "an internal error; the log says where",
    "shut_down": "Tidegate was stopped",
}
ORDERS = {
    "priority": "as listed",
    "weighted": "drawn by the configured weights",
    "cost": "the lowest expected cost first",
    "latency": "the shortest time to first token first",
    "throughput": "the most tokens per second first",
    "balanced": "drawn by weights made of cost, time and success",
}
BLOCKED = {
    "breaker": "fails too often",
    "rate": "is rate limited",
    "account": "refuses its key, or has no funds",
    "model": "has no such model",
    "cap": "is close to its rate limit",
}
TOLD = frozenset(
    [
        "time", "id", "door", "path", "status", "ended", "model", "provider", "provider_model",
        "resolved_from", "stream", "finish", "usage", "dropped", "left_out", "attempts", "continued", "hedge",
        "provider_key", "resent", "skipped", "user", "cost", "bill", "estimated", "provider_cost",
        "routing", "error", "shortened", "began_ms", "answered_ms", "costs", "total_ms", "paused_ms",
        "first_byte_ms", "overhead_ms",
    ]
)  # fmt: skip
"""Fields that the sections tell; the others follow as they are."""


def explain(record: Fields) -> list[str]:
    """Line by line: what was asked for, how it ended, how the candidates were ordered and why, who was
    skipped, who was tried.
    """
    sections = (_summary, _order, _skipped, _tried, _bill, _rest)
    lines: list[str] = []
    for section in sections:
        added = list(section(record))
        if added and lines:
            lines.append("")
        lines += added
    return [escape_controls(line) for line in lines]


# --- the request and its end -----------------------------------------------------------------


def _summary(record: Fields) -> Iterator[str]:
    yield f"{record.get('id')}, {record.get('time')}"
    model = f"{record.get('model') or 'no model'}{', streamed' if record.get('stream') else ''}"
    yield f"requested: {model} ({record.get('door')}, {record.get('path')})"
    ended = str(record.get("ended"))
    yield f"ended: {ENDINGS.get(ended, ended)} (status {record.get('status')}){_of_error(record)}"
    if record.get("provider"):
        key = _key(record, "provider_key")
        yield f"provider: {record['provider']}, model {record.get('provider_model')}{key}"
    if record.get("resolved_from"):
        yield f"retired name: {record['resolved_from']}; {record.get('provider_model')} takes its place"
    yield f"time: {_times(record)}"
    if record.get("usage"):
        yield f"tokens: {_tokens(record['usage'])}"
    for name in ("dropped", "left_out", "shortened"):
        if record.get(name):
            yield f"{name.replace('_', ' ')}: {', '.join(record[name])}"


def _of_error(record: Fields) -> str:
    return f": {record['error']}" if record.get("error") else ""


def _times(record: Fields) -> str:
    parts = [f"{_ms(record.get('total_ms', 0.0))} in total"]
    if record.get("first_byte_ms") is not None:
        parts.append(f"first byte after {_ms(record['first_byte_ms'])}")
    if record.get("overhead_ms") is not None:
        parts.append(f"{_ms(record['overhead_ms'])} of it Tidegate's own")
    return ", ".join(parts)


def _tokens(usage: Fields) -> str:
    prompt = sum(
        usage.get(name) or 0
        for name in ("input", "cache_read", "cache_write", "cache_write_1h", "input_audio", "input_image")
    )
    completion = sum(usage.get(name) or 0 for name in ("output", "reasoning", "output_audio", "output_image"))
    read = usage.get("cache_read")
    cached = f" ({read:,} of them read from the prompt cache)" if read else ""
    return f"{prompt:,} of the prompt{cached}, {completion:,} of the completion"


# --- the order -------------------------------------------------------------------------------


def _order(record: Fields) -> Iterator[str]:
    routing = record.get("routing")
    if not routing or not routing.get("candidates"):
        return
    candidates = [_named(one) for one in routing["candidates"]]
    order = routing.get("order", "priority")
    by = "requested by provider.sort" if routing.get("requested") else "configured"
    yield f"order: {order} ({by}): {ORDERS.get(order, order)}; those that cannot serve stand behind"
    if routing.get("tiers"):
        groups = " + ".join(map(str, routing["tiers"]))
        yield f"   the request ranked the candidates itself, in groups of {groups}, each ordered by itself"
    for number, one in enumerate(candidates, 1):
        yield f"   {number}. {_place(one)}{_figures(one)}"
    yield f"first: {candidates[0]['provider']}, because {_why_first(routing, candidates)}"
    yield from _affinity(routing, candidates)


def _named(one: Fields | str) -> Fields:
    """A candidate of which only the name was recorded."""
    if not isinstance(one, str):
        return one
    provider, _, model = one.partition("/")
    return {"provider": provider, "model": model}


def _figures(one: Fields) -> str:
    parts = []
    if blocked_by := one.get("blocked_by"):
        wait = f" for {one['wait_s']:.1f} s" if one.get("wait_s") else ""
        parts.append(f"{BLOCKED.get(blocked_by, blocked_by)}{wait}")
    if one.get("weight") is not None:
        parts.append(f"weight {one['weight']:.3g}")
    if one.get("cost_usd") is not None:
        parts.append(f"{_usd(one['cost_usd'])}")
    if one.get("ttft_s") is not None:
        parts.append(f"first token {one['ttft_s']:.2f} s")
    if one.get("tokens_per_s") is not None:
        parts.append(f"{one['tokens_per_s']:.0f} tokens/s")
    if one.get("success") is not None:
        parts.append(f"success {one['success']:.1%}")
    if one.get("slow"):
        parts.append("slow: counts as half as successful")
    if one.get("cached_tokens"):
        parts.append(f"{counted(one['cached_tokens'], 'token')} cached")
    return f": {', '.join(parts)}" if parts else ""


def _why_first(routing: Fields, candidates: Sequence[Fields]) -> str:
    """Why the first choice stood first, by what the record has."""
    first = candidates[0]
    able = [one for one in candidates if not one.get("blocked_by")]
    if not able:
        return (
            f"no candidate can serve at the moment, and it is the next (in {first.get('wait_s') or 0:.1f} s)"
        )
    if routing.get("stayed"):
        cached = counted(first.get("cached_tokens") or 0, "token")
        return f"the conversation's prompt cache is warm there ({cached}), and nobody is cheaper"
    if len(able) == 1 and len(candidates) > 1:
        return "it alone can serve at the moment"
    if routing.get("tiers"):
        return (
            "the request ranks it first"
            if routing["tiers"][0] == 1
            else "of those that the request ranks first"
        )
    return _by_order(routing.get("order", "priority"), first, able)


FIGURES = {
    "cost": ("cost_usd", min, "its expected cost is the lowest"),
    "latency": ("ttft_s", min, "its time to first token is the shortest"),
    "throughput": ("tokens_per_s", max, "it generates the most tokens per second"),
}
"""Order → the figure, the best of some, and what that means."""


def _by_order(order: str, first: Fields, able: Sequence[Fields]) -> str:
    if order in FIGURES:
        name, best, words = FIGURES[order]
        known = [one[name] for one in able if one.get(name) is not None]
        if not known:
            return "it is listed first; the figures of none are known yet"
        if first.get(name) == best(known):
            return words
        if first.get(name) is None:
            what = "price is" if name == "cost_usd" else "figures are"
            return f"its {what} not known: it counts as the median of the others"
        return "it was its turn: others come first now and then, so that their figures stay known"
    weights = [one["weight"] for one in able if one.get("weight") is not None]
    if weights and first.get("weight") is not None and sum(weights) > 0:
        return f"it was drawn: its share of the weights is {first['weight'] / sum(weights):.0%}"
    return "it is listed first" if len(able) > 1 else "it is the only candidate"


def _affinity(routing: Fields, candidates: Sequence[Fields]) -> Iterator[str]:
    """What became of the conversation's warm cache."""
    if not routing.get("conversation") or routing.get("stayed"):
        return
    warm = [one for one in candidates if one.get("cached_tokens")]
    if not warm:
        yield "affinity: the request belongs to a conversation, and no candidate is known to have it cached"
        return
    home, first = warm[0], candidates[0]
    if home is first:
        yield "affinity: the conversation's prompt cache is warm at the first candidate"
    else:
        reason = _why_left(home, first, routing)
        yield f"affinity: the conversation's prompt cache is warm at {home['provider']}, but {reason}"


def _why_left(home: Fields, first: Fields, routing: Fields) -> str:
    if home.get("blocked_by"):
        return f"it {BLOCKED.get(home['blocked_by'], 'cannot serve')}"
    if home.get("slow"):
        return "it is slow at the moment"
    if routing.get("requested"):
        return "the request chose the order itself"
    costs = home.get("cost_usd"), first.get("cost_usd")
    if costs[0] is not None and costs[1] is not None and costs[1] < costs[0]:
        return f"{first['provider']} is cheaper even without it"
    return "it failed there before, or reading that cache saves nothing"


# --- who was skipped, and who was tried ------------------------------------------------------


def _skipped(record: Fields) -> Iterator[str]:
    skipped = record.get("skipped") or ()
    if skipped:
        yield "skipped:"
    for one in skipped:
        yield f"   {_place(one)}: {one.get('reason')}"


def _tried(record: Fields) -> Iterator[str]:
    failed: Sequence[Fields] = record.get("attempts") or ()
    answered = _answered(record)
    if failed or answered:
        yield "tried:"
    for number, one in enumerate(failed, 1):
        yield f"   {number}. {_place(one)}{_failed(one)}"
    if answered:
        yield f"   {len(failed) + 1}. {answered}"
    if record.get("continued"):
        yield f"   a stream that broke was carried on: {record['continued']}"
    if record.get("resent"):
        yield f"   sent again because a reused connection was dead: {record['resent']}"
    if record.get("paused_ms"):
        yield f"   between the attempts: {_ms(record['paused_ms'])} of waiting"


def _failed(one: Fields) -> str:
    """How an attempt failed, and what it cost nevertheless."""
    outcome = "cancelled" if one.get("cancelled") else "failed"
    hedge = " (a hedge)" if one.get("hedge") else ""
    words = f"{hedge}{_key(one, 'key')}: {outcome} after {_ms(one.get('ms', 0.0))}: {one.get('error')}"
    if one.get("delivered_tokens") is not None:
        words += f", {counted(one['delivered_tokens'], 'token')} of its answer had been delivered"
    return f"{words}; tokens: {_tokens(one['usage'])}" if one.get("usage") else words


def _answered(record: Fields) -> str | None:
    """The attempt that answered; None where none did. A plain answer is in the books before its first byte
    leaves, so that only the times of the attempt itself are always known.
    """
    began, answered = record.get("began_ms"), record.get("answered_ms")
    if began is None or answered is None or record.get("ended") == "failed":
        return None
    place = f"{record.get('provider')}/{record.get('provider_model')}"
    outcome = {
        "provider_broke": "answered, and broke before the end",
        "client_left": "answered until the client left",
    }.get(str(record.get("ended")), "answered")
    finish = f", finish reason {record['finish']}" if record.get("finish") else ""
    hedge = " (a hedge)" if record.get("hedge") else ""
    return f"{place}{hedge}: {outcome}; first byte after {_ms(answered - began)}{finish}"


def _bill(record: Fields) -> Iterator[str]:
    """What it cost."""
    if record.get("cost") is not None:
        estimated = ", of usage that was estimated, because the provider reported none"
        yield f"cost: ${show_usd(record['cost'])}{estimated if record.get('estimated') else ''}"
    for line in record.get("bill") or ():
        count, rate = f"{line.get('count', 0):,}", line.get("rate")
        yield f"   {line.get('name')}: {count} at {rate} = ${show_usd(line.get('amount', 0))}"
    if record.get("provider_cost") is not None:
        yield f"cost that the provider reports: ${show_usd(record['provider_cost'])}"
    if record.get("user"):
        yield f"user: {record['user']}"


def _rest(record: Fields) -> Iterator[str]:
    """Fields that no section tells: those of other versions too."""
    for name, value in record.items():
        if name not in TOLD and value is not None:
            yield f"{name}: {value if isinstance(value, str) else encode(value).decode()}"


# --- words -----------------------------------------------------------------------------------


def _key(fields: Fields, name: str) -> str:
    """Which of several keys was used."""
    return f", key {fields[name]}" if fields.get(name) else ""


def _place(one: Fields) -> str:
    return f"{one.get('provider')}/{one.get('model')}"


def _usd(amount: float) -> str:
    """An amount with its first three digits that count."""
    return f"${amount:.3g}" if amount >= 1e-4 or not amount else f"${amount:.7f}".rstrip("0")


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:,.0f} ms" if milliseconds >= 10 else f"{milliseconds:.1f} ms"
