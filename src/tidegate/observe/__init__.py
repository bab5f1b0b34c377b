"""What happened: one record per request, and where the lines go.

A record never holds a key, a message or an answer; it says who was asked, how it ended, how many
tokens of which class it took and how long whom.
"""

from .nonblocking import NonBlockingWriter
from .record import Ending, Record
from .request_log import RequestLog

__all__ = ["Ending", "NonBlockingWriter", "Record", "RequestLog"]
