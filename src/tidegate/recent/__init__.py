"""Recent responses and their items, for clients that refer to them by id.

OpenAI stores responses, and its clients rely on it: the AI SDK sends earlier answers as `item_reference`, and
`previous_response_id` continues a conversation. Tidegate keeps both in memory for a while, unless the client
sends `store: false`. What another worker has written is asked for when it is first referred to.
"""

from .items import ItemsOfCaller, RecentItems
from .sharing import SharedItems

__all__ = ["ItemsOfCaller", "RecentItems", "SharedItems"]
