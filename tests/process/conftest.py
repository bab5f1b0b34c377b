from collections.abc import AsyncIterator

import pytest

from sdk.dialects import OPENAI
from simulator import Simulator


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        simulator.answer(OPENAI.text)
        yield simulator


@pytest.fixture
async def other() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        simulator.answer(OPENAI.text)
        yield simulator
