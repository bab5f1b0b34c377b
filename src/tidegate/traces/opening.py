"""Makes the tracer that a configuration asks for."""

import logging

from tidegate.config import Traces

from .exporter import Exporter, is_installed
from .tracer import Tracer

__all__ = ["open_tracer"]

log = logging.getLogger("tidegate")


def open_tracer(settings: Traces) -> Tracer | None:
    """The tracer for these settings; None if they ask for none, or OpenTelemetry is missing."""
    if not settings.endpoint:
        return None
    if not is_installed():
        log.warning("traces: none are exported, because OpenTelemetry is missing: install tidegate[otel]")
        return None
    exporter = Exporter(settings.endpoint, settings.service)
    content_bytes = settings.content_kb * 1024 if settings.content else 0
    return Tracer(exporter, sample=settings.sample, content_bytes=content_bytes)
