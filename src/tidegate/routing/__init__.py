"""Which candidate serves a request: who can, who is well, who is best.

The room is a set of rules without a clock, a socket or a coroutine. Time is an argument (`now`, seconds by
`perf_counter`, which all processes of a host share), chance is an injected `random.Random`.

**Vocabulary.** A *candidate* is one way to serve a request (see `providers`). An *endpoint* is what figures
and health belong to: a service and its name for a model, whatever alias led there. A *limit* belongs to an
endpoint and one credential; an *account* is a credential at its service. A *home* is where a conversation's
prompt cache is warm. A *plan* is the candidates of one request in the order in which to try them.

**The life of a request**, as the exchange drives it:

    plan = router.plan(facts, candidates, now)       who is tried, in order; who is skipped, and why
    trial = router.began(choice, now, facts)         for each attempt; a half-open breaker counts its probe
    router.first_token(trial, now)                   the first output has arrived
    router.ended(trial, outcome, now)                exactly once, however it ended

Between the attempts: `router.may_retry(now)` before the same candidate is tried again (`began(…, retry=True)`
then), `router.refresh(choice, facts, now)` before a later choice of an older plan is tried, `choice.wait_s`
where nobody is available (waiting makes sense only for `closed_by == "rate"`), `router.hedge(...)` for a
second attempt beside a silent first one.

**Rules, always true.**
- Availability composes with every order: candidates that cannot serve now stand behind those that can, the
  one that opens first before the others. A plan leaves nobody out for being unwell.
- Only what is *known* excludes: a model that is known to lack what the request needs is skipped, with a
  reason. What is unknown passes.
- Whose fault a failure is (`error.fault`) decides what it does (see `outcome.py`). A client that leaves, and
  a request that would be refused everywhere, count for nobody.
- One unlucky call decides nothing: a figure counts after 20 samples, a breaker needs 5 attempts.
- State belongs to names (service, model, fingerprint of a credential), so that it survives a reload and can
  be shared with other workers: `router.publish(now)` and `router.merge(data, now)` for figures each second,
  `transition` callbacks and `router.apply(transition, now)` for what must be known at once.
"""

from .facts import MaxPrice, RequestFacts
from .outcome import Effect, Outcome, effect_of
from .plan import Choice, ClosedBy, Plan, Skip
from .transitions import Transition, TransitionKind

__all__ = [
    "Choice",
    "ClosedBy",
    "Effect",
    "MaxPrice",
    "Outcome",
    "Plan",
    "RequestFacts",
    "Skip",
    "Transition",
    "TransitionKind",
    "effect_of",
]
