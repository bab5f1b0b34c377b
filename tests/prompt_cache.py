"""A provider with a prompt cache, and a long conversation to fill it.

The cache works as those of OpenAI and others do: a prompt is cut into blocks of 128 tokens, and read as far
as its blocks are known, from 1,024 tokens on; a block that was not used for 5 minutes is forgotten. Each key
has a cache of its own.
"""

import json as jsonlib
from collections.abc import Callable, Iterator
from hashlib import blake2b
from random import Random
from time import monotonic
from typing import Any

from simulator import Script, Seen, json

__all__ = ["CachingProvider", "PromptCache", "conversation"]

BYTES_PER_TOKEN = 4
BLOCK = 128
LEAST = 1024
LIFE_S = 300.0

Body = dict[str, Any]


class PromptCache:
    """What one key has cached at a provider."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._used: dict[bytes, float] = {}
        """The digest of a prompt up to the end of a block → when it was used last."""

    def use(self, body: Body) -> tuple[int, int]:
        """Read a prompt as far as it is cached, and cache it. Returns its tokens, and how many were read."""
        prompt = jsonlib.dumps([body.get("tools"), *body["messages"]]).encode()
        now, read, known = self._now(), 0, True
        digest = blake2b(digest_size=16)
        size = BLOCK * BYTES_PER_TOKEN
        for end in range(size, len(prompt) + 1, size):
            digest.update(prompt[end - size : end])
            block = digest.digest()
            known = known and now - self._used.get(block, -LIFE_S) < LIFE_S
            read += BLOCK if known else 0
            self._used[block] = now
        return len(prompt) // BYTES_PER_TOKEN, read if read >= LEAST else 0


class CachingProvider:
    """Answers chats, and reports what was read from the cache of their key."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self.caches: dict[str, PromptCache] = {}
        self.prompt_tokens = self.read_tokens = self.requests = 0

    def __call__(self, seen: Seen) -> Script:
        """The answer to a request (see `Simulator.answer`)."""
        cache = self.caches.setdefault(seen.headers["authorization"], PromptCache(self._now))
        tokens, read = cache.use(seen.json)
        self.requests += 1
        self.prompt_tokens += tokens
        self.read_tokens += read
        usage = {
            "prompt_tokens": tokens,
            "completion_tokens": 20,
            "total_tokens": tokens + 20,
            "prompt_tokens_details": {"cached_tokens": read},
        }
        choice = {"index": 0, "message": {"role": "assistant", "content": "Done."}, "finish_reason": "stop"}
        return json({"id": "chatcmpl-1", "object": "chat.completion", "choices": [choice], "usage": usage})


def conversation(requests: int, seed: int = 9) -> Iterator[Body]:
    """The requests of a coding agent's session, in the shape of recorded ones: long instructions and many
    tools, then tool calls with results of very different sizes, and now and then a word of the user.
    """
    random = Random(seed)
    tools = [
        {"type": "function", "function": {"name": f"tool_{number}", "description": _text(random, 900)}}
        for number in range(12)
    ]
    messages: list[Body] = [
        {"role": "system", "content": _text(random, 14_000)},
        {"role": "user", "content": _text(random, 400)},
    ]
    for number in range(requests):
        yield {"messages": [*messages], "tools": tools}
        if number % 7 == 6:
            messages.append({"role": "assistant", "content": _text(random, 600)})
            messages.append({"role": "user", "content": _text(random, 120)})
            continue
        function = {"name": f"tool_{random.randrange(12)}", "arguments": f'{{"path":"{_text(random, 60)}"}}'}
        call = {"id": f"call_{number}", "type": "function", "function": function}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        size = int(random.lognormvariate(7, 1.2))
        result = {"role": "tool", "tool_call_id": call["id"], "content": _text(random, min(size, 20_000))}
        messages.append(result)


def _text(random: Random, size: int) -> str:
    return "".join(random.choices("abcdefghij klmnop qrstuv ", k=size))
