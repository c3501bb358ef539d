"""The door of the service: bundle, ledger, database, web server, brought up in order and taken down in reverse.

Ctrl-C, SIGTERM and a closed terminal end requests under way, then the web server, then the embedded database.
"""

import gc
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import quote

import uvicorn
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from credit.errors import BundleTampered, LianxinError, ServiceUnavailable
from features.ledger import Ledger
from features.store import open_ledger
from serving.access.keys import authenticate
from serving.access.sessions import Sessions
from serving.access.tenants import record_consents
from serving.app import create_app
from serving.assess import assess
from serving.audit.anchors import anchor_chains
from serving.background import Job, beside
from serving.database.opening import Tell, bank_key, database_addresses, open_database, signing_keys, supplier_key
from serving.decisions.lapses import lapse_due
from serving.disputes.rescoring import Corrections, Stored, stored
from serving.doctor import Finding, Surroundings, examine
from serving.http.languages import Language
from serving.http.logs import log_to
from serving.report.build import build_report
from serving.report.page import report_html
from serving.schemas import Purpose
from serving.service import Service
from serving.settings import ServiceSettings
from serving.store import Store
from serving.surroundings import Started, look_around
from serving.swap.exchange import Follower
from serving.swap.history import last_word, note_start, was_in_service
from serving.swap.holder import try_out
from serving.swap.shelf import Shelf
from serving.webhooks.delivery import deliver_due
from training.bundle import ScoringBundle

GRACE_SECONDS = 10
DATABASE_SECONDS = 0.5
BATCH_SECONDS = 1.0
WEBHOOK_SECONDS = 1.0
CORRECTION_SECONDS = 5.0
LAPSE_SECONDS = 60.0


class Ended(BaseException):
    """A signal asked the process to end."""


@dataclass(frozen=True, slots=True)
class RunningService:
    """A service that answers at ``url``; what a demo or a test may ask of it."""

    url: str
    ledger: Ledger
    _owner: Store
    _sessions: Sessions

    def create_key(self, name: str) -> str:
        """Make an API key of the bank called ``name``, itself made where there is none; the key cannot be shown again."""
        return bank_key(self._owner, name)

    def create_supplier_key(self, supplier_id: str) -> str:
        """Make an API key of the supplier's own login, itself made where there is none; the key cannot be shown again."""
        return supplier_key(self._owner, supplier_id)

    def record_consents(self, bank: str, suppliers: Sequence[str], purposes: Sequence[Purpose], expires_at: datetime) -> int:
        """Record consents of the suppliers to the bank, where none is recorded yet, and return how many were; for simulated data."""
        return record_consents(self._owner, bank, suppliers, purposes, expires_at)

    def login_link(self, key: str, page: str = "/") -> str:
        """Return a link that opens the page in a browser, once, within an hour."""
        token = self._sessions.issue_link(authenticate(self._owner, key).prefix)
        return f"{self.url}/login?token={token}&next={quote(page, safe='')}"


