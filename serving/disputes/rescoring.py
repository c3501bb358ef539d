"""What rested on a row that was wrong is scored again: the same supplier and day, as known now, for whoever was given the old score.

The old score stays; the two are linked, each in the tenant's own chain, and a bank is told by its webhooks, all in one transaction. The new
one stands under the leave of the old: a correction is owed to whoever was told the wrong thing.
"""

import json
import logging
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import Row, insert, select, text
from sqlalchemy.exc import IntegrityError

from credit.errors import LedgerUnreadable, LianxinError
from features.columns import Tier
from features.store import MANIFEST, open_ledger
from serving.access.caller import Caller, TenantKind
from serving.access.tiers import body_within
from serving.assess import assess
from serving.database.tables import score_links, scores
from serving.disputes.correction import Correction, has, put_into_ledger
from serving.disputes.record import SERVICE, add_event
from serving.disputes.standing import is_disputed
from serving.explain import Occasion, score_body
from serving.http.languages import Language
from serving.schemas import Purpose
from serving.scoring import body_bytes
from serving.service import Service
from serving.store import ScoreRecord, enter, keep_score
from serving.swap.holder import Holder
from serving.webhooks.events import Event
from serving.webhooks.outbox import tell

AT_ONCE: Final = 50
Stored = tuple[int, int]
"""Inode and time of a stored manifest, which a later one does not share."""
_TO_CORRECT = text("SELECT * FROM disputes_to_correct()")
_TO_RESCORE = text("SELECT * FROM disputes_to_rescore()")
_RESTING = text("SELECT * FROM scores_resting_on(:dispute, :most)")
log = logging.getLogger("lianxin.service")


def correct_ledger(service: Service) -> int:
    """Put what was upheld into the stored ledger, and return how many rows; one that cannot be put there now is tried again later."""
    if service.ledger_path is None:
        return 0
    done = 0
    with service.store.engine.begin() as connection:
        upheld = connection.execute(_TO_CORRECT).all()
    for row in upheld:
        try:
            put_into_ledger(service.ledger_path, service.ledger, Correction.from_json(bytes(row.correction)))
        except LianxinError:
            log.exception("a correction waits", extra={"request_id": str(row.id), "code": "correction_waits"})
            continue
        done += _once(service, row, "corrected")
    return done


def rescore(service: Service) -> int:
    """Score again what rested on corrected rows that the ledger in service knows, and return how many scores were made."""
    made = 0
    with service.store.engine.begin() as connection:
        corrected = connection.execute(_TO_RESCORE).all()
    for row in corrected:
        if not has(service.ledger, Correction.from_json(bytes(row.correction))):
            continue
        with service.store.engine.begin() as connection:
            resting = connection.execute(_RESTING, {"dispute": row.id, "most": AT_ONCE}).all()
        for score in resting:
            made += _rescore_one(service, row, score)
        if not resting:
            _once(service, row, "rescored")
    return made


class Corrections:
    """The work beside the service: correct the stored ledger, open what is stored anew where it changed, score again."""

    def __init__(self, holder: Holder, opened: Stored | None) -> None:
        """Work for the application of the holder; ``opened`` is what was stored (`stored`) before its ledger was opened."""
        self._holder = holder
        self._opened = opened

    def run(self) -> bool:
        """Do what there is to do, and say whether there was anything."""
        corrected = correct_ledger(self._holder.current)
        followed = self.follow_ledger()
        return bool(corrected + followed + rescore(self._holder.current))

    def follow_ledger(self) -> int:
        """Put the stored ledger in service if another was stored since; requests under way end with the one they began with."""
        path = self._holder.current.ledger_path
        found = stored(path)
        if path is None or found is None or found == self._opened:
            return 0
        try:
            ledger = open_ledger(path)
        except LedgerUnreadable:
            if stored(path) != found:  # written once more while it was opened
                return 0
            raise
        self._holder.exchange(ledger=ledger)
        self._opened = found
        log.info("ledger exchanged")
        return 1


