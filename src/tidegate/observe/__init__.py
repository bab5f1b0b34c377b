"""Observation: one record per request, and the log.

A record never contains a key, a message or a response. It contains the providers tried, how the request
ended, the tokens by class, and the times.
"""

from .files import DailyFiles
from .nonblocking import NonBlockingWriter
from .record import Considered, Decision, Ending, Record
from .request_log import RequestLog

__all__ = ["Considered", "DailyFiles", "Decision", "Ending", "NonBlockingWriter", "Record", "RequestLog"]
