"""Events that other services send: payments that top up wallets."""

from collections.abc import Awaitable

from tidegate.exchange import JSON, Gateway, Request, recorded
from tidegate.exchange.state import Exchange
from tidegate.protocols.errors import InvalidRequest
from tidegate.providers import protocol_named

from .details import encode
from .routing import Routes

__all__ = ["WebhookDoor"]


class WebhookDoor:
    """For Stripe, which signs what it sends and has no key of a client."""

    name = "webhooks"
    prefix = "/webhooks"

    def __init__(self) -> None:
        self.protocol = protocol_named("openai_chat")

    def routes(self) -> Routes:
        """See Door."""
        return {("POST", "/webhooks/stripe"): self.take_stripe}

    def take_stripe(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Book an event of Stripe's."""

        async def handler(_: Exchange) -> None:
            from tidegate.accounts.settings import overdraft_of
            from tidegate.accounts.stripe import MAX_EVENT

            payments = gateway.accountant.payments if gateway.accountant is not None else None
            if payments is None:
                message = "this gateway keeps no accounts: its operator has configured no store ([store] url)"
                raise InvalidRequest(message, status=404, code="no_store")
            body = await request.read_body(MAX_EVENT)
            signature = request.named.get(b"stripe-signature", b"").decode("latin-1")
            secrets, overdraft = gateway.config.billing.stripe_secrets, overdraft_of(gateway.config)
            outcome = await payments.take_event(signature, body, secrets, overdraft)
            request.respond(200, [JSON], encode({"received": True, "outcome": outcome}))

        return recorded(request, self, gateway, handler)
