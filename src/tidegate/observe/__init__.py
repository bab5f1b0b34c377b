"""What happened: one record per request, and where the lines go.

A record never holds a key, a message or a response; it says which provider was tried, how it ended, how many
tokens of which class it took and how long whom.
"""

from .files import DailyFiles
from .nonblocking import NonBlockingWriter
from .record import Considered, Decision, Ending, Record
from .request_log import RequestLog

__all__ = ["Considered", "DailyFiles", "Decision", "Ending", "NonBlockingWriter", "Record", "RequestLog"]
