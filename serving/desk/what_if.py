"""What would be decided, or scored, if? Worked out by the very code that decides and scores, and not kept."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection

from credit.grade import Grade
from serving.advice.advise import advice_policy, changed_row
from serving.advice.levers import LeverPath, lever_paths
from serving.assess import assess
from serving.decisions.decide import PURPOSE, make_decision
from serving.decisions.requests import DecisionRequest
from serving.desk.frame import Desk
from serving.http.problems import request_id_of
from serving.store import note_lookup

QUARTERS = (0, 25, 50, 75, 100)
"""How much of what is within reach is put right, in percent."""


@dataclass(frozen=True, slots=True)
class LeverChoice:
    """What can be chosen for one lever: its words in Chinese and English, the choices and the one made, and whether they are counts."""

    name: str
    words: tuple[str, str]
    choices: tuple[int, ...]
    chosen: int
    is_count: bool


@dataclass(frozen=True, slots=True)
class Move:
    """A number a choice moves: today's value and the one to reach."""

    feature: str
    label: tuple[str, str]
    unit: str
    today: float
    reach: float


@dataclass(frozen=True, slots=True)
class ChangedScore:
    """What the score would be: points (higher is safer) and grade today and then, the levers, and every number that moves."""

    points_today: float
    grade_today: Grade
    points: float
    grade: Grade
    pd_today: float
    pd: float
    levers: tuple[LeverChoice, ...]
    moves: tuple[Move, ...]


def decide_unkept(desk: Desk, connection: Connection, wanted: DecisionRequest) -> Mapping[str, Any]:
    """Return the answer an application would get now; nothing stays of it but that the supplier was looked at.

    Raises
    ------
    ConsentMissing, TierTooLow, NoPolicyInForce, NotEnoughHistory, AsOfOutOfRange, UnknownSupplier
        As `make_decision` raises them.
    """
    attempt = connection.begin_nested()
    try:
        answer = make_decision(
            desk.service, desk.caller, connection, wanted, request_id=request_id_of(desk.request), language=desk.language
        )
    finally:
        attempt.rollback()
    told: dict[str, Any] = json.loads(answer.body)
    consent = told["consent_ref"]
    note_lookup(connection, desk.caller.tenant_id, "report", supplier_id=wanted.supplier_id, purpose=PURPOSE.value, consent_id=consent)
    return told


def score_changed(desk: Desk, supplier_id: str, months: int, chosen: Mapping[str, int]) -> ChangedScore:
    """Return the score of a supplier's row with levers moved as chosen, in percent of what is within reach or as a count."""
    bundle, ledger = desk.service.bundle, desk.service.ledger
    today = assess(bundle, ledger, supplier_id, ledger.latest_as_of)
    row, policy = np.array(today.values), advice_policy(ledger.latest_as_of)
    paths = lever_paths(bundle.catalog, row, policy, months)
    moved, levers = {}, []
    for path in paths:
        most = len(path.efforts) - 1
        choices = tuple(range(most + 1)) if path.lever.is_counted else QUARTERS
        choice = chosen.get(path.lever.name, 0)
        choice = choice if choice in choices else 0
        if choice:
            moved[path.lever.name] = choice if path.lever.is_counted else round(most * choice / 100)
        told = policy.numbers[f"{path.lever.name}_effort"]
        levers.append(LeverChoice(path.lever.name, (told.zh, told.en), choices, choice, path.lever.is_counted))
    then = changed_row(row, paths, moved)
    scores = bundle.score(then.reshape(1, -1))
    pd = float(scores.pd[0])
    return ChangedScore(
        points_today=today.score.points,
        grade_today=today.grade,
        points=float(scores.points[0]),
        grade=bundle.grades.grade(pd),
        pd_today=today.score.pd,
        pd=pd,
        levers=tuple(levers),
        moves=_moves(desk, paths, row, then),
    )


def _moves(desk: Desk, paths: tuple[LeverPath, ...], row: np.ndarray[Any, Any], then: np.ndarray[Any, Any]) -> tuple[Move, ...]:
    """Return the numbers that differ, in the order of the levers."""
    catalog = desk.service.bundle.catalog
    places = [place for path in paths for place in path.places.tolist()]
    return tuple(
        Move(
            str(catalog[place]["name"]),
            (str(catalog[place]["label_zh"]), str(catalog[place]["label_en"])),
            str(catalog[place]["unit"]),
            float(row[place]),
            float(then[place]),
        )
        for place in places
        if row[place] != then[place] and not np.isnan(row[place])
    )