def stored(path: Path | None) -> Stored | None:
    """Return what tells one stored manifest from another, None where there is none."""
    try:
        found = (path / MANIFEST).stat() if path is not None else None
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns) if found is not None else None


def _once(service: Service, of: Row[tuple[object, ...]], event: str) -> int:
    """Add a step that the service itself takes, and return 1; 0 where another process took it meanwhile."""
    correction = bytes(of._mapping["correction"]) if event == "corrected" else None
    try:
        with service.store.engine.begin() as connection:
            add_event(connection, of, event, SERVICE, correction=correction)
    except IntegrityError:
        return 0
    return 1


def _rescore_one(service: Service, dispute: Row[tuple[object, ...]], wanted: Row[tuple[object, ...]]) -> int:
    """Score one again and link the two, in one transaction; 0 where another process did it meanwhile."""
    of, old_id, tenant_id = dispute._mapping, wanted._mapping["score_id"], wanted._mapping["tenant_id"]
    try:
        with service.store.engine.begin() as connection:
            enter(connection, tenant_id, of["supplier_id"] if wanted._mapping["kind"] == TenantKind.SUPPLIER else None)
            old = connection.execute(select(scores).where(scores.c.id == old_id)).one()
            disputed = is_disputed(connection, old.supplier_id, apart_from=of["id"])
            record = _record(service, old, of["reference"], is_disputed=disputed)
            by_service = Caller(old.api_key_id, SERVICE, tenant_id, TenantKind.BANK, None, Tier.RESTRICTED, frozenset())
            link = {"old_id": old_id, "new_id": record.score_id, "tenant_id": tenant_id, "dispute_id": of["id"]}
            keep_score(connection, by_service, record, is_look=False)
            connection.execute(insert(score_links).values(**link))
            tell(connection, tenant_id, Event.SCORE_SUPERSEDED, _told(old, record.score_id, of["reference"]))
    except IntegrityError:
        return 0
    service.metrics.score()
    return 1


def _told(old: Row[tuple[object, ...]], new_id: UUID, reference: str) -> dict[str, str | None]:
    """Return what a webhook says of it."""
    return {
        "score_id": str(old._mapping["id"]),
        "superseded_by": str(new_id),
        "supplier_id": str(old._mapping["supplier_id"]),
        "as_of": old._mapping["as_of"].isoformat(),
        "because": "dispute_upheld",
        "dispute": reference,
    }


def _record(service: Service, old: Row[tuple[object, ...]], reference: str, *, is_disputed: bool) -> ScoreRecord:
    """Score again what the old score asked for, as known now, as far as its tier reached."""
    asked = old._mapping
    tier = Tier(json.loads(bytes(asked["body"])).get("tier", Tier.OPEN.value))
    language, new_id = Language(asked["language"]), uuid4()
    known_at = service.ledger.latest_as_of
    assessment = assess(service.bundle, service.ledger, asked["supplier_id"], asked["as_of"], as_known_at=known_at)
    occasion = Occasion(new_id, asked["request_id"], Purpose(asked["purpose"]), language, known_at)
    body = body_within(score_body(service.bundle, service.ledger, assessment, occasion), tier, service.bundle, language)
    consent_ref = str(asked["consent_id"]) if asked["consent_id"] else None
    by_leave = {"consent_ref": consent_ref, "tier": tier.value, "disputed": is_disputed, "supersedes": str(asked["id"])}
    return ScoreRecord(
        score_id=new_id,
        supplier_id=asked["supplier_id"],
        as_of=asked["as_of"],
        purpose=asked["purpose"],
        request_id=asked["request_id"],
        bundle_sha256=service.bundle.content_hash,
        language=language.value,
        feature_values=assessment.values,
        body=body_bytes(body, **by_leave, superseded_by=None),
        consent_id=asked["consent_id"],
        facts={"tier": tier.value, "supersedes": str(asked["id"]), "dispute": reference},
    )
