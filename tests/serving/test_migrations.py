"""Migrations go up and down with data in the tables, and nothing a bank was given is lost on the way."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from serving.access.caller import TenantKind
from serving.access.keys import authenticate, create_api_key
from serving.access.tenants import create_bank
from serving.database import migrations
from serving.database.postgres import EmbeddedPostgres
from serving.database.roles import APP_ROLE, OWNER_ROLE
from serving.database.upgrade import migrate_tables
from serving.store import Store

DATABASE = "moved"
FILL = (
    "INSERT INTO api_keys (name, prefix, digest)"
    " VALUES ('Bank A', 'a1', sha256('1')), ('Bank A', 'a2', sha256('2')), ('Bank B', 'b1', sha256('3'))",
    "INSERT INTO scores"
    " SELECT gen_random_uuid(), now(), id, 'S1', '2026-01-01', 'own_information', 'r', 'b', 'en', '{1.5,NaN}', '{}' FROM api_keys",
    # the same Idempotency-Key was used with every key
    "INSERT INTO idempotency SELECT api_key_id, sha256('same'), sha256('asked'), now(), id, 201, 'en', '{}' FROM scores",
)
BATCHES = (
    "INSERT INTO batches SELECT gen_random_uuid(), id, 'a1', now(), 'r', 'portfolio_review', 'en', '', '', 'b', rows"
    " FROM generate_series(1, 3) AS rows, (SELECT id FROM tenants LIMIT 1) AS bank"
)
KEPT = (
    "SELECT id, name, prefix, digest, created_at FROM api_keys ORDER BY id",
    "SELECT id, api_key_id, supplier_id, feature_values, body FROM scores ORDER BY id",
    "SELECT api_key_id, key_digest, score_id, body FROM idempotency ORDER BY score_id",
)


@pytest.fixture
def moved(postgres: EmbeddedPostgres) -> Any:
    """The address of a new database on the same server, as its owner."""
    from serving.database.cluster import ADMIN_ROLE

    admin = create_engine(
        postgres.owner_url().set(username=ADMIN_ROLE, password=postgres._known_credentials().admin, database="postgres"),
        isolation_level="AUTOCOMMIT",
        poolclass=NullPool,
    )
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {DATABASE} OWNER {OWNER_ROLE}"))
    url = postgres.owner_url().set(database=DATABASE)
    yield url
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {DATABASE} WITH (FORCE)"))


def test_up_down_and_up_again_with_data(moved: Any) -> None:
    engine = create_engine(moved, poolclass=NullPool)
    migrate_tables(moved, APP_ROLE, "0001")
    with engine.begin() as connection:
        for statement in FILL:
            connection.execute(text(statement))
        before = [connection.execute(text(kept)).all() for kept in KEPT]
    for target in ("head", "0001", "0012", "head"):
        migrate_tables(moved, APP_ROLE, target, down=target == "0001")
        if target == "0012":
            with engine.begin() as connection:
                connection.execute(text(BATCHES))
        with engine.begin() as connection:
            assert str([connection.execute(text(kept)).all() for kept in KEPT]) == str(before)
    with engine.begin() as connection:
        names = connection.execute(text("SELECT name FROM tenants ORDER BY name")).scalars().all()
        assert names == ["Bank A a1", "Bank A a2", "Bank B"]
        assert connection.execute(text("SELECT rows FROM batches ORDER BY number")).scalars().all() == [1, 2, 3]
        owned = "SELECT count(DISTINCT tenant_id) FROM idempotency NATURAL JOIN (SELECT id AS score_id, tenant_id FROM scores) AS own"
        assert connection.execute(text(owned)).scalar_one() == 3
        found = connection.execute(text("SELECT kind, tier, is_live FROM find_caller('a2')")).one()
        assert tuple(found) == ("bank", "consent", True)


def test_one_role_for_both_can_still_work(moved: Any) -> None:
    migrate_tables(moved, OWNER_ROLE, "head")
    both = Store.open(moved)
    key = create_api_key(both, create_bank(both, "Bank A"), "first")
    assert authenticate(both, key).kind is TenantKind.BANK
    both.close()


def test_every_step_goes_down_and_up_again_empty_of_what_it_made(moved: Any) -> None:
    listed = text(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " UNION SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    )
    seen = {}
    targets = [f"{number:04d}" for number in range(1, 1 + len(list((Path(migrations.__file__).parent / "versions").glob("v*.py"))))]
    for target in targets:
        migrate_tables(moved, APP_ROLE, target)
        with create_engine(moved, poolclass=NullPool).connect() as connection:
            seen[target] = set(connection.execute(listed).scalars())
    for target in targets[-2::-1]:
        migrate_tables(moved, APP_ROLE, target, down=True)
        with create_engine(moved, poolclass=NullPool).connect() as connection:
            assert set(connection.execute(listed).scalars()) == seen[target]
