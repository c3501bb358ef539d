"""What the store stands on: connections that are still there, and numbers that keep their bits."""

import math
import struct
from collections.abc import Iterator
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, bindparam, select, text
from sqlalchemy.exc import OperationalError

from serving.audit.chain import next_row
from serving.database.doubles import Doubles
from serving.database.postgres import EmbeddedPostgres
from serving.store import Store, sealed, without_audit

NAME = "closed while idle"
PIDS = text("SELECT pid FROM pg_stat_activity WHERE application_name = :name ORDER BY pid")
END = text("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = :name")


@pytest.fixture
def idle(postgres: EmbeddedPostgres) -> Iterator[Store]:
    store = Store.open(postgres.app_url().update_query_dict({"application_name": NAME}))
    with store.engine.connect() as one, store.engine.connect() as other:
        assert len(one.execute(PIDS, {"name": NAME}).all()) == len(other.execute(PIDS, {"name": NAME}).all()) == 2
    yield store
    store.close()


def test_connections_the_server_closed_while_idle_are_made_anew(idle: Store, store: Store) -> None:
    with store.engine.connect() as connection:
        before = connection.execute(PIDS, {"name": NAME}).scalars().all()
        assert all(connection.execute(END, {"name": NAME}).scalars().all())
    with idle.engine.begin() as one, idle.at_once.connect() as other:
        after = one.execute(PIDS, {"name": NAME}).scalars().all()
        assert other.execute(text("SELECT 1")).scalar_one() == 1
    assert len(before) == len(after) == 2
    assert not set(before) & set(after)


def test_one_that_is_closed_while_in_use_says_so_and_the_next_works(idle: Store, store: Store) -> None:
    with pytest.raises(OperationalError), idle.engine.begin() as mine, store.engine.connect() as connection:
        mine.execute(text("SELECT 1"))
        connection.execute(END, {"name": NAME})
        mine.execute(text("SELECT 1"))
    with idle.engine.begin() as mine:
        assert mine.execute(text("SELECT 1")).scalar_one() == 1


@pytest.fixture(scope="module")
def connection(store: Store) -> Iterator[Connection]:
    with store.engine.connect() as made:
        yield made


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(width=64), max_size=300))
def test_numbers_come_back_bit_for_bit(connection: Connection, values: list[float]) -> None:
    back = connection.execute(select(bindparam("values", values, Doubles()))).scalar_one()
    assert list(map(_bits, back)) == list(map(_bits, values))


def _bits(value: float) -> bytes:
    """The bits of a number; PostgreSQL's text knows one NaN."""
    return b"NaN" if math.isnan(value) else struct.pack("<d", value)


@pytest.mark.parametrize("body", [b'{"a":1}', '{"说":"\\",\\"audit\\":{}"}'.encode(), b'{"audit":{"audit":1}}'])
def test_a_body_without_its_place_in_the_chain_is_the_very_bytes(body: bytes) -> None:
    kept = sealed(body, next_row(uuid4(), None, {"kind": "score"}), feature_snapshot_sha256="00")
    assert kept != body
    assert without_audit(kept) == body
