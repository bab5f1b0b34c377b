"""What a check found."""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from tidegate.config import Config, Secret
from tidegate.providers import CONCEALED

__all__ = ["Finding", "Probe", "Verdict", "black_out", "secrets_of"]

Verdict = Literal["good", "failed", "not_offered", "not_tried"]
"""How a probe ended:

- `good`: as it should
- `failed`: `error` says how
- `not_offered`: the provider's API has no such feature, which is no fault
- `not_tried`: there was nothing to try it with
"""


class Probe(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that was tried."""

    verdict: Verdict
    ms: float | None = None
    """From the request to the end of the answer."""
    first_token_ms: float | None = None
    """To the first piece of text of a stream."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    status: int | None = None
    """Of the gateway's response, where it is not 200."""
    error: str | None = None
    """The error's own words."""


class Finding(Struct, frozen=True):
    """All that was tried with one provider."""

    provider: str
    kind: str
    model: str | None
    probes: dict[str, Probe]
    """By the names of `PROBES`."""

    @property
    def good(self) -> bool:
        """Whether the provider can be relied on."""
        return all(probe.verdict in ("good", "not_offered") for probe in self.probes.values())

    @property
    def tokens(self) -> int | None:
        """What the check consumed, as far as it was reported."""
        counts = [(probe.input_tokens, probe.output_tokens) for probe in self.probes.values()]
        known = [count for pair in counts for count in pair if count is not None]
        return sum(known) if known else None


def secrets_of(config: Config) -> list[str]:
    """Everything in a configuration that must not be seen, the longest first."""
    secrets: list[Secret] = [*config.auth.keys]
    for provider in config.providers.values():
        secrets += provider.secrets
    return sorted((secret.reveal() for secret in secrets if secret.reveal()), key=len, reverse=True)


def black_out(words: str, secrets: Iterable[str]) -> str:
    """The words without the secrets."""
    for secret in secrets:
        words = words.replace(secret, CONCEALED)
    return words
