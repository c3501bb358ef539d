"""One PostgreSQL, one ledger and one bundle for all tests of the service."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from fastapi import FastAPI

from features.columns import Tier
from features.ledger import Ledger
from features.store import open_ledger
from serving.access.caller import Caller
from serving.access.keys import authenticate, create_api_key
from serving.access.tenants import create_bank, create_operator, create_supplier, record_consents
from serving.app import create_app
from serving.database.postgres import EmbeddedPostgres
from serving.database.roles import APP_ROLE
from serving.database.upgrade import upgrade_tables
from serving.schemas import Purpose
from serving.settings import ServiceSettings
from serving.store import Store
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


@pytest.fixture
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Write a line that is seen whether or not the test passes: seeds and figures."""
    plugins = request.config.pluginmanager
    reporter, capture = plugins.get_plugin("terminalreporter"), plugins.get_plugin("capturemanager")

    def write(text: str) -> None:
        with capture.global_and_fixture_disabled():  # type: ignore[union-attr]
            reporter.write_line(f"\n{text}")  # type: ignore[union-attr]

    return write


def bank_with_consents(owner: Store, ledger: Ledger, name: str, tier: Tier = Tier.RESTRICTED) -> str:
    """The key of a new bank that every supplier of the ledger, and one that stands in none, gave its consent."""
    bank = create_bank(owner, name, tier)
    ends = datetime.now(UTC) + timedelta(days=30)
    record_consents(owner, name, [*map(str, ledger.supplier_ids), "nobody"], list(Purpose), ends)
    return create_api_key(owner, bank, name)


@pytest.fixture(scope="session")
def key(owner: Store, ledger: Ledger) -> str:
    return bank_with_consents(owner, ledger, "tests")


@pytest.fixture(scope="session")
def bank(owner: Store, key: str) -> Caller:
    return authenticate(owner, key)


@pytest.fixture(scope="session")
def supplier_key(owner: Store, supplier: str) -> str:
    return create_api_key(owner, create_supplier(owner, supplier), "its login")


@pytest.fixture(scope="session")
def operator_key(owner: Store) -> str:
    return create_api_key(owner, create_operator(owner, "operator"), "watch")


@pytest.fixture
def empty_bank(owner: Store) -> UUID:
    """A new bank without any consent."""
    return create_bank(owner, f"bank {datetime.now(UTC).timestamp()}")


@pytest.fixture(scope="session")
def supplier(ledger: Ledger) -> str:
    return str(ledger.supplier_ids[5])


@pytest.fixture(scope="session")
def app(bundle: ScoringBundle, ledger: Ledger, store: Store, supplier: str) -> FastAPI:
    return create_app(ServiceSettings(example_supplier=supplier, rate_burst=100_000, rate_per_second=10_000), bundle, ledger, store)


@pytest.fixture
def client(app: FastAPI, key: str) -> Client:
    return Client(app, Accept_Language="en", X_API_Key=key)


@pytest.fixture
def browser(app: FastAPI) -> Client:
    return Client(app, Accept_Language="en", Accept="text/html")
