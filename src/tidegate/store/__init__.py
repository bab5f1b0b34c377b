"""What is kept: keys, users, wallets, the ledger and the records of requests, in SQLite or PostgreSQL.

- `tables.py`: the tables. `schema.py` creates and migrates them (`migrations/`).
- `database.py`: connections. `upsert.py`: inserts that meet existing rows.
- `books.py`: transactions and balances. `wallets.py`: credits. `leases.py`: what workers may spend.
- `low_balances.py`: wallets that have little left.
- `provider_keys.py`: keys of providers, encrypted.
- `payments.py`: what a payment provider has reported.
- `statements.py`: what a wallet's owner may see. `keys.py`, `spending.py`: callers, and what they spend.
- `costs.py`: what requests have cost, by day.
- `journal.py`: what must not be lost, on disk first. `moving.py` moves it into the database, most of it from
  memory (`backlog.py`), many rows in one statement (`columns.py`, `driver.py`), sums of what is alike at once
  (`alike.py`).
- `checking.py`: the audit.
"""
