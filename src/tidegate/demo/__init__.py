"""A provider that needs no key, for trying out the gateway and for tests.

It implements OpenAI's chat API on its own loopback socket, and the gateway calls it like any other provider.
It is independent: only the parsing of requests is shared with the gateway.

- `models.py`: the models by name; most of them simulate failures.
- `answers.py`: the response to a `Turn`. Pure: the same request gets the same answer, ids included,
  streamed or not.
- `schema.py`: values that fit a JSON Schema, for tool arguments and structured output.
- `tokens.py`: counting, and cutting by count.
- `wire.py`: the answer as OpenAI writes it, whole or in chunks.
- `server.py`: the socket, the pacing and the faults.
"""

from .server import Server

__all__ = ["Server"]
