"""What is unsafe about how this service is set up? Each finding has a stable code, what was found, and what to do.

`lianxin doctor` tells all of them; in production mode the service does not start with any. What the checks look at is gathered first
(`Surroundings`), so that each check is a plain look at plain values.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import URL

from serving.settings import ServiceSettings

LEDGER_DAYS: Final = 7
BUNDLE_DAYS: Final = 3 * 366
_LOCAL: Final = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Finding:
    """One unsafe setting: ``found`` says what it is, ``remedy`` what to do."""

    code: str
    found: str
    remedy: str


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """What the database says of itself and of the application's role."""

    app_is_superuser: bool = False
    app_bypasses_rls: bool = False
    app_owns_tables: bool = False
    app_may_change_audit: bool = False
    tables_without_rls: tuple[str, ...] = ()
    missing_guards: tuple[str, ...] = ()
    revision: str | None = None
    newest_revision: str | None = None
    fsync: str = "on"
    synchronous_commit: str = "on"
    full_page_writes: str = "on"
    uses_tls: bool = True
    is_local: bool = True
    clock_seconds: float = 0.0
    keys_without_end: int = 0
    has_unanchored_chain: bool = False
    documents_of_another_salt: int = 0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Everything the checks look at; ``file_modes`` are the permission bits of private files that are there."""

    settings: ServiceSettings
    today: date
    environment: Mapping[str, str] = field(default_factory=dict)
    signed_by: str | None = "signer"
    trusted_key: str | None = "signer"
    allow_unsigned: bool = False
    approved_by: str | None = "somebody"
    bundle_trained_to: date | None = None
    ledger_latest: date | None = None
    file_modes: Mapping[Path, int] = field(default_factory=dict)
    is_root: bool = False
    debug: bool = False
    app_url: URL | None = None
    owner_url: URL | None = None
    database: DatabaseState | None = None


Check = Callable[[Surroundings], str | None]
"""Returns what was found where it is unsafe, else None."""


def examine(around: Surroundings) -> tuple[Finding, ...]:
    """Return everything that is unsafe, in the order of the checks."""
    found = ((code, check(around), remedy) for code, (check, remedy) in CHECKS.items())
    return tuple(Finding(code, told, remedy) for code, told, remedy in found if told is not None)


def _database(look: Callable[[DatabaseState], str | None]) -> Check:
    """Make a check of the database's state; where it is not known there is nothing to tell."""
    return lambda around: look(around.database) if around.database is not None else None


def _if(condition: bool, told: str) -> str | None:
    """Return what was found, if it was."""
    return told if condition else None


def _settings(look: Callable[[ServiceSettings], bool], told: str) -> Check:
    """Make a check of the settings."""
    return lambda around: _if(look(around.settings), told)


def _weak_password(around: Surroundings) -> str | None:
    """Look at the passwords in the database's addresses."""
    for url in (around.app_url, around.owner_url):
        if url is not None and len(str(url.password or "")) < 16:
            return f"the database's password of role {url.username} has fewer than 16 characters"
    return None


def _same_role(around: Surroundings) -> str | None:
    """Look whether one role runs the service and owns its tables."""
    app, owner = around.app_url, around.owner_url
    return _if(app is not None and owner is not None and app.username == owner.username, "one role owns the tables and runs the service")


def _open_files(around: Surroundings) -> str | None:
    """Look at the permissions of the files that hold secrets."""
    readable = [str(file) for file, mode in around.file_modes.items() if mode & 0o077]
    return _if(bool(readable), f"others may read {', '.join(readable)}")


def _old_bundle(around: Surroundings) -> str | None:
    """Look at the age of what the model learned from."""
    last = around.bundle_trained_to
    return _if(last is not None and around.today - last > timedelta(days=BUNDLE_DAYS), f"the model learned from data up to {last}")


def _old_ledger(around: Surroundings) -> str | None:
    """Look at the age of the data."""
    last = around.ledger_latest
    return _if(last is not None and around.today - last > timedelta(days=LEDGER_DAYS), f"the ledger's data end at {last}")


def _environment(name: str) -> Check:
    """Make a check of a variable that must not be set."""
    return lambda around: _if(bool(around.environment.get(name)), f"{name} is set")


