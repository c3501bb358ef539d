"""Which database does the service use? An external one where ``DATABASE_URL`` names it, else the embedded one; ready and up to date."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from credit.errors import ServiceUnavailable
from serving.keys import create_api_key
from serving.postgres import EmbeddedPostgres, running_owner_url
from serving.roles import APP_ROLE
from serving.settings import ServiceSettings
from serving.store import Store
from serving.upgrade import upgrade_tables

Tell = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Addresses:
    """The database's address for the owner of the tables and for the application."""

    owner: URL
    app: URL


@contextmanager
def open_database(settings: ServiceSettings, tell: Tell) -> Iterator[Addresses]:
    """Have the database ready, with its tables up to date, and stop an embedded one at the end."""
    external = _external(settings)
    if external is not None:
        upgrade_tables(external.owner, external.app.username or "")
        yield external
        return
    with EmbeddedPostgres(settings.data) as postgres:
        how = "adopted" if postgres.was_adopted else "started"
        tell(f"PostgreSQL {how} (process {postgres.pid}, folder {postgres.place})")
        upgrade_tables(postgres.owner_url(), APP_ROLE)
        yield Addresses(postgres.owner_url(), postgres.app_url())


def create_key(name: str, *, data: Path | None = None, tell: Tell = lambda text: None) -> str:
    """Make an API key called ``name``, whether the service runs or not, and return it; it cannot be shown again."""
    settings = ServiceSettings() if data is None else ServiceSettings(data=data)
    running = None if settings.database_url else running_owner_url(settings.data)
    if running is not None:
        return _create(running, name)
    with open_database(settings, tell) as addresses:
        return _create(addresses.owner, name)


def _create(owner: URL, name: str) -> str:
    """Make the key as the owner of the tables."""
    store = Store.open(owner)
    try:
        return create_api_key(store, name)
    finally:
        store.close()


def _external(settings: ServiceSettings) -> Addresses | None:
    """Return the addresses of the external server, if one is named."""
    if settings.database_url is None:
        return None
    app = _postgres_url(settings.database_url.get_secret_value())
    owner = settings.database_owner_url
    return Addresses(app if owner is None else _postgres_url(owner.get_secret_value()), app)


def _postgres_url(text: str) -> URL:
    """Read an address; only PostgreSQL is spoken here."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise ServiceUnavailable("DATABASE_URL is not an address. Write it as postgresql://user:password@host:5432/database.") from None
    if url.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise ServiceUnavailable(f"DATABASE_URL must name a PostgreSQL server (postgresql://...), found the scheme {url.drivername!r}.")
    return url.set(drivername="postgresql+psycopg")
