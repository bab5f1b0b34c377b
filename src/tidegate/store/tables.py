"""The tables. Amounts are in nano (10⁻⁹ USD), times in milliseconds since 1970, UTC.

Rows of `transactions` and `records` are written once and never changed. What changes are
projections (`accounts`, `costs`, `spending`, `sessions`), which the rows can recompute (see `checking.py`),
and settings (`users`, `teams`, `keys`).
"""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

__all__ = [
    "accounts", "bodies", "costs", "disputes", "gathered", "grants", "holds", "journals", "keys", "leases",
    "metadata", "payments", "prices", "provider_keys", "records", "refunds", "refusals", "rollups",
    "sessions", "sign_ins", "spending", "teams", "transactions", "users",
]  # fmt: skip

metadata = MetaData()

ID = String(64)
"""An id of ours, or a name that an operator has given."""
NAME = String(255)


def _only_where(condition: ColumnElement[bool]) -> dict[str, Any]:
    """The arguments of an index that has only some rows. In PostgreSQL it has no others either; but to say so
    here, too, would load SQLAlchemy's dialect of PostgreSQL, which takes 2.5 MB, wherever there is a store.
    """
    return {"sqlite_where": condition}


users = Table(
    "users",
    metadata,
    Column("id", NAME, primary_key=True),
    Column("name", NAME, nullable=False, default=""),
    Column("team", NAME, ForeignKey("teams.id")),
    Column("settings", JSON, nullable=False, default=dict),
    Column("created_at", BigInteger, nullable=False),
    Column("disabled_at", BigInteger),
    Column("version", BigInteger, nullable=False, default=0, server_default="0"),
    Index("users_by_version", "version"),
)
"""Everybody who can own a key or a wallet. `settings` holds limits, budget and preferences; `version` grows
with every change of any user, or of a team for all of its users."""

teams = Table(
    "teams",
    metadata,
    Column("id", NAME, primary_key=True),
    Column("name", NAME, nullable=False, default=""),
    Column("settings", JSON, nullable=False, default=dict),
    Column("created_at", BigInteger, nullable=False),
)
"""Users with a shared budget. `settings` holds limits, budget, margin."""

