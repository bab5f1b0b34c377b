"""The admin API: keys, users, teams, wallets, transactions and usage.

- `application.py`: the application, its errors and its description. `reading.py`: bodies and parameters.
- `keys.py`, `members.py` (users and teams), `wallets.py`, `figures.py` (transactions and usage),
  `requests.py` (requests, sessions, what is open), `overview.py`: the paths.
- `answers.py`: what they answer with.

Who may use it is decided before (see `exchange.admin_access`).
"""

from .application import create_admin
from .requests import Live

__all__ = ["Live", "create_admin"]
