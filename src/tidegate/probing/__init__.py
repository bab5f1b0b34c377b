"""Probes of our own: what is down is tried by the gateway, so that no client's request has to.

Off unless `routing.probe` says otherwise. A provider's model whose breaker is due for a probe, and a key that
was refused, are tried with the cheapest harmless call: the list of models (`"list"`), or a chat of one token
(`"request"`). One worker probes for the whole gateway. A probe is no client's request: it has no record, no
caller and no bill, its times count for no figure, and its result is in the health of the provider.

A list proves less than a request: that the provider can be reached, and accepts the key. So it counts as the
first of the two successes that close a breaker, and a client's request has to be the second. A request that
is answered proves all, even if the answer is an error by the request's own fault: two of them close the
breaker. A key without funds is accepted for lists, so only a request opens it again.
"""

from .prober import Prober

__all__ = ["Prober"]
