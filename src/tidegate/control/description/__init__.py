"""The API of the data plane as one OpenAPI 3.1 document.

`document.py` lists the paths; `chat.py`, `responses.py`, `messages.py` and `contents.py` have the schemas of
the dialects, `tasks.py` those of what can be asked for beside chat, `catalog.py` those of what is known
about models, `extensions.py` Tidegate's own fields, `replies.py` the headers and errors that all share, and
`schema.py` the words in which they are written. `llm_gate.py` is a document of its own.
"""

from .document import describe
from .llm_gate import describe_llm_gate

__all__ = ["describe", "describe_llm_gate"]
