"""Observation: one record per request, and the log.

A record never contains a key, a message or a response. It contains the providers tried, how the request
ended, the tokens by class, and the times. Bodies are kept beside records, if the operator wants them
(`capture.py`, `recorder.py`), and never with a key in them (`redaction.py`).
"""

from .capture import Capture
from .files import DailyFiles
from .nonblocking import NonBlockingWriter
from .record import Considered, Decision, Ending, Record
from .recorder import InteractionFile, Keep, Recorder
from .request_log import RequestLog

__all__ = [
    "Capture",
    "Considered",
    "DailyFiles",
    "Decision",
    "Ending",
    "InteractionFile",
    "Keep",
    "NonBlockingWriter",
    "Record",
    "Recorder",
    "RequestLog",
]
