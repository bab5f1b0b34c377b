"""Embeddings: vectors of texts.

Clients use OpenAI's dialect (`POST /v1/embeddings`); `parse` reads it, `contract` has the request and the
answer in no dialect. Each provider format is a small module; most providers use OpenAI's, whose bytes are
forwarded.
"""

from tidegate.protocols.task import Task

from . import bedrock, cohere, gemini, google_words, openai
from .contract import Embeddings, EmbeddingsRequest
from .parse import parse_request

__all__ = ["TASK", "Embeddings", "EmbeddingsRequest"]

TASK = Task(
    "embeddings",
    parse_request,
    {
        "openai": openai.FORMAT,
        "gemini": gemini.FORMAT,
        "cohere": cohere.FORMAT,
        "bedrock": bedrock.FORMAT,
    },
    {"embedContent": google_words.embed_one, "batchEmbedContents": google_words.embed_batch},
)
