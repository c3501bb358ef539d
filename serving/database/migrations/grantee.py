"""To whom do the migrations grant? The application's role, quoted for SQL."""

import sqlalchemy as sa
from alembic import context, op


def app_role() -> str:
    """Return the application's role as an identifier."""
    role = sa.quoted_name(context.config.attributes["app_role"], quote=True)
    return op.get_bind().dialect.identifier_preparer.quote(role)


def revoke_from_app(table: str) -> None:
    """Take all rights to a table from the application, unless one role runs the service and owns the tables."""
    current = op.get_bind().execute(sa.text("SELECT current_user")).scalar_one()
    if current != context.config.attributes["app_role"]:
        op.execute(f"REVOKE ALL ON {table} FROM {app_role()}")


def grant_function(signature: str) -> None:
    """Let the application alone, beside the owner, call a function."""
    op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {app_role()}")


def make_append_only(table: str) -> None:
    """Refuse every change of a row that stands, whoever asks; `refuse_change` is made in 0002."""
    op.execute(f"CREATE TRIGGER {table}_stands BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.execute(f"CREATE TRIGGER {table}_stays BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")
