"""What an exchange does when one of its own parts fails."""

from typing import Any

import aiohttp
import pytest

from running import HELLO, Gateway
from simulator import Simulator, refusal, stream
from tidegate.exchange.state import Exchange
from tidegate.protocols.errors import TidegateError

from .answers import FIRST


@pytest.fixture
def broken_dialect(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dialect whose errors cannot be written: a defect of ours, made here."""

    def fail(*_: Any) -> None:
        raise ValueError("a defect")

    monkeypatch.setattr("tidegate.protocols.openai_chat.OpenAIChat.render_error", fail)
    monkeypatch.setattr("tidegate.protocols.openai_chat.mend.StreamMend.abort", fail)


@pytest.mark.usefixtures("broken_dialect")
async def test_an_error_that_cannot_be_written_is_still_answered_and_recorded(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Simulator() as provider:
        provider.answer(refusal(429, "slow down"))
        async with Gateway({"sim": ("openai_compatible", f"{provider.url}/v1")}) as gateway:
            reply = await gateway.chat("sim/m")
            record = await gateway.record()
    assert (reply.status, record["status"], record["ended"]) == (429, 429, "failed")
    assert reply.error["message"]
    assert "cannot be written" in caplog.text


@pytest.mark.usefixtures("broken_dialect")
async def test_a_stream_whose_error_cannot_be_written_is_cut_and_recorded() -> None:
    async with Simulator() as provider:
        provider.answer(stream([FIRST], cut_at=len(FIRST)))
        async with Gateway({"sim": ("openai_compatible", f"{provider.url}/v1")}) as gateway:
            async with gateway.open("sim/m", stream=True) as response:
                with pytest.raises(aiohttp.ClientPayloadError):
                    await response.content.read()
            record = await gateway.record()
    assert (record["status"], record["ended"]) == (200, "provider_broke")


async def test_a_defect_before_the_first_byte_is_a_500_that_reveals_no_internals(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(this: Exchange) -> None:
        raise ValueError("inside")

    monkeypatch.setattr("tidegate.exchange.admission.shorten_deadline", fail)
    async with Gateway({"demo": ("demo", "")}) as gateway:
        reply = await gateway.post("/v1/chat/completions", {"model": "demo/chat", **HELLO})
        record = await gateway.record()
    assert (reply.status, record["ended"]) == (500, "gateway_failed")
    assert "inside" not in reply.error["message"]
    assert "inside" in caplog.text


def test_every_fault_has_a_place_among_the_telling_ones() -> None:
    from tidegate.exchange.rate_limits import TELLING

    faults = {one.fault for one in every_class(TidegateError) if isinstance(one.fault, str)}
    assert faults <= set(TELLING)


def every_class(root: type[TidegateError]) -> list[type[TidegateError]]:
    return [root, *(found for child in root.__subclasses__() for found in every_class(child))]
