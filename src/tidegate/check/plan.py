"""Which providers to check, and with which model."""

from collections.abc import Sequence
from dataclasses import dataclass

from tidegate.config import Config, ConfigError
from tidegate.providers import Service

__all__ = ["Check", "plan_checks"]


@dataclass
class Check:
    """A provider to check."""

    service: Service
    model: str | None
    """None if neither the operator nor the table of kinds names one: then the first in its list."""

    @property
    def provider(self) -> str:
        """The provider's configured name."""
        return self.service.name

    @property
    def kind(self) -> str:
        """The provider's kind."""
        return self.service.kind.name


def plan_checks(config: Config, providers: Sequence[str], models: Sequence[str]) -> list[Check]:
    """The checks of the named providers, or of all.

    `models` are `provider/model` and override the table's choice. Raises ConfigError if a name is not
    configured or there is nothing to check.
    """
    chosen = dict(_split(model) for model in models)
    unknown = [name for name in (*providers, *chosen) if name not in config.providers]
    if unknown:
        known = ", ".join(config.providers) or "none"
        raise ConfigError([f"there is no provider named {name!r} (configured: {known})" for name in unknown])
    if not config.providers:
        raise ConfigError(
            ["no provider is configured: set a key such as OPENAI_API_KEY, or write tidegate.toml"]
        )
    return [_plan(config, name, chosen.get(name)) for name in dict.fromkeys(providers or config.providers)]


def _plan(config: Config, name: str, model: str | None) -> Check:
    service = Service(name, config.providers[name])
    return Check(service, model or service.kind.check_model)


def _split(model: str) -> tuple[str, str]:
    provider, slash, name = model.partition("/")
    if not slash or not name:
        raise ConfigError([f"--model {model}: expected PROVIDER/MODEL"])
    return provider, name