keys = Table(
    "keys",
    metadata,
    Column("id", ID, primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("prefix", String(16), nullable=False),
    Column("name", NAME, nullable=False),
    Column("user", NAME, ForeignKey("users.id")),
    Column("settings", JSON, nullable=False, default=dict),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("replaces", ID),
    Column("version", BigInteger, nullable=False, default=0),
    Index("keys_by_user", "user"),
    Index("keys_by_version", "version"),
)
"""API keys. `digest` is the SHA-256 of the key, in hex; the key itself is stored nowhere. `version` grows
with every change of any key, so that a worker can ask for what is new."""

prices = Table(
    "prices",
    metadata,
    Column("id", ID, primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("provider", NAME, nullable=False),
    Column("model", NAME, nullable=False),
    Column("starts_at", BigInteger, nullable=False),
    Column("rates", JSON),
    Column("images", JSON),
    Column("note", String(1000), nullable=False, default=""),
    Column("created_at", BigInteger, nullable=False),
    Column("cancelled_at", BigInteger),
    Column("version", BigInteger, nullable=False, default=0),
    Index("prices_by_model", "provider", "model"),
    Index("prices_by_version", "version"),
)
"""What operators have set for models, each from `starts_at` on. `number` is the order in which that was done.
`rates` has prices by class, as text; None ends what was set before. `version` grows with every change."""

accounts = Table(
    "accounts",
    metadata,
    Column("id", NAME, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("user", NAME),
    Column("posted", BigInteger, nullable=False, default=0),
    Column("held", BigInteger, nullable=False, default=0),
    Column("overdraft", BigInteger, nullable=False, default=0),
    Column("low_since", BigInteger),
    Column("touched", Integer),
)
Index("accounts_touched", accounts.c.id, **_only_where(accounts.c.touched.is_not(None)))
"""`posted` is what transactions have added to the account, `held` the sum of its open leases: projections.
`low_since` is when a wallet was reported to have little left, until it has more again; `touched` is 1 for
wallets that have changed since somebody looked whether they have little left."""

transactions = Table(
    "transactions",
    metadata,
    Column("id", ID, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("user", NAME),
    Column("request", ID),
    Column("attempt", Integer, nullable=False, default=0),
    Column("reference", NAME),
    Column("note", String(1000), nullable=False, default=""),
    Column("at", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False, server_default="0"),
    Column("written_off", BigInteger, nullable=False, server_default="0"),
    Column("counter", String(16), nullable=False, server_default=""),
    Index("transactions_by_user", "user", "at"),
    sqlite_with_rowid=False,
)
Index(
    "transactions_by_request",
    transactions.c.request,
    **_only_where(transactions.c.request.is_not(None)),
).ddl_if(dialect="postgresql")
Index(
    "transactions_by_reference",
    transactions.c.reference,
    unique=True,
    **_only_where(transactions.c.reference.is_not(None)),
)
"""Movements of money, in double entry: `amount` is what each adds to the wallet of its user, `written_off`
what to the account of that name, and `counter` the account that both are taken from. `id` follows from what a
transaction is (see `books.Booking`), so that nothing is booked twice, and SQLite finds those of a request by
it; `reference` is the caller's own id of it."""

grants = Table(
    "grants",
    metadata,
    Column("id", ID, ForeignKey("transactions.id"), primary_key=True),
    Column("user", NAME, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("remaining", BigInteger, nullable=False),
    Column("priority", Integer, nullable=False, default=0),
    Column("expires_at", BigInteger),
    Column("at", BigInteger, nullable=False),
    Index("grants_by_user", "user", "remaining"),
    Index("grants_by_expiry", "expires_at"),
)
"""Credits, in the order in which they are spent: priority, then expiry. The id is that of the credit."""

holds = Table(
    "holds",
    metadata,
    Column("request", ID, primary_key=True),
    Column("account", NAME, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""One hold for each open request that a wallet pays for. What becomes of it are the request's charges."""

payments = Table(
    "payments",
    metadata,
    Column("id", NAME, primary_key=True),
    Column("user", NAME, ForeignKey("users.id")),
    Column("amount", BigInteger, nullable=False),
    Column("reversed", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""Payments that a payment provider has reported, by its id of them. `reversed` is what was refunded of each.
A payment without a user was given back before it was reported itself, or was for something else."""

disputes = Table(
    "disputes",
    metadata,
    Column("id", NAME, primary_key=True),
    Column("payment", NAME, ForeignKey("payments.id"), nullable=False),
    Column("withdrawn", BigInteger, nullable=False),
    Column("reinstated", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("disputes_by_payment", "payment"),
)
"""Disputes about payments, by the payment provider's id of them: what was withdrawn from the operator because
of each so far, and what was reinstated."""

refunds = Table(
    "refunds",
    metadata,
    Column("id", NAME, primary_key=True),
    Column("payment", NAME, ForeignKey("payments.id"), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("refunds_by_payment", "payment"),
)
"""Refunds of payments that were reported one by one, by the payment provider's id of them. `failed` is 1 for
those whose money came back to the operator."""

provider_keys = Table(
    "provider_keys",
    metadata,
    Column("provider", NAME, primary_key=True),
    Column("encrypted", Text, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("last_four", String(4), nullable=False),
    Column("set_at", BigInteger, nullable=False),
    Column("set_by", NAME, nullable=False),
    Column("disabled_at", BigInteger),
)
"""Keys of providers. `encrypted` is the key, encrypted; `set_by` is the operator who set it. No request uses
a key while it has a `disabled_at`."""

leases = Table(
    "leases",
    metadata,
    Column("id", ID, primary_key=True),
    Column("account", NAME, ForeignKey("accounts.id"), nullable=False),
    Column("journal", ID, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("leases_by_journal", "journal"),
)
"""Money of a wallet that a worker may spend without asking. `amount` is what is left of it."""

journals = Table(
    "journals",
    metadata,
    Column("id", ID, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""How far each worker's journal has been moved into this database, in bytes."""

records = Table(
    "records",
    metadata,
    Column("id", ID, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("user", NAME),
    Column("team", NAME),
    Column("key", ID),
    Column("model", NAME),
    Column("provider", NAME),
    Column("provider_model", NAME),
    Column("ended", String(32), nullable=False),
    Column("status", Integer, nullable=False),
    Column("cost", BigInteger),
    Column("estimated", Boolean, nullable=False, default=False),
    Column("door", String(32)),
    Column("session", NAME),
    Column("error", Text),
    Column("detail", Text, nullable=False),
    Index("records_by_time", "at"),
    Index("records_by_user", "user", "at"),
    Index("records_by_key", "key", "at"),
    Index("records_by_model", "model", "at"),
    Index("records_by_provider", "provider", "at"),
)
Index("records_by_session", records.c.session, records.c.at, **_only_where(records.c.session.is_not(None)))
Index(
    "records_that_failed",
    records.c.at,
    records.c.id,
    records.c.error,
    **_only_where(records.c.error.is_not(None)),
)
"""One row for each request that has ended. `cost` is None where it is not known; `error` is None unless it
failed; `detail` is JSON, which is written as it is."""

sessions = Table(
    "sessions",
    metadata,
    Column("session", NAME, primary_key=True),
    Column("user", NAME, primary_key=True),
    Column("key", ID, primary_key=True),
    Column("model", NAME, primary_key=True),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("errors", BigInteger, nullable=False),
    Column("cost", BigInteger, nullable=False),
    Column("unpriced", BigInteger, nullable=False),
    Column("input", BigInteger, nullable=False),
    Column("cache_read", BigInteger, nullable=False),
    Column("cache_write", BigInteger, nullable=False),
    Column("output", BigInteger, nullable=False),
    Column("reasoning", BigInteger, nullable=False),
    Index("sessions_by_time", "last"),
    Index("sessions_by_user", "user", "last"),
    Index("sessions_by_key", "key", "last"),
)
"""What the requests of a session come to: a projection of the records, one row for each user, key and model
(empty where there is none). `first` is when the first of them began, `last` when the last of them ended."""

costs = Table(
    "costs",
    metadata,
    Column("by", String(8), primary_key=True),
    Column("day", BigInteger, primary_key=True),
    Column("name", NAME, primary_key=True),
    Column("cost", BigInteger, nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("unpriced", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""What the requests that began on a day (its first moment, UTC) have cost, by one of the columns `user`,
`team`, `key`, `model` and `provider` of their records: a projection of these. `name` is empty for none."""

bodies = Table(
    "bodies",
    metadata,
    Column("id", ID, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Index("bodies_by_time", "at"),
)
"""What was sent and received in a request, compressed (see `bodies.py`); `id` is that of the request."""

refusals = Table(
    "refusals",
    metadata,
    Column("at", BigInteger, primary_key=True),
    Column("door", String(32), primary_key=True),
    Column("status", Integer, primary_key=True),
    Column("code", NAME, primary_key=True),
    Column("user", NAME, primary_key=True),
    Column("key", ID, primary_key=True),
    Column("presented", String(16), primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("request", ID, nullable=False),
    Column("model", NAME, nullable=False),
    Column("address", String(64), nullable=False),
    Column("message", String(300), nullable=False),
)
"""Requests that were refused before they were accounted for, counted by five minutes that begin `at`, by
reason and by whose they were: `presented` is the beginning of a key that nobody has. The columns behind
`requests` are of the last one. See `accounts/refusals.py` for how many rows there may be."""

spending = Table(
    "spending",
    metadata,
    Column("subject", NAME, primary_key=True),
    Column("period", String(16), primary_key=True),
    Column("amount", BigInteger, nullable=False),
    Column("requests", BigInteger, nullable=False, default=0),
    Column("tokens", BigInteger, nullable=False, default=0),
)
"""What a subject (`key:…`, `user:…`, `team:…`, `model:…`) has spent in a period (`2026-11-29`, `2026-11`)."""

sign_ins = Table(
    "sign_ins",
    metadata,
    Column("id", ID, primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("who", NAME, nullable=False),
    Column("admin", Boolean, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index("sign_ins_by_expiry", "expires_at"),
)
"""Browsers that have signed in to the dashboard. `id` is the SHA-256 of what the browser has, in hex; `who`
is the digest of the key that was used, or the user of a token."""

rollups = Table(
    "rollups",
    metadata,
    Column("by", String(8), primary_key=True),
    Column("span", Integer, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("provider", NAME, primary_key=True),
    Column("name", NAME, primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("sums", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""Figures of the requests that ended in a bucket of time: `span` seconds that begin `at`. `by` and `name` say
whose they are (see `figures.history.Series`); `sums` is `figures.Sums` in MessagePack."""

gathered = Table(
    "gathered",
    metadata,
    Column("journal", ID, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
"""What booked requests add to the figures and have not added to `rollups` yet: those of one batch, which ends
at a position of a journal. `content` is `figures.Gathered` in MessagePack."""
