"""What `tidegate check` does: try every configured provider, through the gateway itself.

The gateway's application is asked in this process, without a socket, by OpenAI's API; from there on
the way is the usual one: door, exchange, relay, wire format, connection. Four things are tried per
provider (`probes.py`), all providers at the same time, and what came out is a `Finding`
(`findings.py`) for the display, for machines and for a report (`report.py`).

Keys are blacked out of whatever a provider says before anything keeps it.
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
