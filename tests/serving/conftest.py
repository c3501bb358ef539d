"""One PostgreSQL, one ledger and one bundle for all tests of the service."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from features.ledger import Ledger
from features.store import open_ledger
from serving.app import create_app
from serving.keys import create_api_key
from serving.postgres import EmbeddedPostgres
from serving.roles import APP_ROLE
from serving.settings import ServiceSettings
from serving.store import Store
from serving.upgrade import upgrade_tables
from tests.serving.client import Client
from tests.serving.parts import make_bundle, make_ledger
from training.bundle import ScoringBundle


@pytest.fixture
def folder() -> Iterator[Path]:
    """A new folder that a system user may reach, unlike pytest's own."""
    yield from reachable_folder()


@pytest.fixture(scope="session")
def parts() -> Iterator[Path]:
    """A folder with `ledger` and `bundle`."""
    for place in reachable_folder():
        make_bundle(make_ledger(place), place / "bundle")
        yield place


def reachable_folder() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="lx-test-")).resolve()
    place.chmod(0o711)
    yield place
    shutil.rmtree(place)


@pytest.fixture(scope="session")
def ledger(parts: Path) -> Iterator[Ledger]:
    ledger = open_ledger(parts / "ledger")
    yield ledger
    ledger.profiles.close()


@pytest.fixture(scope="session")
def bundle(parts: Path) -> ScoringBundle:
    return ScoringBundle.load(parts / "bundle")


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    for place in reachable_folder():
        with EmbeddedPostgres(place / "pg") as server:
            upgrade_tables(server.owner_url(), APP_ROLE)
            yield server


@pytest.fixture(scope="session")
def owner(postgres: EmbeddedPostgres) -> Iterator[Store]:
    store = Store.open(postgres.owner_url())
    yield store
    store.close()


@pytest.fixture(scope="session")
def store(postgres: EmbeddedPostgres) -> Iterator[Store]:
    store = Store.open(postgres.app_url())
    yield store
    store.close()


@pytest.fixture(scope="session")
def key(owner: Store) -> str:
    return create_api_key(owner, "tests")


@pytest.fixture(scope="session")
def supplier(ledger: Ledger) -> str:
    return str(ledger.supplier_ids[5])


@pytest.fixture(scope="session")
def app(bundle: ScoringBundle, ledger: Ledger, store: Store, supplier: str) -> FastAPI:
    return create_app(ServiceSettings(example_supplier=supplier), bundle, ledger, store)


@pytest.fixture
def client(app: FastAPI, key: str) -> Client:
    return Client(app, Accept_Language="en", X_API_Key=key)


@pytest.fixture
def browser(app: FastAPI) -> Client:
    return Client(app, Accept_Language="en", Accept="text/html")
