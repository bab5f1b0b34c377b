"""The catalog and its prices are not read before a name is resolved: a start is no slower for them."""

import subprocess
import sys

CODE = """
import sys
from tidegate.app import Tidegate
from tidegate.catalog import models
from tidegate.cli.main import app
from tidegate.config import Config, ProviderConfig, Secret
from tidegate.money import PriceList
from tidegate.providers import ModelRegistry

config = Config(providers={"openai": ProviderConfig(kind="openai", api_key=Secret("x"))})
ModelRegistry(config)
PriceList(config)
print(models.cache_info().currsize, "genai_prices" in sys.modules)
"""


def test_nothing_is_read_before_it_is_needed() -> None:
    ran = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["0", "False"]
