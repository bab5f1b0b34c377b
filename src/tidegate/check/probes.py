"""The probes: is the provider reachable, does it respond, stream and call tools."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from time import perf_counter
from typing import Any

import msgspec

from tidegate.wording import counted

from .findings import Finding, Probe, black_out
from .inside import Application, ask
from .listing import find_model
from .plan import Check
from .reading import READERS, TOOL_NAME, Fault, since

__all__ = ["PROBES", "run_check"]

PATH = "/v1/chat/completions"
MAX_TOKENS = 1024
"""Enough for reasoning models to answer a short question."""

QUESTION = "Reply with the single word: pong"
TOOL = {
    "type": "function",
    "function": {
        "name": TOOL_NAME,
        "description": "Current weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "Name of the city"}},
            "required": ["city"],
        },
    },
}

REQUESTS: Mapping[str, dict[str, Any]] = {
    "answer": {"messages": [{"role": "user", "content": QUESTION}]},
    "stream": {
        "messages": [{"role": "user", "content": QUESTION}],
        "stream": True,
        "stream_options": {"include_usage": True},
    },
    "tools": {
        "messages": [{"role": "user", "content": f"What is the weather in Paris? Call {TOOL_NAME}."}],
        "tools": [TOOL],
    },
}

PROBES = ("reachable", *REQUESTS)
"""All probes, in display order."""

UNREACHED = frozenset(["provider_unreachable", "provider_timeout"])
"""Error codes that do not prove that the provider is reachable."""
NOT_OFFERED = "unsupported_feature"
"""The error code for a feature that the provider's API does not support."""

encode = msgspec.json.Encoder().encode

Done = Callable[[str, Probe], None]


async def run_check(
    check: Check,
    application: Application,
    deadline_s: float,
    secrets: Iterable[str] = (),
    done: Done = lambda _name, _probe: None,
) -> Finding:
    """Run all probes of one provider in parallel; `done` is called with each result."""
    probes = await _Run(check, application, deadline_s, list(secrets), done).try_all()
    return Finding(check.provider, check.kind, check.model, probes)


class _Run:
    """The check of one provider."""

    def __init__(
        self, check: Check, application: Application, deadline_s: float, secrets: list[str], done: Done
    ) -> None:
        self._check = check
        self._application = application
        self._deadline_s = deadline_s
        self._secrets = secrets
        self._done = done
        self._reacted = False
        """Whether the provider has responded at all."""

    async def try_all(self) -> dict[str, Probe]:
        """All results by name. An unreachable provider is reported once, not four times."""
        try:
            self._check.model = self._check.model or await find_model(self._check)
        except Fault as fault:
            probes = {"reachable": self._fail(fault)} | dict.fromkeys(REQUESTS, Probe(verdict="not_tried"))
            for name, probe in probes.items():
                self._done(name, probe)
            return probes
        found = await asyncio.gather(*(self._try(name) for name in REQUESTS))
        tried = dict(zip(REQUESTS, found, strict=True))
        reachable = Probe(verdict="good")
        if not self._reacted:
            reachable = msgspec.structs.replace(found[0], ms=None)
            tried = dict.fromkeys(REQUESTS, Probe(verdict="not_tried"))
        self._done("reachable", reachable)
        return {"reachable": reachable, **tried}

    async def _try(self, name: str) -> Probe:
        probe = await self._attempt(name)
        self._done(name, probe)
        return probe

    async def _attempt(self, name: str) -> Probe:
        check = self._check
        body = encode(
            {"model": f"{check.provider}/{check.model}", "max_tokens": MAX_TOKENS, **REQUESTS[name]}
        )
        began = perf_counter()
        try:
            async with asyncio.timeout(self._deadline_s), ask(self._application, PATH, body) as response:
                try:
                    probe = await READERS[name](response, began)
                finally:
                    self._reacted |= response.status == 200
        except TimeoutError:
            return self._fail(
                Fault(f"no complete response within {counted(self._deadline_s, 'second')}"), since(began)
            )
        except Fault as fault:
            self._reacted |= fault.code not in UNREACHED
            return self._fail(fault, since(began))
        return probe

    def _fail(self, fault: Fault, ms: float | None = None) -> Probe:
        words = black_out(str(fault), self._secrets)
        if fault.code == NOT_OFFERED:
            return Probe(verdict="not_offered", error=words)
        return Probe(verdict="failed", ms=ms, status=fault.status, error=words)
