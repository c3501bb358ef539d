"""Are the tables those this version of the service expects? Brought up to date at every start, by the role that owns them."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from credit.errors import ServiceUnavailable

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x4C49414E58494E  # one number for all starters of the service, so that two never migrate at once


def upgrade_tables(owner_url: URL, app_role: str) -> None:
    """Run the migrations that are missing, in one transaction, and grant ``app_role`` what it needs.

    Raises
    ------
    ServiceUnavailable
        The database cannot be reached, or a migration failed; nothing was changed then.
    """
    try:
        migrate_tables(owner_url, app_role, "head")
    except SQLAlchemyError as error:
        raise ServiceUnavailable(
            f"The database's tables could not be brought up to date ({type(error).__name__}). Check that the server of DATABASE_URL runs "
            f"and that its role may create tables."
        ) from error


def migrate_tables(owner_url: URL, app_role: str, revision: str, *, down: bool = False) -> None:
    """Bring the tables up to a revision, or take them ``down`` to it, in one transaction."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    engine = create_engine(owner_url, poolclass=NullPool, hide_parameters=True)
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            config.attributes.update(connection=connection, app_role=app_role)
            (command.downgrade if down else command.upgrade)(config, revision)
    finally:
        engine.dispose()
