"""Which bundle did the operators ask for last? Every exchange and every refusal, kept in the database that all processes share."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, insert, text

from serving.access.caller import Caller
from serving.database.tables import bundle_events
from serving.http.refusals import BundleUnknown
from serving.store import Store, add_to_chain, next_of_chain

IN_SERVICE, REFUSED = "in_service", "refused"
_NEWEST = text("SELECT * FROM newest_bundle_events(:at_most)")
_LAST_WORD = text("SELECT * FROM last_bundle_in_service()")
_KNOWN = text("SELECT was_bundle_in_service(:bundle_sha256)")
_NAME = text("SELECT name_of_bundle(:bundle_sha256)")


@dataclass(frozen=True, slots=True)
class BundleEvent:
    """A bundle was put in service, or refused with a code and a reason; ``tenant_id`` is the operator's, None where a start said it."""

    number: int
    at: datetime
    tenant_id: UUID | None
    name: str
    bundle_sha256: str
    version: str | None
    outcome: str
    code: str | None
    reason: str | None


def newest_events(connection: Connection, at_most: int) -> list[BundleEvent]:
    """Return the newest events, the newest first, whoever caused them."""
    return [BundleEvent(*row) for row in connection.execute(_NEWEST, {"at_most": at_most})]


def last_word(store: Store) -> BundleEvent | None:
    """Return the last event that put a bundle in service."""
    with store.at_once.connect() as connection:
        row = connection.execute(_LAST_WORD).one_or_none()
    return None if row is None else BundleEvent(*row)


def name_of(store: Store, bundle_sha256: str) -> str:
    """Return the name under which a bundle of that content was last put in service here; raises `BundleUnknown` where none was."""
    with store.at_once.connect() as connection:
        name = connection.execute(_NAME, {"bundle_sha256": bundle_sha256}).scalar_one()
    if name is None:
        raise BundleUnknown(f"{bundle_sha256[:12]}: no such bundle was ever in service here")
    return str(name)


def was_in_service(store: Store, bundle_sha256: str) -> bool:
    """Tell whether a bundle of that content was ever put in service here."""
    with store.at_once.connect() as connection:
        return bool(connection.execute(_KNOWN, {"bundle_sha256": bundle_sha256}).scalar_one())


def note_start(owner: Store, name: str, bundle_sha256: str, version: str) -> None:
    """Write down that a start put the bundle in service; the store is open as the owner of the tables."""
    values = {"name": name, "bundle_sha256": bundle_sha256, "version": version, "outcome": IN_SERVICE}
    with owner.engine.begin() as connection:
        connection.execute(insert(bundle_events), values)


def note_event(
    store: Store,
    caller: Caller,
    *,
    name: str,
    bundle_sha256: str,
    request_id: str,
    version: str | None = None,
    code: str | None = None,
    reason: str | None = None,
) -> None:
    """Write down what came of an operator's wish, with a row in the operator's audit chain, in one transaction; a code means refused."""
    outcome = IN_SERVICE if code is None else REFUSED
    told = {"kind": "bundle", "bundle": name, "bundle_sha256": bundle_sha256, "version": version, "outcome": outcome, "code": code}
    with store.begin(caller) as connection:
        values = {"tenant_id": caller.tenant_id, "name": name, "bundle_sha256": bundle_sha256, "version": version}
        connection.execute(insert(bundle_events), values | {"outcome": outcome, "code": code, "reason": reason})
        add_to_chain(
            connection,
            caller.tenant_id,
            next_of_chain(connection, caller.tenant_id, told | {"key": caller.prefix, "request_id": request_id}),
        )
