"""What would raise a supplier's grade: the least it can change, found in the trees and promised only after scoring the changed row.

For the next grade and the one after, and for 3, 6 and 12 months, `serving.advice.search` finds the change of at most three levers
(`serving.advice.levers`) with the least effort. The changed row is then scored as any row is; also by other bundles, where some are
given. All numbers that no lever moves stay as they are today: that is the condition of every promise.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from credit.errors import BundleInvalid, OutOfRange
from credit.grade import Grade
from credit.policy import Policy
from features.build import build_features
from features.ledger import Ledger
from serving.advice.levers import MONTHS, LeverPath, lever_paths
from serving.advice.search import Change, Proof, least_effort, lowest_margin, tabulate
from serving.assess import refuse_later_as_of, scored_features
from serving.packaged_policy import packaged_policy
from training.bundle import ScoringBundle

Values = NDArray[np.float64]

GRADES_AHEAD = 2


@dataclass(frozen=True, slots=True)
class NumberMove:
    """One number of a change: today's value and the one to reach; ``is_shown`` where a supplier is told it."""

    feature: str
    label: tuple[str, str]
    unit: str
    today: float
    reach: float
    is_shown: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One lever of a plan: what to do in Chinese and English, its effort, and every number that moves with it."""

    lever: str
    text: tuple[str, str]
    effort: float
    numbers: tuple[NumberMove, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """What another bundle says of the same change; ``holds`` where it comes to the promised grade or a better one."""

    version: str
    content_hash: str
    grade_today: Grade
    grade_then: Grade
    holds: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps within some months; ``points`` and ``grade`` are those of the changed row, scored again.

    ``target`` is reached, but in the nearest plan of an `Advice`, which lacks ``points_lacking`` (else 0).
    """

    target: Grade
    months: int
    steps: tuple[Step, ...]
    effort: float
    points: float
    grade: Grade
    points_lacking: float
    holds: tuple[Held, ...]
    proof: Proof | None
    row: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Advice:
    """Advice on a feature row.

    Attributes
    ----------
    plans
        By grade and months; one that takes longer stands only where it takes less effort.
    unreached
        Grades ahead, at most two, that no change within 12 months reaches.
    nearest
        Where the next grade is among them: the change that comes nearest within 12 months; None if nothing helps.
    """

    points: float
    grade: Grade
    plans: tuple[Plan, ...]
    unreached: tuple[Grade, ...]
    nearest: Plan | None


def advice_policy(as_of: date) -> Policy:
    """Return the packaged policy `advice` in force on a day."""
    return packaged_policy("advice").on(as_of)


def advise_supplier(
    bundle: ScoringBundle, ledger: Ledger, supplier_id: str, as_of: date, policy: Policy, *, others: Sequence[ScoringBundle] = ()
) -> Advice:
    """Advise one supplier from what was known of it before ``as_of``; raises as `serving.assess.assess` does."""
    refuse_later_as_of(ledger, as_of)
    rows = [build_features(ledger, [as_of], [supplier_id], features=scored_features(model.names)).values[0] for model in (bundle, *others)]
    return advise(bundle, rows[0], policy, others=tuple(zip(others, rows[1:], strict=True)))


def advise(bundle: ScoringBundle, row: Values, policy: Policy, *, others: Sequence[tuple[ScoringBundle, Values]] = ()) -> Advice:
    """Return what would raise the grade of a feature row, shape (f,), of the bundle's names.

    Parameters
    ----------
    bundle
        That scores and must keep every promise.
    row
        Missing is NaN; a missing number stays missing.
    policy
        `advice`: effort and reach of each lever.
    others
        Further bundles, each with its own row of the same supplier, asked whether they would agree.

    Raises
    ------
    OutOfRange
        The row has another width or an infinity.
    BundleInvalid
        The scorer does not come to what the trees say: the bundle contradicts itself.
    """
    row = np.asarray(row, dtype=np.float64)
    if row.shape != (len(bundle.names),):
        raise OutOfRange(f"a row must have the {len(bundle.names)} numbers of the bundle in its order, found shape {row.shape}")
    points, grade = _scored(bundle, row)
    place = bundle.grades.grades.index(grade)
    ahead = bundle.grades.grades[max(place - GRADES_AHEAD, 0) : place][::-1]
    directions = [int(entry["direction"]) for entry in bundle.catalog] if bundle.monotone is not None else None
    plans: list[Plan] = []
    nearest = None
    for months in MONTHS if ahead else ():
        paths = lever_paths(bundle.catalog, row, policy, months)
        tables = tabulate(bundle.forest, row, paths, directions)
        plan_of = _Planner(bundle, row, policy, months, paths, others)
        for target in ahead:
            change, proof = least_effort(tables, _margin_below(bundle, target))
            cheapest = min((plan.effort for plan in plans if plan.target == target), default=math.inf)
            if change is not None and change.effort < cheapest:
                plans.append(plan_of(change, target, proof))
        if months == MONTHS[-1] and not any(plan.target == ahead[0] for plan in plans):
            change = lowest_margin(tables)
            nearest = None if change is None else plan_of(change, ahead[0], None)
    plans.sort(key=lambda plan: (ahead.index(plan.target), plan.months))
    return Advice(points, grade, tuple(plans), tuple(g for g in ahead if all(plan.target != g for plan in plans)), nearest)


