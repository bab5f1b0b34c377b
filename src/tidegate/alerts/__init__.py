"""Alerts: events that an operator should know about immediately, sent through any service that Apprise
supports.

A *notice* is one event: a breaker opened, a credential was rejected, funds ran out, the gateway itself
failed. Many notices become few *messages* (see `digest.py`): those within a few seconds are grouped,
repetitions are counted instead of sent, and a recovery is reported once it has lasted. None of this delays
requests: a notice is added to a bounded list, and messages are sent from a thread.

Notices contain no content of requests and no secrets: they come from transitions of the router, which have
neither.
"""

from .alerts import Alerts
from .digest import Digest, Message
from .notice import Notice, notice_of

__all__ = ["Alerts", "Digest", "Message", "Notice", "notice_of"]