def serve(
    *,
    bundle: Path,
    ledger: Path,
    host: str = "127.0.0.1",
    port: int = 8000,
    data: Path | None = None,
    trusted_key: str | None = None,
    allow_unsigned: bool = False,
    tell: Tell = lambda text: None,
    on_ready: Callable[[RunningService], object] | None = None,
    example_supplier: str | None = None,
    others: Sequence[Path] = (),
) -> None:
    """Serve scores and reports until a signal asks to end.

    Parameters
    ----------
    bundle, ledger
        The released bundle and the stored ledger to score with.
    host, port
        Where to listen; port 0 takes a free one.
    data
        Folder of the embedded PostgreSQL.
    trusted_key
        Public key in hexadecimal that must have signed the bundle; None takes any.
    allow_unsigned
        Serve a bundle that nobody signed, too; for work on one's own machine.
    tell
        Is told each step in a line.
    on_ready
        Is called once, when requests are answered.
    example_supplier
        Supplier of the documentation's examples, for simulated data only.
    others
        Bundles (challenger, last champion) that are asked whether the advice on a report holds under them too.

    Raises
    ------
    ServiceUnavailable
        The port is taken, the database cannot be started, or, in production mode, something is unsafe.
    BundleTampered, BundleInvalid, LedgerUnreadable
        Bundle or ledger cannot be served; no database is started then.
    """
    given: dict[str, Any] = {"host": host, "port": port, "example_supplier": example_supplier}
    settings = ServiceSettings(**given) if data is None else ServiceSettings(**given, data=data)
    with _ending_in_order(), listen(settings.host, settings.port) as listener:
        log_to()
        model = _open_bundle(bundle, trusted_key, allow_unsigned=allow_unsigned)
        asked = [_open_bundle(other, None, allow_unsigned=allow_unsigned) for other in others]
        was_stored, facts = stored(ledger), open_ledger(ledger)
        tell(f"bundle {model.version} ({model.content_hash[:12]}), {_signature(model, trusted_key)}; data up to {facts.latest_as_of}")
        # The first score of a process compiles and maps; better now than under a caller's eyes. It also tells whether the two fit.
        try_out(model, facts)
        with open_database(settings, tell) as addresses:
            owner, store = Store.open(addresses.owner), Store.open(addresses.app)
            try:
                shelf = Shelf(bundle.resolve().parent, trusted_key, allow_unsigned)
                model = _last_word(owner, shelf, bundle.resolve().name, model, facts, tell)
                keys = signing_keys(settings.data)
                if settings.production:
                    started = Started(trusted_key, allow_unsigned)
                    _refuse_unsafe(look_around(settings, model, facts, started, addresses, (owner, store)))
                anchor_chains(owner, keys.anchor)
                app = create_app(settings, model, facts, store, keys, shelf, asked, ledger.resolve())
                threading.Thread(target=work_ahead, args=(app.state.service,), daemon=True).start()
                running = RunningService(_url_of(listener), facts, owner, app.state.service.sessions)
                config = uvicorn.Config(
                    app, log_config=None, access_log=False, server_header=False, lifespan="off", timeout_graceful_shutdown=GRACE_SECONDS
                )
                jobs = [*_jobs(app, was_stored), Job("database", DATABASE_SECONDS, addresses.start_again)]
                with settled(), beside(jobs):
                    _Server(config, lambda: _announce(running, tell, on_ready)).run(sockets=[listener])
            finally:
                with suppress(SQLAlchemyError):  # the next start anchors what a lost database kept from it
                    anchor_chains(owner, signing_keys(settings.data).anchor)
                store.close()
                owner.close()


@contextmanager
def settled() -> Iterator[None]:
    """Keep all that was loaded out of the garbage collector's sight while requests are answered.

    Looking through it would stop an answer for a quarter of a second now and then.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def work_ahead(service: Service) -> None:
    """Make one report, while requests are answered: the platform's scores of the day, two years of its buyer network and the page stay."""
    supplier = str(service.ledger.supplier_ids[int(service.ledger.known_from.argmin())])
    assessment = assess(service.bundle, service.ledger, supplier, service.ledger.latest_as_of)
    report = build_report(service.bundle, service.ledger, assessment, peers=service.peers)
    for language in Language:
        report_html(report, language, warnings=(), looks=None, addresses=None)


def _jobs(app: FastAPI, was_stored: Stored | None) -> list[Job]:
    """Return what the service does beside answering."""
    service: Service = app.state.service
    root, guard = service.keys.webhook_root, service.settings.webhook_guard
    corrections, worker, every = Corrections(app.state.holder, was_stored), app.state.worker, service.settings.bundle_seconds
    return [
        Job("batches", BATCH_SECONDS, worker.work, worker.woken),
        Job("bundles", every, Follower(app.state.exchange, service.store, rest_seconds=30 * every).run),
        Job("webhooks", WEBHOOK_SECONDS, lambda: deliver_due(service.store, root, guard)),
        Job("lapses", LAPSE_SECONDS, lambda: lapse_due(service)),
        Job("corrections", CORRECTION_SECONDS, corrections.run),
    ]


