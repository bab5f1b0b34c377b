"""HTTP/1.1 for both sides: the server for clients, and the client for providers.

This package does not know about gateways, models or dialects. `contract.py` defines how the application sees
a client's request, whichever server received it.
"""
