"""One supplier's file: the score on record, what it adds up from, the rows behind it, and what this bank asked before."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import Connection, text

from credit.reason import Reason
from features.ledger import Profile
from serving.access.caller import Caller, Scope
from serving.access.consents import Permit, permit
from serving.access.tiers import reaches
from serving.decisions.reading import DecisionFilter, DecisionLine, list_decisions
from serving.desk.frame import Desk
from serving.desk.portfolio import shows_name
from serving.disputes.standing import standing_of
from serving.explain import catalog_entry, in_words
from serving.http.languages import words
from serving.http.refusals import ConsentMissing, ScoreUnknown
from serving.report.build import ReportPart
from serving.rounding import round_to_sum
from serving.schemas import Purpose
from serving.store import ScoreRecord, find_record, note_lookup
from training.bundle import ScoringBundle

PURPOSES = (Purpose.CREDIT_APPLICATION, Purpose.PORTFOLIO_REVIEW)
"""By whose consents the desk looks at a supplier, the first that is live."""
MOST_SCORES = 60
MOST_DECISIONS = 200
_HISTORY = text("""
    SELECT id, created_at, as_of, purpose, (headline #>> '{score,points}')::float8 AS points, headline #>> '{score,grade}' AS grade,
           (headline #>> '{score,pd_12m}')::float8 AS pd, headline #>> '{model,version}' AS version
    FROM scores WHERE tenant_id = :tenant AND supplier_id = :supplier ORDER BY as_of DESC, created_at DESC LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class PastScore:
    """A score this bank was given: points (higher is safer), PD in (0, 1), and the model's version."""

    score_id: UUID
    created_at: datetime
    as_of: date
    purpose: str
    points: float
    grade: str
    pd: float
    version: str


@dataclass(frozen=True, slots=True)
class ShownReason:
    """A principal reason in the reader's language; figures are None where they are missing or withheld, rows are shown where not."""

    feature: str
    text: str
    unit: str
    points: float
    value: float | None
    reference: float | None
    is_withheld: bool


@dataclass(frozen=True, slots=True)
class ShownPart(ReportPart):
    """A contribution; ``is_withheld`` where the consent does not reach its value and rows."""

    is_withheld: bool


@dataclass(frozen=True, slots=True)
class ShownScore:
    """A kept score, told again: what was ``told`` then, with points that add up as shown; ``is_own_model`` by the model in service."""

    score_id: UUID
    told: Mapping[str, Any]
    grade_label: tuple[str, str]
    base: Decimal
    total: Decimal
    parts: tuple[ShownPart, ...]
    reasons: tuple[ShownReason, ...]
    is_own_model: bool


@dataclass(frozen=True, slots=True)
class SupplierFile:
    """What the file shows; ``score`` is None where this bank never asked for one."""

    supplier_id: str
    profile: Profile
    leave: Permit
    purpose: Purpose
    score: ShownScore | None
    history: tuple[PastScore, ...]
    decisions: tuple[DecisionLine, ...]


def leave_of(connection: Connection, caller: Caller, supplier_id: str) -> tuple[Permit, Purpose]:
    """Return by which consent the desk may look, and for which purpose; raises `ConsentMissing` where there is none."""
    for purpose in PURPOSES:
        try:
            return permit(connection, caller, supplier_id, purpose), purpose
        except ConsentMissing:
            continue
    raise ConsentMissing


def note_look(
    connection: Connection, caller: Caller, supplier_id: str, leave: Permit, purpose: Purpose, score_id: UUID | None = None
) -> None:
    """Write down that the desk looked at a supplier; the supplier sees it."""
    note_lookup(
        connection,
        caller.tenant_id,
        "report",
        supplier_id=supplier_id,
        purpose=purpose.value,
        consent_id=leave.consent_id,
        score_id=score_id,
    )


def read_supplier(desk: Desk, connection: Connection, supplier_id: str, score_id: UUID | None = None) -> SupplierFile:
    """Return a supplier's file with its newest score, or an earlier one, and write down that it was looked at.

    Raises
    ------
    ConsentMissing
        There is no live consent; whether there is such a supplier makes no difference.
    ScoreUnknown
        The score is not one of this bank's of this supplier.
    """
    caller, service = desk.caller, desk.service
    leave, purpose = leave_of(connection, caller, supplier_id)
    asked = {"tenant": caller.tenant_id, "supplier": supplier_id, "most": MOST_SCORES}
    history = tuple(PastScore(*row) for row in connection.execute(_HISTORY, asked))
    newest = history[0].score_id if history else None
    record = find_score(connection, supplier_id, score_id) if score_id else (newest and find_score(connection, supplier_id, newest))
    if record:
        record = replace(record, body=standing_of(connection, supplier_id, record.score_id).shown_in(record.body))
    note_look(connection, caller, supplier_id, leave, purpose, record.score_id if record else None)
    decided: Sequence[DecisionLine] = ()
    if desk.may(Scope.DECISION_READ):
        decided = list_decisions(connection, DecisionFilter(supplier_id), 0, MOST_DECISIONS)[::-1]
    profile = service.ledger.profile(supplier_id)
    if not shows_name(caller, leave.tier):
        profile = replace(profile, name=None)
    score = shown_score(desk, record, leave) if record else None
    return SupplierFile(supplier_id, profile, leave, purpose, score, history, tuple(decided))


def find_score(connection: Connection, supplier_id: str, score_id: UUID) -> ScoreRecord:
    """Return a score of the bank's of this supplier, or refuse with `ScoreUnknown`."""
    record = find_record(connection, score_id)
    if record.supplier_id != supplier_id:
        raise ScoreUnknown
    return record


def shown_score(desk: Desk, record: ScoreRecord, leave: Permit) -> ShownScore:
    """Return a kept score as the page shows it, as far as the consent reaches today."""
    bundle = desk.service.bundle
    told = json.loads(record.body)
    total = Decimal(told["score"]["points"]).quantize(Decimal("0.1"))
    base = Decimal(told["base_points"]).quantize(Decimal("0.1"))
    points = round_to_sum([part["points"] for part in told["contributions"]], total - base)
    parts = (_part(bundle, part, shown, leave) for part, shown in zip(told["contributions"], points, strict=True))
    labels = {grade.name: (grade.label_zh, grade.label_en) for grade in bundle.grades.grades}
    return ShownScore(
        score_id=record.score_id,
        told=told,
        grade_label=labels.get(told["score"]["grade"], ("", "")),
        base=base,
        total=total,
        parts=tuple(sorted(parts, key=lambda part: -abs(part.points))),
        reasons=_reasons(desk, record, told, leave),
        is_own_model=record.bundle_sha256 == bundle.content_hash,
    )


def _part(bundle: ScoringBundle, part: Mapping[str, Any], points: Decimal, leave: Permit) -> ShownPart:
    name = part["feature"]
    is_withheld = part["withheld"] or not reaches(leave.tier, name)
    label, family = (name, name), ""
    if name in bundle.names:
        entry = catalog_entry(bundle, name)
        label, family = (str(entry["label_zh"]), str(entry["label_en"])), str(entry["family"])
    return ShownPart(name, label, part["unit"], family, None if is_withheld else part["value"], points, is_withheld)


def _reasons(desk: Desk, record: ScoreRecord, told: Mapping[str, Any], leave: Permit) -> tuple[ShownReason, ...]:
    """Return the reasons that were given; in the reader's language where the model that gave them is the one in service."""
    bundle, spoken = desk.service.bundle, words(desk.language)
    again: dict[str, Reason] = {}
    if record.bundle_sha256 == bundle.content_hash and record.language != desk.language.value:
        score = bundle.score_of(record.supplier_id, record.as_of, np.array(record.feature_values))
        again = {reason.code: reason for reason in bundle.reasons(score)}
    shown = []
    for reason in told["reasons"]:
        name, given = reason["feature"], again.get(reason["code"])
        is_withheld = reason["withheld"] or not reaches(leave.tier, name)
        wording = in_words((given.text_zh, given.text_en), desk.language) if given else reason["text"]
        unit = next((part["unit"] for part in told["contributions"] if part["feature"] == name), "")
        if is_withheld and name in bundle.names:
            entry = catalog_entry(bundle, name)
            what = in_words((str(entry["label_zh"]), str(entry["label_en"])), desk.language)
            wording = spoken.text("reason.withheld", what=what)
        value, reference = (None, None) if is_withheld else (reason["value"], reason["reference"])
        shown.append(ShownReason(name, wording, unit, reason["points"], value, reference, is_withheld))
    return tuple(shown)
