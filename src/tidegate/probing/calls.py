"""The calls of a probe. Each raises a ProviderError if it fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

from tidegate.exchange import Chat, Gateway
from tidegate.protocols.contract import Call, Conduit
from tidegate.protocols.errors import ProviderError, ProviderTimeout
from tidegate.providers import Candidate, Service, protocol_named
from tidegate.providers.credentials import Credential
from tidegate.upstream import TRANSPORT_ERRORS, Answer, explain, headers_of, read_error, read_whole

__all__ = ["Question", "ask", "list_models", "plan_question"]

Question: TypeAlias = tuple[Call, Conduit]
"""A chat, ready to be sent, and the conduit for its answer."""

PATIENCE_S = 20.0
"""How long a provider may take, in seconds."""
QUESTION = b'{"model":"probe","messages":[{"role":"user","content":"Hi"}],"max_tokens":1}'


async def list_models(service: Service, credential: Credential | None, gateway: Gateway) -> None:
    """Request the model list. Its content is ignored: a successful response is enough."""
    headers = service.headers_for((), "", None, credential)
    address = service.address_for("/models")
    async with patience():
        answer = await gateway.pool.get(address, headers, gateway.config.routing.connect_s)
        await _check(answer, service)
        answer.close()


def plan_question(candidate: Candidate) -> Question:
    """Prepare the shortest chat. Raises Unsupported if the model does not support chats."""
    operation = Chat(protocol_named("openai_chat"))
    return operation.plan(operation.parse(QUESTION), candidate)


async def ask(service: Service, question: Question, credential: Credential | None, gateway: Gateway) -> None:
    """Send the shortest chat and read the answer."""
    call, conduit = question
    async with patience():
        headers = await service.authorize(call, (), "", credential)
        address, connect_s = service.address_for(call.path), gateway.config.routing.connect_s
        answer = await gateway.pool.post(address, headers, call.body, connect_s)
        await _check(answer, service)
        conduit.feed(await read_whole(answer, _nothing))
        conduit.close()
    if isinstance(conduit.failure, ProviderError):
        raise conduit.failure


async def _check(answer: Answer, service: Service) -> None:
    if not answer.ok:
        body = await read_error(answer, _nothing)
        raise service.attribute(service.protocol.parse_error(answer.status, headers_of(answer), body))


@asynccontextmanager
async def patience() -> AsyncIterator[None]:
    """Limits the time of a probe, and raises its failures as ProviderError."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield
    except TRANSPORT_ERRORS as error:
        raise explain(error) from error
    except TimeoutError as late:
        raise ProviderTimeout(f"it did not answer a probe within {PATIENCE_S:g} seconds") from late


def _nothing() -> None:
    """Do nothing: no watchdog follows a probe."""
