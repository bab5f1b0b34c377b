"""The router: which candidate serves a request, by capabilities, health and preference.

This package is a set of rules without clock, sockets or coroutines. The time is an argument (`now`, in
seconds by `perf_counter`, which all processes of a host share); randomness is an injected `random.Random`.

**Vocabulary.** A *candidate* is one way to serve a request (see `providers`). An *endpoint* is a service and
its name for a model, whatever alias led there: figures and health belong to it. A *limit* belongs to one
credential at an endpoint; an *account* is a credential at its service; a *slot* is both, so something to send
a request with. A *lane* is a candidate with its endpoint and slots. A *home* is where a conversation's prompt
cache is warm. A *plan* is the candidates of one request, in the order in which to try them. An account, limit
or endpoint that cannot be used for a while is *blocked*; "open" and "closed" are states of circuit breakers.

**The life of a request**, as driven by the exchange:

    plan = router.plan(facts, candidates, now)      the candidates in order; those skipped, and why
    pick = router.next(plan, tried, facts, now)     for each attempt: the candidate, and the credential
    trial = router.begin(pick, facts, now)          before awaiting: it counts a half-open breaker's probe
    router.first_token(trial, now)                  the first output of a stream has arrived
    router.ended(trial, outcome, now)               exactly once, however it ended

`tried` are this request's trials so far. `next` returns None when all candidates have been tried; a candidate
whose credential was rejected or limited is returned again with another credential. If no candidate can serve
now, it returns the one that is available first, with `wait_s` and `blocked_by`. Waiting makes sense for
`"rate"`, if the deadline allows it (call `next` again after the wait); otherwise try the candidate at once.

To retry the same candidate: `router.may_retry(now)`, then `begin(…, retry=True)`. For a second attempt beside
a silent first one: `router.hedge_after(trial, now)` returns the delay in seconds from `trial.started_at`,
`router.hedge(plan, tried, facts, now)` the pick; `begin(…, hedge=True)` starts it. For explanations,
`plan(…, in_full=True)` fills in all figures. Set `trial.started_at` if the request is sent later.

For probes that are not a client's request, `router.down(now, within_s)` returns the endpoints to probe; call
`router.begin_probe` and `router.end_probe` around each. `router.refused(now)` and `router.restore` do the
same for credentials.

**Invariants.**
- Availability applies to every order: candidates that cannot serve now come after those that can, sorted by
  when they are available. A plan never omits a candidate because of its health.
- Only what is *known* excludes a candidate: it is skipped, with a reason, if its model is known to lack
  something that the request needs.
- An error's `fault` determines its effect (see `outcome.py`). A client that disconnects and
  a request that would be rejected everywhere have no effect.
- No single call decides anything: a figure counts after 20 samples, a breaker needs 5 attempts.
- State is kept by name (service, model, fingerprint of a credential), so it survives a reload and can be
  shared with other workers: `router.publish(now)` and `router.merge(data, now)` for figures every second,
  `router.subscribe(observer)` and `router.apply(transition, now)` for transitions, immediately. Alerts
  subscribe too.
"""

from .affinity import LEAST_CACHED, conversation_name, session_key, wants_affinity
from .credentials import Account
from .endpoint import Endpoint
from .facts import MaxPrice, RequestFacts, SessionKey
from .health import CredentialHealth, EndpointHealth, ServiceHealth
from .outcome import Effect, Outcome, effect_of
from .plan import BlockedBy, Choice, Pick, Plan, Skip
from .router import Router
from .transitions import Transition, TransitionKind
from .trial import Trial

__all__ = [
    "LEAST_CACHED",
    "Account",
    "BlockedBy",
    "Choice",
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
    "conversation_name",
    "effect_of",
    "session_key",
    "wants_affinity",
]
