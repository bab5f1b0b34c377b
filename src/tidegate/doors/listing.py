"""Model lists in OpenAI's, Anthropic's and Google's dialects.

OpenAI's and Anthropic's SDKs both request `/v1/models`, google-genai `/v1/models` or `/v1beta/models`; the
headers tell them apart. Without a limit, all models are on one page.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from tidegate.exchange import Request
from tidegate.protocols.contract import Protocol
from tidegate.protocols.errors import InvalidRequest
from tidegate.providers import ListedModel, protocol_named

__all__ = ["GOOGLE", "LISTERS", "Lister", "list_in_openai", "lister_of", "one_in_openai", "query_of"]

ANTHROPIC_VERSION = b"anthropic-version"
"""Anthropic's SDKs send this header."""

GOOGLES = (b"x-goog-api-key", b"x-goog-api-client")
"""Google's SDKs send these."""

UNKNOWN_DATE = "1970-01-01T00:00:00Z"
"""Anthropic's dialect requires a release date, and allows the epoch if it is not known."""

UNKNOWN_OF_MODEL = dict.fromkeys(("capabilities", "deprecated_at", "line", "retires_at"))
"""Fields that Anthropic's model objects always have, and that are null if unknown."""

MOST = 1000
"""Default number of models per page, if a page is requested."""

Query = Mapping[str, str]


def query_of(request: Request) -> Query:
    """The query parameters; the last value of repeated ones."""
    return {name: values[-1] for name, values in parse_qs(request.query.decode("latin-1")).items()}


class Page(NamedTuple):
    """A page of the list."""

    models: Sequence[ListedModel]
    has_more: bool = False


def cut_page(models: Sequence[ListedModel], limit: int | None, after: str | None, before: str | None) -> Page:
    """The models after `after` or before `before`, at most `limit`."""
    if before is not None:
        models = models[: _place(models, before, "before_id")]
        return Page(models[-limit:] if limit else models, limit is not None and len(models) > limit)
    if after is not None:
        models = models[_place(models, after, "after_id") + 1 :]
    return Page(models[:limit], limit is not None and len(models) > limit)


def _place(models: Sequence[ListedModel], name: str, param: str) -> int:
    for place, model in enumerate(models):
        if model.id == name:
            return place
    raise InvalidRequest(f"{param} is not a model in the list", param=param)


def _limit(query: Query, param: str) -> int | None:
    said = query.get(param)
    if said is None:
        return None
    if not (said.isascii() and said.isdecimal() and len(said) < 10 and int(said)):
        raise InvalidRequest("expected a whole number above 0", param=param)
    return min(int(said), MOST)


# --- OpenAI ----------------------------------------------------------------------------------


def one_in_openai(model: ListedModel) -> dict[str, Any]:
    """A model as OpenAI's API describes it. `created` is 0, because the release date is not known."""
    return {"id": model.id, "object": "model", "created": 0, "owned_by": model.owner}


def list_in_openai(models: Sequence[ListedModel]) -> dict[str, Any]:
    """OpenAI's list."""
    return {"object": "list", "data": [one_in_openai(model) for model in models]}


def _page_in_openai(models: Sequence[ListedModel], query: Query) -> dict[str, Any]:
    """OpenAI's list, cut as its other lists are."""
    page = cut_page(models, _limit(query, "limit"), query.get("after"), query.get("before"))
    more = {"has_more": page.has_more} if OPENAI.asks_for_page(query) else {}
    return {**list_in_openai(page.models), **more}


# --- Anthropic -------------------------------------------------------------------------------


def one_in_anthropic(model: ListedModel) -> dict[str, Any]:
    """A model as Anthropic's API describes it."""
    row = model.row
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.label,
        "created_at": UNKNOWN_DATE,
        "lifecycle": "active",
        "max_input_tokens": None if row is None else row.context,
        "max_tokens": None if row is None else row.output,
        **UNKNOWN_OF_MODEL,
    }


def _page_in_anthropic(models: Sequence[ListedModel], query: Query) -> dict[str, Any]:
    page = cut_page(models, _limit(query, "limit"), query.get("after_id"), query.get("before_id"))
    found = page.models
    first, last = (found[0].id, found[-1].id) if found else (None, None)
    data = [one_in_anthropic(model) for model in found]
    return {"data": data, "has_more": page.has_more, "first_id": first, "last_id": last}


# --- Google ----------------------------------------------------------------------------------


def one_in_google(model: ListedModel) -> dict[str, Any]:
    """A model as Google's API describes it."""
    row = model.row
    limits = {} if row is None else {"inputTokenLimit": row.context, "outputTokenLimit": row.output}
    return {
        "name": f"models/{model.id}",
        "baseModelId": model.id,
        "version": "",
        "displayName": model.label,
        **{name: limit for name, limit in limits.items() if limit is not None},
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }


def _page_in_google(models: Sequence[ListedModel], query: Query) -> dict[str, Any]:
    """Google's list; the token of the next page is the id of the last model of this one."""
    page = cut_page(models, _limit(query, "pageSize"), query.get("pageToken"), None)
    more = {"nextPageToken": page.models[-1].id} if page.has_more else {}
    return {"models": [one_in_google(model) for model in page.models], **more}


# --- choosing a dialect --------------------------------------------------------------------------------


class Lister(NamedTuple):
    """How one dialect lists models. Also used in place of a door to render errors."""

    name: str
    protocol: Protocol
    page: Callable[[Sequence[ListedModel], Query], dict[str, Any]]
    one: Callable[[ListedModel], dict[str, Any]]
    paging: frozenset[str]
    """The query parameters that request a page."""

    def asks_for_page(self, query: Query) -> bool:
        """Whether a query requests a page."""
        return not self.paging.isdisjoint(query)


OPENAI = Lister(
    "openai",
    protocol_named("openai_chat"),
    _page_in_openai,
    one_in_openai,
    frozenset({"limit", "after", "before"}),
)
ANTHROPIC = Lister(
    "anthropic",
    protocol_named("anthropic"),
    _page_in_anthropic,
    one_in_anthropic,
    frozenset({"limit", "after_id", "before_id"}),
)
GOOGLE = Lister(
    "gemini",
    protocol_named("gemini"),
    _page_in_google,
    one_in_google,
    frozenset({"pageSize", "pageToken"}),
)


LISTERS = (OPENAI, ANTHROPIC, GOOGLE)


def lister_of(request: Request) -> Lister:
    """The dialect of a client that requests `/v1/models`."""
    if request.header(ANTHROPIC_VERSION) is not None:
        return ANTHROPIC
    if any(request.header(name) is not None for name in GOOGLES):
        return GOOGLE
    return OPENAI
