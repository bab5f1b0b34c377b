"""Who calls, what they may do, and what is held for them.

- `settings.py`: what may be set for a key, a user and a team. `caller.py` puts it together.
- `api_keys.py`: how keys are made and stored. `directory.py`: the keys that a worker knows.
  `failed_attempts.py` slows down who guesses.
- `jwt.py`, `issuers.py`, `jwks.py`: tokens of Supabase and other issuers. `users.py`: the users whom a worker
  knows.
- `gcra.py`, `counters.py`, `shared_counters.py`, `leased_counters.py`, `limits.py`, `limiting.py`: how much
  may be used at a time.
- `budgets.py`, `wallets.py`: what may be spent. `usage_window.py`: when what was spent is summed up.
- `checks.py`: rules for what operators write.
- `provider_keys.py`, `encryption.py`: keys of providers in the store, encrypted.
- `upkeep.py`: what happens to wallets by itself.
- `payments.py`, `stripe.py`: top-ups by a payment provider.
- `accountant.py`: all of that, as an exchange sees it (`contract.py`). `opening.py` makes it.

What needs a database is imported by `opening` only, and what needs the library for tokens by `jwt` only: a
gateway without a store, or without tokens, does without them.
"""

from .caller import ANONYMOUS, Caller
from .contract import Accountant, Ticket
from .counters import Counters, LocalCounters
from .directory import Directory
from .failed_attempts import FailedAttempts
from .leased_counters import LeasedCounters
from .limiting import LimitsOnly
from .quote import Quote
from .settings import UNLIMITED, limits_of
from .shared_counters import SharedCounters
from .users import Users

__all__ = [
    "ANONYMOUS",
    "UNLIMITED",
    "Accountant",
    "Caller",
    "Counters",
    "Directory",
    "FailedAttempts",
    "LeasedCounters",
    "LimitsOnly",
    "LocalCounters",
    "Quote",
    "SharedCounters",
    "Ticket",
    "Users",
    "limits_of",
]
