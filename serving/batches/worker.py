"""Scores the rows of batches, some at a time, each some in one transaction: killed at any point, nothing is lost and nothing done twice.

A transaction takes a batch nobody works on, scores its next rows exactly as a single request would, and writes scores, audit rows and the
rows' outcomes; all of it is there or none. A batch is scored by one model from beginning to end, the one that was in service when it came.
"""

import logging
import threading
from collections import Counter
from dataclasses import replace
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from credit.errors import LianxinError
from serving.access.caller import Caller
from serving.access.keys import live_caller
from serving.batches.rows import BatchRow
from serving.batches.store import Batch, Outcome, end_batch, keep_outcomes, next_rows, take_batch
from serving.http.languages import Language
from serving.http.problems import describe
from serving.http.refusals import BundleRefusal
from serving.schemas import Purpose
from serving.scoring import make_score
from serving.service import Service
from serving.store import Store, keep_score
from serving.swap.exchange import Exchange

ROWS_AT_ONCE = 20
"""Rows of one transaction; a single request of the same bank waits for it, for their audit rows follow one another."""
TRIES = 5
"""So often a batch may fail in a way nobody foresaw before it is ended."""
KEY_ENDED, MODEL_GONE, INTERNAL = "key_ended", "model_gone", "internal"
_ENTER = text("SELECT set_config('lianxin.tenant', :tenant, true), set_config('lianxin.supplier', :supplier, true)")
log = logging.getLogger("lianxin.service")


class Worker:
    """Works on batches, some rows at a time; ``woken`` is set where there is a new batch."""

    def __init__(self, exchange: Exchange, store: Store) -> None:
        """Score by what the exchange holds."""
        self._exchange, self._store = exchange, store
        self._held: dict[UUID, Service] = {}
        self._failed: Counter[UUID] = Counter()
        self.woken = threading.Event()

    def work(self) -> bool:
        """Score some rows of one batch in one transaction; False where no batch waits."""
        taken: Batch | None = None
        try:
            with self._store.engine.begin() as connection:
                taken = take_batch(connection)
                if taken is None:
                    return False
                caller = live_caller(self._store, taken.key_prefix)
                supplier = caller.supplier_id if caller is not None else None
                connection.execute(_ENTER, {"tenant": str(taken.tenant_id), "supplier": supplier or ""})
                if caller is None:
                    end_batch(connection, taken, KEY_ENDED)
                    return True
                try:
                    service = self._service(taken)
                except BundleRefusal:
                    log.exception("batch ended", extra={"code": MODEL_GONE, "request_id": taken.request_id})
                    end_batch(connection, taken, MODEL_GONE)
                    return True
                rows = next_rows(connection, taken, ROWS_AT_ONCE)
                outcomes = [self._outcome(connection, service, caller, taken, row) for row in rows]
                if outcomes:
                    keep_outcomes(connection, taken, outcomes)
                is_last = not rows or rows[-1].number == taken.rows
                if is_last:
                    end_batch(connection, taken)
        except SQLAlchemyError:
            raise
        except Exception:
            log.exception("batch", extra={"code": INTERNAL})
            self._give_up(taken)
            return True
        if is_last:
            self._held.pop(taken.batch_id, None)
            log.info("batch finished", extra={"request_id": taken.request_id})
        for outcome in outcomes:
            if outcome.score_id is not None:
                service.metrics.score()
        return True

    def _service(self, batch: Batch) -> Service:
        """Return what the batch is scored with, the same to its end: what this process holds, or opened again after a restart."""
        held = self._held.get(batch.batch_id)
        if held is None:
            held = self._held[batch.batch_id] = self._exchange.service_with(self._store, batch.bundle_sha256)
        return held

    def _outcome(self, connection: Connection, service: Service, caller: Caller, batch: Batch, row: BatchRow) -> Outcome:
        """Score a row as a single request would be, or say which rule it breaks."""
        if row.code is not None or row.supplier_id is None:
            return Outcome(row.number, None, row.column, row.code)
        try:
            made = make_score(
                service,
                caller,
                connection,
                supplier_id=row.supplier_id,
                as_of=row.as_of,
                purpose=Purpose(batch.purpose),
                request_id=batch.request_id,
                language=Language(batch.language),
            )
        except LianxinError as refusal:
            status, code = describe(refusal)
            if status >= 500:
                raise
            return Outcome(row.number, None, "as_of" if code == "as_of_out_of_range" else "supplier_id", code)
        told = {**made.record.facts, "batch_id": str(batch.batch_id), "row": row.number}
        keep_score(connection, caller, replace(made.record, facts=told))
        return Outcome(row.number, made.record.score_id)

    def _give_up(self, batch: Batch | None) -> None:
        """Count a failure of the batch, and end it after too many."""
        if batch is None:
            return
        self._failed[batch.batch_id] += 1
        if self._failed[batch.batch_id] >= TRIES:
            with self._store.engine.begin() as connection:
                connection.execute(_ENTER, {"tenant": str(batch.tenant_id), "supplier": ""})
                end_batch(connection, batch, INTERNAL)
