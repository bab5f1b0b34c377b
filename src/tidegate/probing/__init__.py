"""Probes: the gateway tests unavailable providers itself, so that no client's request has to.

Off by default (`routing.probe`). A model whose breaker is due for a probe, and a rejected key, are tested
with the cheapest harmless call: the model list (`"list"`), or a chat with one token (`"request"`). One worker
probes for the whole gateway. A probe is not a client's request: it has no record, caller or bill, it does not
affect figures, and its result appears in the provider's health.

A list proves less than a request: only that the provider can be reached and accepts the key. It therefore
counts as the first of the two successes that close a breaker; a client's request has to be the second. An
answered request proves everything, even if the answer is an error that is the request's fault: two of them
close the breaker. A key without funds is accepted for lists, so only a request can unblock it.
"""

from .prober import Prober

__all__ = ["Prober"]
