"""Who may do what in the embedded database?

Three roles: the administrator only creates the other two and the database; the owner runs the migrations and owns every table; the
application owns nothing, creates nothing and cannot step around row-level security. What it may touch is granted table by table in the
migrations.
"""

import psycopg
from psycopg import sql

from serving.database.cluster import ADMIN_ROLE, Credentials

DATABASE = "lianxin"
OWNER_ROLE = "lianxin_owner"
APP_ROLE = "lianxin_app"
_RESTRICTED = sql.SQL("LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS")
_APP_LIMITS = (("statement_timeout", "10s"), ("lock_timeout", "5s"), ("idle_in_transaction_session_timeout", "30s"))


def ensure_roles(socket_folder: str, credentials: Credentials) -> None:
    """Create the two roles and the database where they are missing; an interrupted first start is completed by the next."""
    with _connect(socket_folder, "postgres", credentials) as connection:
        for role, password in ((OWNER_ROLE, credentials.owner), (APP_ROLE, credentials.app)):
            if _is_missing(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", role):
                _create_role(connection, role, password)
        for setting, value in _APP_LIMITS:
            limit = sql.SQL("ALTER ROLE {} SET {} = {}")
            connection.execute(limit.format(sql.Identifier(APP_ROLE), sql.Identifier(setting), sql.Literal(value)))
        if _is_missing(connection, "SELECT 1 FROM pg_database WHERE datname = %s", DATABASE):
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER_ROLE)))
    with _connect(socket_folder, DATABASE, credentials) as connection:
        names = {"database": sql.Identifier(DATABASE), "owner": sql.Identifier(OWNER_ROLE), "app": sql.Identifier(APP_ROLE)}
        for statement in (
            "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
            "GRANT CONNECT ON DATABASE {database} TO {app}",
            "ALTER SCHEMA public OWNER TO {owner}",
            "REVOKE ALL ON SCHEMA public FROM PUBLIC",
            "GRANT USAGE ON SCHEMA public TO {app}",
        ):
            connection.execute(sql.SQL(statement).format(**names))


def _connect(socket_folder: str, database: str, credentials: Credentials) -> psycopg.Connection[tuple[object, ...]]:
    """Connect as the administrator."""
    return psycopg.connect(host=socket_folder, dbname=database, user=ADMIN_ROLE, password=credentials.admin, autocommit=True)


def _is_missing(connection: psycopg.Connection[tuple[object, ...]], query: str, name: str) -> bool:
    """Tell whether the query finds nothing of that name."""
    return connection.execute(query.encode(), (name,)).fetchone() is None


def _create_role(connection: psycopg.Connection[tuple[object, ...]], role: str, password: str) -> None:
    """Create a restricted role; only the password's verifier is sent, so that no log can ever hold the password."""
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("CREATE ROLE {} {} PASSWORD {}").format(sql.Identifier(role), _RESTRICTED, sql.Literal(verifier)))
