"""What callers may know of their own accounts."""

from tidegate.accounts.refusal_views import RefusalView
from tidegate.accounts.request_views import RequestDetails, RequestView, SessionView
from tidegate.store.requests import FILTERS, MOST_SEARCHED

from .schema import Schema, array, integer, null_or, number, ref, schemas_of, string, struct

__all__ = ["PARAMETERS", "SCHEMAS"]


def _parameter(name: str, description: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "description": description, "schema": schema}


BOUNDS = [
    _parameter("from", "A date, a time of ISO 8601, or milliseconds since 1970.", string()),
    _parameter("to", "The end, which is not included.", string()),
]
PAGE = [
    _parameter("limit", "The most rows of a page.", integer(minimum=1, maximum=1000)),
    _parameter("after", "`next` of the page before.", string()),
]
SOUGHT = (
    "A request's id or its beginning, a session, or a part of an error. Errors are looked for in the latest "
    f"{MOST_SEARCHED:,} failed requests, and in all of one session, key or model with few requests."
)
REFUSED = "A request's id or its beginning, or a part of an error's code or message."
PARAMETERS = {
    "readMe": [],
    "readOwnUsage": BOUNDS,
    "listOwnTransactions": [*BOUNDS, *PAGE],
    "listOwnRequests": [
        *BOUNDS,
        *PAGE,
        *(_parameter(name, "Only those with this value.", string()) for name in FILTERS),
        _parameter("errors", "Only requests that failed.", string("", "true", "false")),
        _parameter("q", SOUGHT, string(maxLength=255)),
    ],
    "readOwnRequest": [
        {"name": "id", "in": "path", "required": True, "description": "Its id.", "schema": string()}
    ],
    "listOwnRefusals": [
        *BOUNDS,
        *PAGE,
        _parameter("status", "Only those with this status.", integer(minimum=400, maximum=599)),
        _parameter("q", REFUSED, string(maxLength=255)),
    ],
    "listOwnSessions": [*BOUNDS, *PAGE, _parameter("model", "Only requests for this model.", string())],
}

NEXT = null_or(string("What to send as `after` for the next page; null after the last one."))

SCHEMAS: dict[str, Schema] = {
    **schemas_of([RequestView, RequestDetails, SessionView, RefusalView]),
    "OwnRefusals": struct("data next", data=array(ref("RefusalView")), next=NEXT),
    "OwnRequests": struct("data next", data=array(ref("RequestView")), next=NEXT),
    "OwnSessions": struct("data next", data=array(ref("SessionView")), next=NEXT),
    "Me": struct(
        "object name key user team limits budgets wallet",
        object=string("", "me"),
        name=null_or(string("As records show the caller.")),
        key=null_or(string("The id of the key.")),
        user=null_or(string()),
        team=null_or(string()),
        limits=array(
            struct(
                "of requests_per_minute tokens_per_minute concurrent",
                of=string("Whose it is: `key:…`, `user:…` or `team:…`."),
                requests_per_minute=null_or(integer()),
                tokens_per_minute=null_or(integer()),
                concurrent=null_or(integer()),
            )
        ),
        budgets=array(
            struct(
                "of period amount_usd spent_usd left_usd",
                of=string("Whose it is."),
                period=string("", "day", "month"),
                amount_usd=number(),
                spent_usd=number("With what is held for open requests."),
                left_usd=number(),
            )
        ),
        wallet=null_or(
            struct(
                "balance_usd held_usd available_usd",
                balance_usd=number(),
                held_usd=number("Held for open requests, and leased by workers for the next ones."),
                available_usd=number(),
            )
        ),
    ),
    "OwnUsage": struct(
        "object data cost_usd",
        object=string("", "list"),
        data=array(
            struct(
                "day model requests unpriced cost_usd",
                day=string(format="date"),
                model=null_or(string()),
                requests=integer(),
                unpriced=integer("How many of them have no known cost."),
                cost_usd=number(),
            )
        ),
        cost_usd=number("Of all."),
    ),
    "StripeEvent": struct(
        "id type data",
        id=string(),
        type=string(
            "Events of other types are ignored.",
            "checkout.session.completed",
            "checkout.session.async_payment_succeeded",
            "charge.refunded",
            "refund.created",
            "refund.updated",
            "refund.failed",
            "charge.refund.updated",
            "charge.dispute.created",
            "charge.dispute.updated",
            "charge.dispute.closed",
            "charge.dispute.funds_withdrawn",
            "charge.dispute.funds_reinstated",
        ),
        data=struct("object", object={"type": "object"}),
    ),
    "EventTaken": struct(
        "received outcome",
        received={"type": "boolean"},
        outcome=string("What it has changed, in words."),
    ),
    "OwnTransactions": struct(
        "data next",
        data=array(
            struct(
                "id kind at amount_usd balance_usd request reference note expires_at",
                id=string(),
                kind=string(),
                at=integer("In milliseconds since 1970."),
                amount_usd=number("What it adds to the wallet."),
                balance_usd=number("What the wallet has after it."),
                request=null_or(string()),
                reference=null_or(string()),
                note=string(),
                expires_at=null_or(integer("When what is left of a credit expires.")),
            )
        ),
        next=NEXT,
    ),
}
