"""Alembic's door: run the migrations on the connection that `serving.database.upgrade` hands over."""

from alembic import context


def migrate() -> None:
    """Bring the tables up to date in one transaction."""
    context.configure(connection=context.config.attributes["connection"], transaction_per_migration=False)
    with context.begin_transaction():
        context.run_migrations()


if hasattr(context, "config"):  # absent when the file is read outside Alembic
    migrate()
