"""Notices: events in words."""

from typing import NamedTuple

from tidegate.routing import Transition, TransitionKind

__all__ = ["Notice", "notice_of"]


class Notice(NamedTuple):
    """One thing that an operator should know."""

    kind: str
    subject: str
    """The subject. Notices of the same kind and subject are repetitions."""
    text: str
    """One line of text."""
    ends: tuple[str, ...] = ()
    """The kinds of problem that this ends; empty if this is a problem itself."""


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
"""Transition → text. Those that are missing here are normal: a rate limit, a probe."""

ENDS: dict[TransitionKind, tuple[TransitionKind, ...]] = {
    "breaker_closed": ("breaker_opened",),
    "credential_restored": ("credential_refused", "funds_exhausted"),
    "model_found": ("model_missing",),
}
"""Transition → the transitions that it ends."""

ABOUT_CREDENTIALS = frozenset(["credential_refused", "funds_exhausted", "credential_restored"])
"""Transitions that concern a credential, whatever model it was used for."""


def notice_of(transition: Transition) -> Notice | None:
    """The notice for a transition; None if it needs no attention."""
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
