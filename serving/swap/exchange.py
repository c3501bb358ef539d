"""From an operator's word to another model in service: found, verified, tried, written down, exchanged; or refused with a reason."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from credit.errors import BundleInvalid, LianxinError
from serving.access.caller import Caller
from serving.http.problems import describe
from serving.http.refusals import BundleRefusal, BundleUnusable, ExchangeUnderWay
from serving.report.peers import Peers
from serving.service import Service
from serving.store import Store
from serving.swap.history import last_word, name_of, note_event
from serving.swap.holder import Holder, try_out
from serving.swap.shelf import Shelf
from training.bundle import ScoringBundle

log = logging.getLogger("lianxin.service")


@dataclass(frozen=True, slots=True)
class Wish:
    """Which bundle an operator wants in service: its folder's name and its content hash, in which request."""

    name: str
    bundle_sha256: str
    request_id: str


class Exchange:
    """Puts bundles of a shelf in service, one at a time; the one in service stays until another has passed everything."""

    def __init__(self, holder: Holder, shelf: Shelf) -> None:
        """Take the bundles from the shelf."""
        self._holder, self._shelf = holder, shelf
        self._guard = threading.Lock()
        self._refused: str | None = None

    @property
    def is_behind(self) -> bool:
        """Tell whether the bundle that is in service elsewhere cannot be served here, so that this process answers by an older one."""
        return self._refused is not None

    def put_in_service(self, store: Store, caller: Caller, wish: Wish) -> tuple[ScoringBundle, ScoringBundle]:
        """Put the wished bundle in service, and write that down, or the refusal, before anybody is told.

        Returns
        -------
        The bundle, and the one that was in service before.

        Raises
        ------
        BundleRefusal
            As `Shelf.open` says, or another exchange is under way; the bundle in service stays.
        """
        with self._alone():
            known = {"name": wish.name, "bundle_sha256": wish.bundle_sha256, "request_id": wish.request_id}
            try:
                bundle = self._tried(wish.name, wish.bundle_sha256)
            except BundleRefusal as refusal:
                _, code = describe(refusal)
                note_event(store, caller, code=code, reason=str(refusal)[:500], **known)
                log.error("bundle refused", extra={"request_id": wish.request_id, "code": code})
                raise
            # Written first: a process that dies here finds the word again at its start, and the other processes hear it.
            note_event(store, caller, version=bundle.version, **known)
            before = self._holder.exchange(bundle=bundle).bundle
            self._refused = None
        log.info("bundle in service", extra={"request_id": wish.request_id, "code": bundle.content_hash[:12]})
        return bundle, before

    def follow(self, store: Store) -> bool:
        """Put in service what another process was told to; True where something was exchanged. A bundle that fails is named in the log."""
        word = last_word(store)
        if word is None or word.bundle_sha256 == self._holder.current.bundle.content_hash:
            self._refused = None
            return False
        with self._alone():
            try:
                self._holder.exchange(bundle=self._tried(word.name, word.bundle_sha256))
            except BundleRefusal:
                self._refused = word.bundle_sha256
                raise
            self._refused = None
        log.info("bundle in service", extra={"code": word.bundle_sha256[:12]})
        return True

    def service_with(self, store: Store, bundle_sha256: str) -> Service:
        """Return the service with a bundle that is or was in service here; raises as `Shelf.open` does where it cannot be opened."""
        now = self._holder.current
        if now.bundle.content_hash == bundle_sha256:
            return now
        bundle = self._shelf.open(name_of(store, bundle_sha256), bundle_sha256, now.bundle)
        return replace(now, bundle=bundle, peers=Peers(bundle, now.ledger))

    def _tried(self, name: str, bundle_sha256: str) -> ScoringBundle:
        """Return the bundle after everything that can be tried was tried."""
        now = self._holder.current
        bundle = self._shelf.open(name, bundle_sha256, now.bundle)
        try:
            try_out(bundle, now.ledger)
        except BundleInvalid as error:
            raise BundleUnusable(str(error)) from error
        return bundle

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one exchange at a time in."""
        if not self._guard.acquire(blocking=False):
            raise ExchangeUnderWay
        try:
            yield
        finally:
            self._guard.release()


class Follower:
    """Asks whether another process was given another bundle; after one that was refused it rests."""

    def __init__(self, exchange: Exchange, store: Store, rest_seconds: float) -> None:
        """Rest so long."""
        self._exchange, self._store, self._rest_seconds = exchange, store, rest_seconds
        self._rests_until = 0.0

    def run(self) -> bool:
        """Put in service what another process was told to; True where something was exchanged."""
        if time.monotonic() < self._rests_until:
            return False
        try:
            return self._exchange.follow(self._store)
        except ExchangeUnderWay:
            return False
        except LianxinError as refusal:
            log.exception("bundle of another process refused", extra={"code": describe(refusal)[1]})
            self._rests_until = time.monotonic() + self._rest_seconds
            return False
