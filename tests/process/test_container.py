"""What the image relies on. There is no engine here: its settings are tried on the process itself."""

import re
import tomllib
from pathlib import Path

import pytest

from process.serving import Served, environ, one
from simulator import Simulator

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = (ROOT / "compose.yaml").read_text()
IMAGE = dict(re.findall(r"\b(TIDEGATE_\w+)=(\S+)", DOCKERFILE))


async def test_the_health_check_of_the_image_knows_the_port(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator
) -> None:
    env = environ(**IMAGE, PORT=str(unused_tcp_port), TIDEGATE_API_KEYS="k")
    gateway = Served(tmp_path, one(provider), port=unused_tcp_port, args=[], env=env)
    async with gateway:
        assert "serving on http://0.0.0.0:" in gateway.log
        assert (await gateway.command("health")).returncode == 0
    ended = await gateway.command("health")
    assert (ended.returncode, b"refused" in ended.stderr) == (1, True)


def test_the_image_has_every_extra() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras
    assert all("--all-extras" in line for line in re.findall(r"uv sync.*", DOCKERFILE))


@pytest.mark.parametrize("words", ["path: .env", "required: false", "TIDEGATE_HOST: 0.0.0.0"])
def test_compose_passes_the_whole_file(words: str) -> None:
    assert words in COMPOSE
