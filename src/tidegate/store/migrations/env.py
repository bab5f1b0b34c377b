"""How Alembic runs a migration: in the transaction that `schema.migrate` has begun."""

from alembic import context

from tidegate.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True
)
context.run_migrations()