@dataclass(frozen=True, slots=True)
class _Planner:
    """Makes a plan of a change: the row it leads to, scored again by every bundle."""

    bundle: ScoringBundle
    row: Values
    policy: Policy
    months: int
    paths: tuple[LeverPath, ...]
    others: Sequence[tuple[ScoringBundle, Values]]

    def __call__(self, change: Change, target: Grade, proof: Proof | None) -> Plan:
        """Return the plan; refuse a promise that the scorer does not keep."""
        moved = {self.paths[lever].lever.name: position for lever, position in change.positions}
        row = changed_row(self.row, self.paths, moved)
        points, grade = _scored(self.bundle, row)
        if proof is not None and not _reaches(self.bundle, grade, target):
            told = f"the trees of {self.bundle.version} promise grade {target.name} and its scorer says {grade.name}"
            raise BundleInvalid(f"{told}: the bundle contradicts itself, release it again")
        return Plan(
            target=target,
            months=self.months,
            steps=tuple(self._step(self.paths[lever], position, row) for lever, position in change.positions),
            effort=change.effort,
            points=points,
            grade=grade,
            points_lacking=0.0 if proof is not None else self.bundle.scale.points(target.pd_to) - points,
            holds=tuple(self._held(other, own_row, moved, target) for other, own_row in self.others),
            proof=proof,
            row=tuple(row.tolist()),
        )

    def _step(self, path: LeverPath, position: int, row: Values) -> Step:
        used = set(self.bundle.forest.feature.tolist())
        moves = []
        for number, place in zip([n for n in path.lever.numbers if n.feature in self.bundle.names], path.places.tolist(), strict=True):
            entry, today, reach = self.bundle.catalog[place], float(self.row[place]), float(row[place])
            label = (str(entry["label_zh"]), str(entry["label_en"]))
            is_level = number.year is None and (reach - today) * int(entry["direction"]) < 0
            moves.append((is_level, place in used, NumberMove(number.feature, label, str(entry["unit"]), today, reach, False)))
        # Levels the score rests on; where it rests on a change against the year alone, the levels behind it.
        counts = any(is_level and is_used for is_level, is_used, _ in moves)
        numbers = tuple(replace(move, is_shown=is_level and (is_used or not counts)) for is_level, is_used, move in moves)
        words = self.policy.numbers[f"{path.lever.name}_effort"]
        return Step(path.lever.name, (words.zh, words.en), float(path.efforts[position]), numbers)

    def _held(self, other: ScoringBundle, row: Values, moved: dict[str, int], target: Grade) -> Held:
        then = _scored(other, changed_row(row, lever_paths(other.catalog, row, self.policy, self.months), moved))[1]
        return Held(other.version, other.content_hash, _scored(other, row)[1], then, then.pd_to <= target.pd_to)


def changed_row(row: Values, paths: Sequence[LeverPath], moved: dict[str, int]) -> Values:
    """Return the row with the levers at their positions; a lever that a model has no number of moves nothing there."""
    changed = row.copy()
    for path in paths:
        if path.lever.name in moved:
            changed[path.places] = path.values[:, moved[path.lever.name]]
    return changed


def _scored(bundle: ScoringBundle, row: Values) -> tuple[float, Grade]:
    scores = bundle.score(row.reshape(1, -1))
    return float(scores.points[0]), bundle.grades.grade(float(scores.pd[0]))


def _reaches(bundle: ScoringBundle, grade: Grade, target: Grade) -> bool:
    return bundle.grades.grades.index(grade) <= bundle.grades.grades.index(target)


def _margin_below(bundle: ScoringBundle, target: Grade) -> float:
    """Return the log-odds, before calibration, below which a row has the grade or a better one."""
    log_odds = math.log(target.pd_to) - math.log1p(-target.pd_to)
    return (log_odds - bundle.calibration.intercept) / bundle.calibration.slope