def diagnose(
    *, bundle: Path, ledger: Path, data: Path | None = None, trusted_key: str | None = None, allow_unsigned: bool = False
) -> tuple[Finding, ...]:
    """Return everything unsafe about a service on this bundle, ledger and database; an unsigned bundle is one thing of it."""
    settings = ServiceSettings() if data is None else ServiceSettings(data=data)
    model, facts = _open_bundle(bundle, trusted_key, allow_unsigned=True), open_ledger(ledger)
    with database_addresses(settings) as addresses:
        owner, store = Store.open(addresses.owner), Store.open(addresses.app)
        try:
            around = look_around(settings, model, facts, Started(trusted_key, allow_unsigned), addresses, (owner, store))
        finally:
            store.close()
            owner.close()
    return examine(around)


def _refuse_unsafe(around: Surroundings) -> None:
    """Refuse to serve in production mode with anything unsafe."""
    findings = examine(around)
    if findings:
        told = "\n".join(f"  {each.code}: {each.found}. {each.remedy}" for each in findings)
        raise ServiceUnavailable(f"In production mode nothing unsafe is served, found {len(findings)} (see `lianxin doctor`):\n{told}")


def _open_bundle(folder: Path, trusted_key: str | None, *, allow_unsigned: bool) -> ScoringBundle:
    """Open the bundle; one that nobody signed only where that is allowed."""
    bundle = ScoringBundle.load(folder, trusted_key=trusted_key)
    if bundle.signed_by is None and not allow_unsigned:
        raise BundleTampered(
            f"A bundle is served only if it is signed, and {folder} has no signature. Make one with `lianxin release`, or, on a machine "
            f"of your own, start with --allow-unsigned."
        )
    return bundle


def _last_word(owner: Store, shelf: Shelf, name: str, named: ScoringBundle, ledger: Ledger, tell: Tell) -> ScoringBundle:
    """Return the bundle to serve: the named one where it is new here, else the one put in service last, which a restart does not undo."""
    word = last_word(owner)
    if word is None or not was_in_service(owner, named.content_hash):
        note_start(owner, name, named.content_hash, named.version)
        return named
    if word.bundle_sha256 == named.content_hash:
        return named
    at = word.at.isoformat(timespec="seconds")
    try:
        bundle = shelf.open(word.name, word.bundle_sha256, named)
        try_out(bundle, ledger)
    except LianxinError as refusal:
        tell(f"bundle {word.name} was put in service at {at} and cannot be now, so the one named is served: {refusal}")
        return named
    tell(f"bundle {word.name} ({bundle.content_hash[:12]}), put in service at {at}, is served in place of the older one named")
    return bundle


def _signature(bundle: ScoringBundle, trusted_key: str | None) -> str:
    """Say who signed the bundle, and whether that signer was asked for."""
    if bundle.signed_by is None:
        return "unsigned, as --allow-unsigned permits"
    asked = "the one --trusted-key asks for" if trusted_key is not None else "any signer is taken, for there is no --trusted-key"
    return f"signed by {bundle.signed_by[:16]} ({asked})"


class _Server(uvicorn.Server):
    """A web server that says when it answers."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], object]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so; from here on a closed terminal ends the server as the other signals do."""
        await super().startup(sockets)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGHUP, self.handle_exit)
        self._on_ready()


def _announce(running: RunningService, tell: Tell, on_ready: Callable[[RunningService], object] | None) -> None:
    """Say that requests are answered."""
    tell(f"ready at {running.url} (documentation at {running.url}/docs)")
    if on_ready is not None:
        on_ready(running)


@contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """Take the port before anything else is started, and give it back at the end."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Without the protocol's number asyncio leaves Nagle's algorithm on, and every answer waits 40 ms for an acknowledgement.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(256)
        except OSError as error:
            raise ServiceUnavailable(
                f"The service listens on a port of its own, but {host}:{port} cannot be taken ({error.strerror}). Stop what uses it, or "
                f"name another with --port."
            ) from None
        yield listener


def _url_of(listener: socket.socket) -> str:
    """Return the address of the service as a browser needs it."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Turn the signals that end a process into one way out, and let nothing interrupt the way out itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise Ended

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {each: signal.signal(each, end) for each in signals}
    try:
        yield
    except Ended:
        return
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
