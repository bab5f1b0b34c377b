"""`tidegate check`: test every configured provider through the gateway itself.

The gateway's application is called in this process, without a socket, with OpenAI's API; from there
the request takes its usual path: door, exchange, relay, wire format, connection. Four probes run per
provider (`probes.py`), all providers in parallel. The result is a `Finding` (`findings.py`) for the
display, for JSON and for the report (`report.py`).

Keys are redacted from provider messages before anything stores them.
"""

from .findings import Finding, Probe, Verdict
from .plan import Check, plan_checks
from .probes import PROBES, run_check
from .report import render_json, render_markdown

__all__ = [
    "PROBES",
    "Check",
    "Finding",
    "Probe",
    "Verdict",
    "plan_checks",
    "render_json",
    "render_markdown",
    "run_check",
]
