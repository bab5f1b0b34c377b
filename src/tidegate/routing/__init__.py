"""Which candidate serves a request: who can, who is well, who is best.

The room is a set of rules without a clock, a socket or a coroutine. Time is an argument (`now`, seconds by
`perf_counter`, which all processes of a host share), chance is an injected `random.Random`.

**Vocabulary.** A *candidate* is one way to serve a request (see `providers`). An *endpoint* is what figures
and health belong to: a service and its name for a model, whatever alias led there. A *limit* belongs to an
endpoint and one credential; an *account* is a credential at its service. A *home* is where a conversation's
prompt cache is warm. A *plan* is the candidates of one request in the order in which to try them.

**The life of a request**, as the exchange drives it:

    plan = router.plan(facts, candidates, now)      who is tried, in order; who is skipped, and why
    pick = router.next(plan, tried, facts, now)     for each attempt: who it is now, with which credential
    trial = router.begin(pick, facts, now)          at once: a half-open breaker counts its probe here
    router.first_token(trial, now)                  the first output of a stream has arrived
    router.ended(trial, outcome, now)               exactly once, however it ended

`tried` are the trials of this request so far. `next` returns None when all candidates were tried; a candidate
whose credential was refused or limited comes again with another credential. Where nobody can serve now, it
returns the one that opens first, with `wait_s` and `closed_by`: to wait makes sense for `"rate"`, if the
deadline allows it (call `next` again after the wait), everybody else may be tried at once.

To send the same request to the same candidate again: `router.may_retry(now)`, then `begin(…, retry=True)`.
For a second attempt beside a silent first one: `router.hedge_after(trial, now)` says after how many seconds
from `trial.started_at`, `router.hedge(plan, tried, facts, now)` who; `begin(…, hedge=True)` starts it. For
explanations, `plan(…, in_full=True)` fills in all figures. `trial.started_at` may be set by who sends the
request later than it began.

A probe that is no client's request: `router.down(now, within_s)` says whom to probe, `router.begin_probe` and
`router.end_probe` frame it, `router.refused(now)` and `router.restore` are the same for credentials.

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
  `router.subscribe(observer)` and `router.apply(transition, now)` for transitions, at once. Alerts subscribe
  too.
"""

from .affinity import session_key, wants_affinity
from .credentials import Account
from .endpoint import Endpoint
from .facts import MaxPrice, RequestFacts, SessionKey
from .health import CredentialHealth, EndpointHealth, ServiceHealth
from .outcome import Effect, Outcome, effect_of
from .plan import Choice, ClosedBy, Pick, Plan, Skip
from .router import Router
from .transitions import Transition, TransitionKind
from .trial import Trial

__all__ = [
    "Account",
    "Choice",
    "ClosedBy",
    "CredentialHealth",
    "Effect",
    "Endpoint",
    "EndpointHealth",
    "MaxPrice",
    "Outcome",
    "Pick",
    "Plan",
    "RequestFacts",
    "Router",
    "ServiceHealth",
    "SessionKey",
    "Skip",
    "Transition",
    "TransitionKind",
    "Trial",
    "effect_of",
    "session_key",
    "wants_affinity",
]
