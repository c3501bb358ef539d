"""The doctor: nothing said of a safe service, each unsafe setting named with its remedy, and none served in production mode."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text

from credit.errors import ServiceUnavailable
from features.ledger import Ledger
from serving.doctor import CHECKS, DatabaseState, Surroundings, examine
from serving.server import _refuse_unsafe
from serving.settings import ServiceSettings
from serving.store import Store
from serving.surroundings import database_state, newest_revision
from training.bundle import ScoringBundle

SAFE = Surroundings(
    settings=ServiceSettings(secure_cookies=True),
    today=date(2026, 7, 1),
    bundle_trained_to=date(2025, 6, 1),
    ledger_latest=date(2026, 7, 1),
    file_modes={Path("credentials.json"): 0o600},
    app_url=make_url("postgresql://app:0123456789abcdef@db/lianxin"),
    owner_url=make_url("postgresql://owner:0123456789abcdef@db/lianxin"),
    database=DatabaseState(revision="0005", newest_revision="0005"),
)


def settings(**changed: Any) -> dict[str, Any]:
    return {"settings": ServiceSettings(**({"secure_cookies": True} | changed))}


def database(**changed: Any) -> dict[str, Any]:
    return {"database": replace(SAFE.database, **changed)}  # type: ignore[type-var]


UNSAFE: dict[str, dict[str, Any]] = {
    "bundle_unsigned": {"signed_by": None},
    "unsigned_allowed": {"allow_unsigned": True},
    "no_trusted_key": {"trusted_key": None},
    "bundle_not_approved": {"approved_by": None},
    "bundle_old": {"bundle_trained_to": date(2020, 1, 1)},
    "ledger_old": {"ledger_latest": date(2026, 6, 1)},
    "example_names_a_supplier": settings(example_supplier="S1"),
    "cookies_without_tls": settings(secure_cookies=False),
    "listens_to_everybody": settings(host="0.0.0.0"),
    "session_long": settings(session_minutes=61),
    "token_long": settings(token_minutes=16),
    "rate_unlimited": settings(rate_burst=10_001),
    "webhooks_to_any_address": settings(webhooks_to_any_address=True),
    "secrets_readable": {"file_modes": {Path("credentials.json"): 0o640}},
    "runs_as_root": {"is_root": True},
    "debug_on": {"debug": True},
    "code_from_environment": {"environment": {"PYTHONPATH": "/tmp"}},
    "inspection_on": {"environment": {"PYTHONINSPECT": "1"}},
    "optimised_away": {"environment": {"PYTHONOPTIMIZE": "2"}},
    "tls_keys_logged": {"environment": {"SSLKEYLOGFILE": "keys"}},
    "password_weak": {"app_url": make_url("postgresql://app:short@db/lianxin")},
    "one_role": {"app_url": SAFE.owner_url},
    "app_superuser": database(app_is_superuser=True),
    "app_bypasses_rls": database(app_bypasses_rls=True),
    "app_owns_tables": database(app_owns_tables=True),
    "audit_can_be_changed": database(app_may_change_audit=True),
    "rls_off": database(tables_without_rls=("scores",)),
    "guards_off": database(missing_guards=("audit",)),
    "migration_pending": database(revision="0004"),
    "fsync_off": database(fsync="off"),
    "commit_not_durable": database(synchronous_commit="off"),
    "database_without_tls": database(uses_tls=False, is_local=False),
    "clock_off": database(clock_seconds=-9.0),
    "keys_without_end": database(keys_without_end=2),
    "chain_not_anchored": database(has_unanchored_chain=True),
    "salt_changed": database(documents_of_another_salt=3),
}


def test_a_safe_service_has_no_finding_and_starts() -> None:
    assert examine(SAFE) == ()
    _refuse_unsafe(SAFE)


def test_every_check_has_its_case_and_there_are_at_least_twenty() -> None:
    assert set(UNSAFE) == set(CHECKS)
    assert len(CHECKS) >= 20


@pytest.mark.parametrize("code", UNSAFE)
def test_each_unsafe_setting_is_named_alone_and_stops_production(code: str) -> None:
    around = replace(SAFE, **UNSAFE[code])
    (finding,) = examine(around)
    assert (finding.code, bool(finding.found), bool(finding.remedy)) == (code, True, True)
    with pytest.raises(ServiceUnavailable, match=rf"found 1 .*\n  {code}: "):
        _refuse_unsafe(around)


def test_the_embedded_database_is_safe_by_itself(owner: Store, store: Store) -> None:
    state = database_state(owner, store, b"any")
    assert examine(replace(SAFE, database=replace(state, has_unanchored_chain=False, documents_of_another_salt=0))) == ()


@contextmanager
def changed(owner: Store, statement: str, back: str) -> Iterator[None]:
    with owner.engine.begin() as connection:
        connection.execute(text(statement))
    try:
        yield
    finally:
        with owner.engine.begin() as connection:
            connection.execute(text(back))


@pytest.mark.parametrize(
    ("statement", "back", "code"),
    [
        ("ALTER TABLE scores DISABLE ROW LEVEL SECURITY", "ALTER TABLE scores ENABLE ROW LEVEL SECURITY", "rls_off"),
        ("ALTER TABLE audit DISABLE TRIGGER USER", "ALTER TABLE audit ENABLE TRIGGER USER", "guards_off"),
        ("GRANT UPDATE ON audit TO lianxin_app", "REVOKE UPDATE ON audit FROM lianxin_app", "audit_can_be_changed"),
        (
            "UPDATE alembic_version SET version_num = '0003'",
            f"UPDATE alembic_version SET version_num = '{newest_revision()}'",
            "migration_pending",
        ),
    ],
)
def test_a_database_that_was_opened_up_is_found(owner: Store, store: Store, statement: str, back: str, code: str) -> None:
    with changed(owner, statement, back):
        found = [finding.code for finding in examine(replace(SAFE, database=database_state(owner, store)))]
    assert code in found


def test_the_owner_in_the_applications_place_is_found(owner: Store) -> None:
    found = {finding.code for finding in examine(replace(SAFE, database=database_state(owner, owner)))}
    assert {"app_owns_tables", "audit_can_be_changed"} <= found


def test_production_mode_refuses_and_the_command_tells_why(parts: Path, folder: Path, bundle: ScoringBundle, ledger: Ledger) -> None:
    code = (
        "import sys; from pathlib import Path; from serving.server import serve; p = Path(sys.argv[1]);"
        "serve(bundle=p / 'bundle', ledger=p / 'ledger', port=0, data=Path(sys.argv[2]), on_ready=lambda r: print('READY'))"
    )
    import os

    environment = {**os.environ, "LIANXIN_PRODUCTION": "true"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(parts), str(folder / "pg")],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=120,
    )
    assert "READY" not in done.stdout
    assert "In production mode nothing unsafe is served" in done.stderr
    assert "no_trusted_key" in done.stderr
    from typer.testing import CliRunner

    from lianxin.cli import app

    given = ["--bundle", str(parts / "bundle"), "--ledger", str(parts / "ledger"), "--data", str(folder / "pg"), "--json"]
    told = CliRunner().invoke(app, ["doctor", *given])
    assert told.exit_code == 1
    assert "no_trusted_key" in [finding["code"] for finding in json.loads(told.stdout)["findings"]]
