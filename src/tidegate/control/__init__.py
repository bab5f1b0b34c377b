"""The control plane: pages about the gateway, and the description of its API.

It is loaded when one of its paths is first requested, and never delays a request to
a model. The data plane does not describe itself (it is plain ASGI and knows no schemas); the
description is written by hand in `description/`, and tests hold it against the wire formats, the
doors' routes and real answers.
"""

from .application import create_control

__all__ = ["create_control"]
