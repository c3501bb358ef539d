"""What the doctor looks at, gathered: settings, files, the bundle, the ledger, and what the database says of itself."""

import asyncio.coroutines
import os
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from features.ledger import Ledger
from serving.access.signing_keys import FILE, read_or_make_signing_keys
from serving.database.account import place_for
from serving.database.opening import Addresses
from serving.database.upgrade import MIGRATIONS
from serving.decisions.claims import salt_id
from serving.doctor import DatabaseState, Surroundings
from serving.explain import trained_on
from serving.settings import ServiceSettings
from serving.store import Store
from training.bundle import ScoringBundle

KEPT_OF_DECISIONS = ("decision_policies", "decisions", "decision_steps")
KEPT_OF_POLICIES = ("bank_policies", "policy_simulations", "policy_activations")
KEPT_OF_BATCHES = ("batches", "batch_rows", "batch_outcomes", "batch_ends")
KEPT_OF_DISPUTES = ("disputes", "dispute_events", "score_links")
TENANT_TABLES = (
    "scores",
    "idempotency",
    "consent_events",
    "lookups",
    "audit",
    "audit_anchors",
    "bundle_events",
    *KEPT_OF_DECISIONS,
    *KEPT_OF_POLICIES,
    *KEPT_OF_BATCHES,
    "document_claims",
    *KEPT_OF_DISPUTES,
    "webhook_endpoints",
    "webhook_secrets",
    "webhook_messages",
    "webhook_attempts",
)
GUARDED = (
    "consent_events",
    "lookups",
    "audit",
    "audit_anchors",
    "bundle_events",
    *KEPT_OF_DECISIONS,
    *KEPT_OF_POLICIES,
    *KEPT_OF_BATCHES,
    *KEPT_OF_DISPUTES,
    "webhook_secrets",
    "webhook_attempts",
)
_CHANGES = """
SELECT bool_or(has_table_privilege(current_user, c.oid, p)) FROM pg_class c, unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) AS p
WHERE c.relname = ANY(:tables) AND c.relnamespace = 'public'::regnamespace"""
_SETTINGS = "SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_setting('full_page_writes')"
_TLS = "SELECT coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false)"
_OWNS = "SELECT EXISTS (SELECT FROM pg_class WHERE relowner = current_user::regrole AND relkind IN ('r', 'p'))"
_ROLE = "SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
_WITHOUT_RLS = """
SELECT relname FROM pg_class
WHERE relname = ANY(:tables) AND relnamespace = 'public'::regnamespace AND NOT relrowsecurity ORDER BY relname"""
_GUARDS = """
SELECT c.relname FROM pg_class c JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgenabled = 'O' AND NOT t.tgisinternal
WHERE c.relname = ANY(:tables) AND c.relnamespace = 'public'::regnamespace GROUP BY c.relname HAVING count(*) >= 2"""
_OLD_KEYS = """
SELECT count(*) FROM api_keys WHERE revoked_at IS NULL AND expires_at IS NULL AND created_at < now() - interval '1 year'"""
_OTHER_SALT = "SELECT count(*) FROM document_claims WHERE released_at IS NULL AND salt_id <> :own"
_UNANCHORED = """
SELECT EXISTS (SELECT FROM audit a WHERE a.at < now() - interval '1 day' AND NOT EXISTS (
    SELECT FROM audit_anchors b WHERE b.tenant_id = a.tenant_id AND b.sequence >= a.sequence))"""


@dataclass(frozen=True, slots=True)
class Started:
    """How the service is started: the signer it asks for, and whether it takes a bundle that nobody signed."""

    trusted_key: str | None
    allow_unsigned: bool


def look_around(
    settings: ServiceSettings,
    bundle: ScoringBundle,
    ledger: Ledger,
    started: Started,
    addresses: Addresses,
    stores: tuple[Store, Store],
) -> Surroundings:
    """Gather what the doctor looks at; the database as the owner of its tables and as the application."""
    approved_by = bundle.release.get("approved_by")
    is_external = settings.database_url is not None
    return Surroundings(
        settings=settings,
        today=date.today(),
        environment=dict(os.environ),
        signed_by=bundle.signed_by,
        trusted_key=started.trusted_key,
        allow_unsigned=started.allow_unsigned,
        approved_by=None if approved_by is None else str(approved_by),
        bundle_trained_to=trained_on(bundle).last,
        ledger_latest=ledger.latest_as_of,
        file_modes=_modes(place_for(settings.data)),
        is_root=os.geteuid() == 0,
        debug=sys.flags.dev_mode or asyncio.coroutines._is_debug_mode(),  # type: ignore[attr-defined]
        app_url=addresses.app if is_external else None,
        owner_url=addresses.owner if is_external else None,
        database=database_state(*stores, salt=_salt(place_for(settings.data))),
    )


def database_state(owner: Store, app: Store, salt: bytes | None = None) -> DatabaseState:
    """Ask the database, by both roles, what it says of itself; with the salt in use, whether documents were held with another."""
    began = datetime.now().astimezone()
    with app.engine.connect() as connection:
        role = connection.execute(text(_ROLE)).one()
        fsync, commit, pages = connection.execute(text(_SETTINGS)).one()
        host = str(app.engine.url.query.get("host", app.engine.url.host or ""))
        there = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        as_app = {
            "app_is_superuser": bool(role.rolsuper),
            "app_bypasses_rls": bool(role.rolbypassrls),
            "app_owns_tables": bool(connection.execute(text(_OWNS)).scalar_one()),
            "app_may_change_audit": bool(connection.execute(text(_CHANGES), {"tables": list(TENANT_TABLES)}).scalar_one()),
            "uses_tls": bool(connection.execute(text(_TLS)).scalar_one()),
        }
    with owner.engine.connect() as connection:
        guarded = set(_names(connection, _GUARDS, GUARDED))
        return DatabaseState(
            **as_app,
            tables_without_rls=tuple(_names(connection, _WITHOUT_RLS, TENANT_TABLES)),
            missing_guards=tuple(table for table in GUARDED if table not in guarded),
            revision=connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none(),
            newest_revision=newest_revision(),
            fsync=fsync,
            synchronous_commit=commit,
            full_page_writes=pages,
            is_local=host.startswith("/") or host in ("127.0.0.1", "::1", "localhost"),
            clock_seconds=(there - began).total_seconds(),
            keys_without_end=int(connection.execute(text(_OLD_KEYS)).scalar_one()),
            has_unanchored_chain=bool(connection.execute(text(_UNANCHORED)).scalar_one()),
            documents_of_another_salt=0
            if salt is None
            else int(connection.execute(text(_OTHER_SALT), {"own": salt_id(salt)}).scalar_one()),
        )


def newest_revision() -> str | None:
    """Return the revision of the tables this version works with."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config).get_current_head()


def _names(connection: Connection, query: str, tables: Sequence[str]) -> list[str]:
    """Return the tables a query names."""
    return [str(name) for name in connection.execute(text(query), {"tables": list(tables)}).scalars()]


def _salt(place: Path) -> bytes | None:
    """Return the salt in use; None where no keys are kept yet."""
    return read_or_make_signing_keys(place).salt if (place / FILE).exists() else None


def _modes(place: Path) -> dict[Path, int]:
    """Return the permission bits of the files that hold secrets."""
    files = [place / name for name in ("credentials.json", FILE)]
    return {file: stat.S_IMODE(file.stat().st_mode) for file in files if file.exists()}
