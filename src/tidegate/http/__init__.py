"""HTTP/1.1 on both sides: what clients send and get, what providers are sent and answer.

The room knows nothing of gateways, models or dialects. `contract.py` says what the application sees
of a client's request, whichever server read it.
"""
