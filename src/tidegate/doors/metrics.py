"""The figures of the gateway: now, by model, and over time."""

import logging
from collections.abc import Awaitable, Callable, Iterator
from time import perf_counter, time

from tidegate import __version__
from tidegate.exchange import JSON, Gateway, Header, Request
from tidegate.figures.asked import overview_asked
from tidegate.figures.families import READINGS
from tidegate.figures.own_process import figures_of
from tidegate.figures.text import JSON as AS_JSON
from tidegate.figures.text import OPENMETRICS, Single, Value, render_json, render_text, wanted_format
from tidegate.figures.views import Overview, models_of, trends_of
from tidegate.protocols.errors import InternalError, TidegateError
from tidegate.providers import COUNTING, protocol_named

from .details import encode
from .listing import query_of
from .routing import Routes

__all__ = ["MetricsDoor"]

log = logging.getLogger("tidegate")

FRESH: Header = (b"cache-control", b"no-store")
STATES = ("closed", "open", "half_open")


class MetricsDoor:
    """For Prometheus, and for people. Who may read is decided by `exchange.metrics_access`; no record is
    written.
    """

    name = "metrics"
    prefix = "/metrics"

    def __init__(self) -> None:
        self.protocol = protocol_named("openai_chat")

    def routes(self) -> Routes:
        """See Door."""
        return {
            ("GET", "/metrics"): self.metrics,
            ("GET", "/metrics/models"): self.models,
            ("GET", "/metrics/trends"): self.trends,
        }

    def metrics(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """All metrics as they are now, over all workers of this host."""

        async def answer() -> None:
            wanted = wanted_format(request.named.get(b"accept", b"").decode("latin-1"))
            gateway.figures.look()
            blocks, singles = gateway.figures.live.merge(), [*_singles(gateway)]
            if wanted == AS_JSON:
                request.respond(200, [JSON, FRESH], encode(render_json(blocks, singles)))
                return
            text = render_text(blocks, singles, openmetrics=wanted == OPENMETRICS)
            request.respond(200, [(b"content-type", wanted), FRESH], text)

        return self._answer(request, gateway, answer)

    def models(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Every model at every provider, over the last hours."""

        async def answer() -> None:
            found = await _overview(request, gateway, "hours", "model", "provider")
            request.respond(200, [JSON, FRESH], encode(models_of(found)))

        return self._answer(request, gateway, answer)

    def trends(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """The same over time: of everything, or of one model or provider."""

        async def answer() -> None:
            found = await _overview(request, gateway, "hours", "bucket", "model", "provider")
            request.respond(200, [JSON, FRESH], encode(trends_of(found)))

        return self._answer(request, gateway, answer)

    async def _answer(
        self, request: Request, gateway: Gateway, answer: Callable[[], Awaitable[None]]
    ) -> None:
        try:
            await gateway.metrics_access.authorize(request)
            await answer()
        except TidegateError as error:
            self._refuse(request, error)
        except Exception:
            log.exception("%s failed inside the gateway", request.id)
            self._refuse(request, InternalError())

    def _refuse(self, request: Request, error: TidegateError) -> None:
        reply = self.protocol.render_error(error, request.id)
        request.respond(reply.status, [*reply.headers, *error.headers], reply.body)


async def _overview(request: Request, gateway: Gateway, *names: str) -> Overview:
    """The figures that these parameters of the query ask for; others are ignored."""
    query = {name: value for name, value in query_of(request).items() if name in names}
    return await overview_asked(gateway.figures.history, query, int(time() * 1000))


def _singles(gateway: Gateway) -> Iterator[Single]:
    """What is read when it is asked for."""
    found: dict[str, list[Value]] = {name: [] for name in READINGS}
    found["tidegate_build_info"].append(Value({"version": __version__}, 1))
    found["tidegate_breaker_state"] += _breakers(gateway)
    for place, pid, started_s in gateway.figures.live.workers():
        labels, process = {"worker": str(place)}, figures_of(pid)
        found["process_start_time_seconds"].append(Value(labels, started_s))
        if process is not None:
            found["process_cpu_seconds_total"].append(Value(labels, process.cpu_s))
            found["process_resident_memory_bytes"].append(Value(labels, process.resident_bytes))
            found["process_open_fds"].append(Value(labels, process.open_files))
    for name, values in found.items():
        yield Single(name, READINGS[name].help, READINGS[name].type, values)


def _breakers(gateway: Gateway) -> Iterator[Value]:
    now = perf_counter()
    for name, service in gateway.registry.services.items():
        for one in gateway.router.health(name, now).endpoints:
            model = gateway.model_names.name_of(service, one.model)
            if model is None or one.model.endswith(COUNTING):
                continue
            for state in STATES:
                labels = {"provider": name, "model": model, "state": state}
                yield Value(labels, int(one.breaker == state))
