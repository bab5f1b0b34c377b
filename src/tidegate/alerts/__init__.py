"""Alerts: what an operator should know at once, by any service that Apprise knows.

A *notice* is one thing that happened: a breaker opened, a credential was refused, funds ran out, the gateway
itself failed. Notices become few *messages* (see `digest.py`): those of a few seconds are grouped, a repeated
one is counted instead of sent, and a recovery is reported once it has lasted. Nothing here is on a request's
path: a notice is put on a bounded list, and messages are sent from a thread.

A notice has no contents of requests and no secrets: it is made from transitions of the routing room, which
have neither.
"""

from .alerts import Alerts
from .digest import Digest, Message
from .notice import Notice, notice_of

__all__ = ["Alerts", "Digest", "Message", "Notice", "notice_of"]