CHECKS: Final[Mapping[str, tuple[Check, str]]] = {
    "bundle_unsigned": (
        lambda a: _if(a.signed_by is None, "nobody signed the bundle"),
        "Release it with `lianxin release`.",
    ),
    "unsigned_allowed": (lambda a: _if(a.allow_unsigned, "--allow-unsigned is given"), "Start without it."),
    "no_trusted_key": (
        lambda a: _if(a.trusted_key is None, "a bundle of any signer is taken"),
        "Start with --trusted-key and the key that `lianxin release` printed.",
    ),
    "bundle_not_approved": (
        lambda a: _if(a.approved_by is None, "nobody approved the release"),
        "Promote the model with an approver before you release it.",
    ),
    "bundle_old": (_old_bundle, "Train on newer data and release."),
    "ledger_old": (_old_ledger, "Add the missing days with `lianxin ledger update`."),
    "example_names_a_supplier": (
        _settings(lambda s: s.example_supplier is not None, "the documentation, which needs no key, shows a supplier"),
        "Unset LIANXIN_EXAMPLE_SUPPLIER; it is for simulated data only.",
    ),
    "cookies_without_tls": (
        _settings(lambda s: not s.secure_cookies, "browsers send the session without TLS too"),
        "Put TLS before the service and set LIANXIN_SECURE_COOKIES=true.",
    ),
    "listens_to_everybody": (
        _settings(lambda s: s.host not in _LOCAL, "the service, which speaks no TLS itself, listens beyond this machine"),
        "Listen on 127.0.0.1 behind a gateway that ends TLS.",
    ),
    "session_long": (
        _settings(lambda s: s.session_minutes > 60, "a browser's session lasts over an hour"),
        "Set LIANXIN_SESSION_MINUTES to 60 or less.",
    ),
    "token_long": (
        _settings(lambda s: s.token_minutes > 15, "an access token lives over 15 minutes"),
        "Set LIANXIN_TOKEN_MINUTES to 15 or less.",
    ),
    "rate_unlimited": (
        _settings(lambda s: s.rate_burst > 10_000 or s.rate_per_second > 2_000, "the rate limit stops nobody"),
        "Set LIANXIN_RATE_BURST and LIANXIN_RATE_PER_SECOND to what one bank needs.",
    ),
    "webhooks_to_any_address": (
        _settings(
            lambda s: s.webhooks_to_any_address, "webhooks are sent to private addresses, so that a bank may reach what stands behind"
        ),
        "Unset LIANXIN_WEBHOOKS_TO_ANY_ADDRESS; it is for trying out on one's own machine.",
    ),
    "secrets_readable": (_open_files, "chmod 600 these files."),
    "runs_as_root": (lambda a: _if(a.is_root, "the service runs as root"), "Run it as a user of its own."),
    "debug_on": (
        lambda a: _if(a.debug, "Python's development or asyncio's debug mode is on"),
        "Unset PYTHONDEVMODE, PYTHONASYNCIODEBUG and -X dev.",
    ),
    "code_from_environment": (_environment("PYTHONPATH"), "Install the package; unset PYTHONPATH."),
    "inspection_on": (_environment("PYTHONINSPECT"), "Unset PYTHONINSPECT."),
    "optimised_away": (_environment("PYTHONOPTIMIZE"), "Unset PYTHONOPTIMIZE, so that checks of libraries stay."),
    "tls_keys_logged": (_environment("SSLKEYLOGFILE"), "Unset SSLKEYLOGFILE."),
    "password_weak": (_weak_password, "Give the role a random password of 24 characters or more."),
    "one_role": (_same_role, "Name the owner's role in DATABASE_OWNER_URL and another, restricted one in DATABASE_URL."),
    "app_superuser": (
        _database(lambda d: _if(d.app_is_superuser, "the application's role is a superuser")),
        "ALTER ROLE ... NOSUPERUSER.",
    ),
    "app_bypasses_rls": (
        _database(lambda d: _if(d.app_bypasses_rls, "the application's role steps around row-level security")),
        "ALTER ROLE ... NOBYPASSRLS.",
    ),
    "app_owns_tables": (
        _database(lambda d: _if(d.app_owns_tables, "the application's role owns tables, so their policies do not bind it")),
        "Run the migrations as another role, DATABASE_OWNER_URL.",
    ),
    "audit_can_be_changed": (
        _database(lambda d: _if(d.app_may_change_audit, "the application's role may change or delete what was written")),
        "REVOKE UPDATE, DELETE, TRUNCATE from it; the migrations never grant them.",
    ),
    "rls_off": (
        _database(lambda d: _if(bool(d.tables_without_rls), f"no row-level security on {', '.join(d.tables_without_rls)}")),
        "ALTER TABLE ... ENABLE ROW LEVEL SECURITY.",
    ),
    "guards_off": (
        _database(
            lambda d: _if(bool(d.missing_guards), f"the triggers that keep rows as they are do not stand on {', '.join(d.missing_guards)}")
        ),
        "ALTER TABLE ... ENABLE TRIGGER USER, then `lianxin audit verify`.",
    ),
    "migration_pending": (
        _database(lambda d: _if(d.revision != d.newest_revision, f"the tables are of revision {d.revision}, not {d.newest_revision}")),
        "Start this version once as the owner; it brings them up to date.",
    ),
    "fsync_off": (
        _database(lambda d: _if("off" in (d.fsync, d.full_page_writes), "the database does not wait for the disk")),
        "Set fsync and full_page_writes to on.",
    ),
    "commit_not_durable": (
        _database(lambda d: _if(d.synchronous_commit == "off", "an acknowledged score may be lost in a crash")),
        "Set synchronous_commit to on.",
    ),
    "database_without_tls": (
        _database(lambda d: _if(not d.uses_tls and not d.is_local, "the way to the database is not encrypted")),
        "Add sslmode=verify-full to DATABASE_URL.",
    ),
    "clock_off": (
        _database(lambda d: _if(abs(d.clock_seconds) > 5, f"the clocks of service and database are {d.clock_seconds:.0f} s apart")),
        "Keep both by NTP; tokens, consents and the audit go by them.",
    ),
    "keys_without_end": (
        _database(lambda d: _if(d.keys_without_end > 0, f"{d.keys_without_end} keys are older than a year")),
        "Rotate them with `lianxin admin keys rotate`.",
    ),
    "chain_not_anchored": (
        _database(lambda d: _if(d.has_unanchored_chain, "a chain grew for over a day without an anchor")),
        "Run `lianxin audit anchor --out FILE` daily, and keep the file elsewhere.",
    ),
    "salt_changed": (
        _database(lambda d: _if(d.documents_of_another_salt > 0, "documents are held for a financing that are not known again")),
        "Put signing_keys.json back from your backup: its salt is not the one they were held with.",
    ),
}
