"""Which database does the service use? An external one where ``DATABASE_URL`` names it, else the embedded one; ready and up to date."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from credit.errors import ServiceUnavailable
from serving.access.keys import KeyRecord, create_api_key, list_api_keys, refuse_key_prefix, refuse_name, revoke_api_key, rotate_api_key
from serving.access.signing_keys import SigningKeys, read_or_make_signing_keys
from serving.access.tenants import create_bank, create_supplier, find_tenant, list_tenants
from serving.database.account import place_for
from serving.database.postgres import EmbeddedPostgres, running_urls
from serving.database.roles import APP_ROLE
from serving.database.upgrade import upgrade_tables
from serving.http.refusals import KeyRefused, TenantRefused
from serving.settings import ServiceSettings
from serving.store import Store

Tell = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Addresses:
    """The database's address for the owner of the tables and for the application.

    ``start_again`` brings an embedded database that died up at the same address and says whether it had died; an external one is somebody
    else's to bring up.
    """

    owner: URL
    app: URL
    start_again: Callable[[], bool] = lambda: False


@contextmanager
def open_database(settings: ServiceSettings, tell: Tell) -> Iterator[Addresses]:
    """Have the database ready, with its tables up to date, and stop an embedded one at the end."""
    external = _external(settings)
    if external is not None:
        if external.owner.username == external.app.username:
            tell("one role owns the tables and runs the service, so the database does not keep tenants apart; see `lianxin doctor`")
        upgrade_tables(external.owner, external.app.username or "")
        yield external
        return
    with EmbeddedPostgres(settings.data) as postgres:
        how = "adopted" if postgres.was_adopted else "started"
        tell(f"PostgreSQL {how} (process {postgres.pid}, folder {postgres.place})")
        upgrade_tables(postgres.owner_url(), APP_ROLE)
        yield Addresses(postgres.owner_url(), postgres.app_url(), postgres.start_again)


@contextmanager
def database_addresses(settings: ServiceSettings) -> Iterator[Addresses]:
    """Give the addresses of a server that runs already, or start one for as long as it takes; a database that is not there is not made."""
    _refuse_no_database(settings)
    running = None if settings.database_url else running_urls(settings.data)
    if running is not None:
        yield Addresses(*running)
        return
    with open_database(settings, lambda text: None) as addresses:
        yield addresses


def create_key(name: str, *, data: Path | None = None, tell: Tell = lambda text: None) -> str:
    """Make an API key of the tenant called ``name``, a new bank where there is none, and return it; it cannot be shown again.

    Works whether the service runs or not.

    Raises
    ------
    KeyRefused
        The name is empty, too long or not visible; no database is started then.
    """
    refuse_name(name)
    with open_as_owner(data, tell) as store:
        return bank_key(store, name)


def bank_key(store: Store, name: str) -> str:
    """Return a new key of the tenant called ``name``, a new bank where there is none; the store is open as the owner."""
    try:
        tenant_id = find_tenant(store, name).tenant_id
    except TenantRefused:
        tenant_id = create_bank(store, name)
    return create_api_key(store, tenant_id, name)


def supplier_key(store: Store, supplier_id: str) -> str:
    """Return a new key of the supplier's login, itself made where there is none; the store is open as the owner."""
    found = [each.tenant_id for each in list_tenants(store) if each.supplier_id == supplier_id]
    return create_api_key(store, found[0] if found else create_supplier(store, supplier_id), "login")


def list_keys(*, data: Path | None = None, tell: Tell = lambda text: None) -> tuple[KeyRecord, ...]:
    """Return what may be shown of all keys, whether the service runs or not; a database that is not there is refused, not made."""
    with open_as_owner(data, tell, only_look=True) as store:
        return list_api_keys(store)


def revoke_key(prefix: str, *, data: Path | None = None, tell: Tell = lambda text: None) -> None:
    """Revoke the key of the prefix, whether the service runs or not; it is dead at once, and so are its sessions.

    Raises
    ------
    KeyRefused
        No live key has the prefix.
    """
    refuse_key_prefix(prefix)
    with open_as_owner(data, tell, only_look=True) as store:
        if not revoke_api_key(store, prefix):
            raise KeyRefused(f"Only a live key can be revoked, and none has the prefix {prefix}. `lianxin keys list` shows them all.")


def rotate_key(prefix: str, overlap: timedelta, *, data: Path | None = None, tell: Tell = lambda text: None) -> str:
    """Return a key that takes the place of the prefix's, which ends after ``overlap``; raises as `revoke_key` does."""
    refuse_key_prefix(prefix)
    with open_as_owner(data, tell, only_look=True) as store:
        return rotate_api_key(store, prefix, overlap)


def signing_keys(data: Path | None = None) -> SigningKeys:
    """Return the keys kept beside the data, new ones where there are none."""
    return read_or_make_signing_keys(place_for(_settings(data).data))


def _settings(data: Path | None) -> ServiceSettings:
    """Return the settings, with the folder of the embedded database where it is named."""
    return ServiceSettings() if data is None else ServiceSettings(data=data)


@contextmanager
def open_as_owner(data: Path | None, tell: Tell = lambda text: None, *, only_look: bool = False) -> Iterator[Store]:
    """Open the store as the owner of the tables: on the server that runs, or on one that is started for as long as it takes.

    Raises
    ------
    ServiceUnavailable
        The server cannot be reached, or, with ``only_look``, there is no database yet; none is made then.
    """
    settings = _settings(data)
    if only_look:
        _refuse_no_database(settings)
    with ExitStack() as stack:
        running = None if settings.database_url else running_urls(settings.data)
        owner = running[0] if running is not None else stack.enter_context(open_database(settings, tell)).owner
        store = Store.open(owner)
        stack.callback(store.close)
        yield store


def _refuse_no_database(settings: ServiceSettings) -> None:
    """Refuse to make a database only to look into it."""
    place = place_for(settings.data)
    if settings.database_url is None and not (place / "data").exists():
        raise ServiceUnavailable(
            f"Keys and tenants lie in the service's database, and there is none in {place}. Name its folder with --data."
        )


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
