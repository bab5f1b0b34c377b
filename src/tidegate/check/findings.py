"""The results of a check."""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from tidegate.config import Config, Secret
from tidegate.providers import CONCEALED

__all__ = ["Finding", "Probe", "Verdict", "black_out", "secrets_of"]

Verdict = Literal["good", "failed", "not_offered", "not_tried"]
"""How a probe ended:

- `good`: it passed
- `failed`: `error` gives the reason
- `not_offered`: the provider's API does not support the feature, which is not a failure
- `not_tried`: an earlier failure made it impossible to try
"""


class Probe(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The result of one probe."""

    verdict: Verdict
    ms: float | None = None
    """From the request to the end of the response."""
    first_token_ms: float | None = None
    """To the first piece of text of a stream."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    status: int | None = None
    """The gateway's status, if it is not 200."""
    error: str | None = None
    """The error message."""


class Finding(Struct, frozen=True):
    """The results for one provider."""

    provider: str
    kind: str
    model: str | None
    probes: dict[str, Probe]
    """By the names of `PROBES`."""

    @property
    def good(self) -> bool:
        """Whether no probe failed."""
        return all(probe.verdict in ("good", "not_offered") for probe in self.probes.values())

    @property
    def tokens(self) -> int | None:
        """The tokens that the check consumed, as far as the provider reported them."""
        counts = [(probe.input_tokens, probe.output_tokens) for probe in self.probes.values()]
        known = [count for pair in counts for count in pair if count is not None]
        return sum(known) if known else None


def secrets_of(config: Config) -> list[str]:
    """All secrets in a configuration, the longest first."""
    secrets: list[Secret] = [*config.auth.keys, *config.auth.admin_keys]
    if config.auth.jwt_secret is not None:
        secrets.append(config.auth.jwt_secret)
    for provider in config.providers.values():
        secrets += provider.secrets
    return sorted((secret.reveal() for secret in secrets if secret.reveal()), key=len, reverse=True)


def black_out(words: str, secrets: Iterable[str]) -> str:
    """A message with the secrets redacted."""
    for secret in secrets:
        words = words.replace(secret, CONCEALED)
    return words
