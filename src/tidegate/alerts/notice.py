"""What happened, in words."""

from typing import NamedTuple

from tidegate.routing import Transition, TransitionKind

__all__ = ["Notice", "notice_of"]


class Notice(NamedTuple):
    """One thing that an operator should know."""

    kind: str
    subject: str
    """What it concerns: notices of one kind and subject are repetitions."""
    text: str
    """One line for people."""
    ends: tuple[str, ...] = ()
    """The kinds of trouble that are over by this; empty where this is trouble itself."""


TEXTS: dict[TransitionKind, str] = {
    "breaker_opened": "keeps failing, and is not called for {wait_s:.0f} s",
    "breaker_closed": "answers again",
    "credential_refused": "refused the gateway's key {credential}",
    "funds_exhausted": "reports that the account's funds are exhausted (key {credential})",
    "credential_restored": "accepts the gateway's key {credential} again",
    "model_missing": "does not offer this model to the account",
    "model_found": "offers this model to the account again",
    "slowed_down": "has become slow to begin its answers",
}
"""What each transition means. Those that are not here happen in good health: a rate limit, a probe."""

ENDS: dict[TransitionKind, tuple[TransitionKind, ...]] = {
    "breaker_closed": ("breaker_opened",),
    "credential_restored": ("credential_refused", "funds_exhausted"),
    "model_found": ("model_missing",),
}
"""Which transition is the end of which."""

ABOUT_CREDENTIALS = frozenset(["credential_refused", "funds_exhausted", "credential_restored"])
"""Transitions that concern a credential, whatever model it was used for."""


def notice_of(transition: Transition) -> Notice | None:
    """The notice of a transition; None where nobody has to know."""
    text = TEXTS.get(transition.kind)
    if text is None:
        return None
    subject = transition.service
    if transition.kind in ABOUT_CREDENTIALS:
        key = f"{subject} {transition.credential}"
    else:
        subject = key = f"{subject}/{transition.model}" if transition.model else subject
    line = f"{subject} {text.format(wait_s=transition.wait_s, credential=transition.credential)}"
    if transition.detail:
        line += f": {transition.detail}"
    return Notice(transition.kind, key, line, ENDS.get(transition.kind, ()))
