"""What became of each supplier after each as-of date? Loans and repayments become outcomes here, and nowhere else.

The step "loans -> outcomes" of the walk; one row per supplier and as-of date that has a label. The engine finds the worst
days past due, `credit.outcome.classify` names the outcome. Where there are no loans, a platform gives labels itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from credit.errors import NotEnoughHistory
from credit.outcome import Outcome, OutcomePolicy, classify
from features.columns import Kind
from features.read import RawTables
from features.tables import CONTRACT

Y = {Outcome.GOOD: 0.0, Outcome.BAD: 1.0, Outcome.INDETERMINATE: float("nan")}


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Labels, one row per supplier and as-of date, in the order of as-of date and supplier.

    Attributes
    ----------
    supplier_ids, as_of, status
        Shape (n,); ``status`` holds `Outcome` values.
    y
        1 bad, 0 good, NaN indeterminate.
    mature_on
        First day on which the label was known for good and bad alike; a model of that day may use it, an earlier one not.
    seen_until
        Last day the data reach.
    left_out
        Suppliers and as-of dates without a label, counted by the reason.
    """

    supplier_ids: NDArray[np.str_]
    as_of: NDArray[np.datetime64]
    status: NDArray[np.str_]
    y: NDArray[np.float64]
    mature_on: NDArray[np.datetime64]
    seen_until: date
    left_out: Mapping[str, int]

    @property
    def is_mature(self) -> NDArray[np.bool_]:
        """Say which labels were known by the end of the data; before, only the bad ones would be."""
        return self.mature_on <= np.datetime64(self.seen_until + timedelta(days=1), "D")


def label_outcomes(tables: RawTables, as_ofs: Sequence[date], policy: OutcomePolicy) -> Outcomes:
    """Return the label of every supplier that had a loan open at an as-of date or drew one soon after.

    Parameters
    ----------
    tables
        Raw tables with ``loans`` and ``repayments``; of each row the version known last counts.
    as_ofs
        Dates to label.
    policy
        Days past due, performance days and how soon a new loan counts.

    Notes
    -----
    An instalment is paid on the civil day of ``paid_at`` if ``amount_paid`` (or, where that is missing, the payment itself)
    covers ``amount_due``; a part payment leaves it open. Its days past due on a day are that day less its due day, while it
    is open and on the day it is paid. A loan is repaid in full when every instalment is paid and the schedule is whole: it
    reaches the loan's due day or sums to the principal. A loan without instalments was not observed and counts for nothing.
    """
    seen_until = last_day_seen(tables)
    dates = sorted(set(as_ofs))
    values = ", ".join(f"(DATE '{as_of.isoformat()}')" for as_of in dates)
    if not dates:
        raise NotEnoughHistory("outcomes need at least one as-of date, found none")
    rows = tables.con.execute(
        _EXPOSURES.format(
            loans=_latest("loans", "loan_id"),
            repayments=_latest("repayments", "loan_id, due_at"),
            drawn=day_of("drawn_at", tables.zone),
            due=day_of("due_at", tables.zone),
            paid=day_of("paid_at", tables.zone),
            as_ofs=values,
        ),
        {
            "default_dpd": policy.default_dpd,
            "performance_days": policy.performance_days,
            "drawn_within_days": policy.drawn_within_days,
            "seen_until": seen_until,
        },
    ).fetchall()
    labelled: list[tuple[str, date, Outcome]] = []
    left_out = {"already_default": 0, "not_seen_to_the_end": 0}
    for supplier_id, as_of, days_past_due, already_default, repaid_in_full in rows:
        if already_default:
            left_out["already_default"] += 1
            continue
        outcome = classify(
            days_past_due=days_past_due,
            seen_to_end=as_of + timedelta(days=policy.performance_days - 1) <= seen_until,
            repaid_in_full=repaid_in_full,
            policy=policy,
        )
        if outcome is None:
            left_out["not_seen_to_the_end"] += 1
        else:
            labelled.append((supplier_id, as_of, outcome))
    mature_on = [as_of + timedelta(days=policy.performance_days) for _, as_of, _ in labelled]
    return _outcomes(labelled, mature_on, seen_until, left_out)


def given_labels(tables: RawTables, policy: OutcomePolicy) -> Outcomes:
    """Return the labels a platform gave, the version known last of each.

    A label was known on the day after it was recorded. One that says no time of recording, or one that lies not after its
    as-of date, cannot have been known: it counts as mature only after ``policy.performance_days``.
    """
    day = day_of("recorded_at", tables.zone)
    rows = tables.con.execute(
        f"SELECT supplier_id, as_of, outcome, {day} AS recorded FROM ({_latest('labels', 'supplier_id, as_of')}) "
        "ORDER BY as_of, supplier_id"
    ).fetchall()
    labelled = [(supplier_id, as_of, Outcome(outcome)) for supplier_id, as_of, outcome, _ in rows]
    mature_on = [
        recorded + timedelta(days=1) if recorded is not None and recorded > as_of else as_of + timedelta(days=policy.performance_days)
        for _, as_of, _, recorded in rows
    ]
    return _outcomes(labelled, mature_on, last_day_seen(tables), {})


def day_of(column: str, zone: str) -> str:
    """Return SQL for the civil day in ``zone`` of a timestamp held as UTC."""
    quoted = zone.replace("'", "''")
    return f"((({column}) AT TIME ZONE 'UTC') AT TIME ZONE '{quoted}')::DATE"


def first_day_seen(tables: RawTables) -> date:
    """Return the civil day of the first order: where the platform's history begins."""
    return _extreme(tables, "min", {"orders": ["ordered_at"]})


def last_day_seen(tables: RawTables) -> date:
    """Return the civil day of the newest event or recording in any table: how far the data reach."""
    happened = {
        name: [column.name for column in table.columns if column.kind is Kind.TIME and not column.planned]
        for name, table in CONTRACT.items()
        if name in tables.present
    }
    return _extreme(tables, "max", happened)


def _extreme(tables: RawTables, which: str, columns: Mapping[str, Iterable[str]]) -> date:
    parts = [f"SELECT {which}({column}) AS t FROM {table}" for table, names in columns.items() for column in names]
    found = tables.con.execute(f"SELECT {day_of(f'{which}(t)', tables.zone)} FROM ({' UNION ALL '.join(parts)})").fetchall()[0]
    if found[0] is None:
        raise NotEnoughHistory(f"the tables must hold events, found none in {', '.join(columns)}")
    day: date = found[0]
    return day


def _latest(table: str, key: str) -> str:
    return f"SELECT * FROM {table} QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY recorded_at DESC NULLS LAST, source_row DESC) = 1"


def _outcomes(
    labelled: Sequence[tuple[str, date, Outcome]],
    mature_on: Sequence[date],
    seen_until: date,
    left_out: Mapping[str, int],
) -> Outcomes:
    return Outcomes(
        supplier_ids=np.array([supplier_id for supplier_id, _, _ in labelled], dtype=np.str_),
        as_of=np.array([as_of for _, as_of, _ in labelled], dtype="datetime64[D]"),
        status=np.array([outcome.value for _, _, outcome in labelled], dtype=np.str_),
        y=np.array([Y[outcome] for _, _, outcome in labelled], dtype=np.float64),
        mature_on=np.array(mature_on, dtype="datetime64[D]"),
        seen_until=seen_until,
        left_out=left_out,
    )


_EXPOSURES = """
WITH loan AS (
    SELECT loan_id, supplier_id, {drawn} AS drawn, {due} AS due, principal FROM ({loans})
), instalment AS (
    SELECT loan_id, {due} AS due, amount_due,
           CASE WHEN coalesce(amount_paid, amount_due) >= amount_due THEN {paid} END AS paid
    FROM ({repayments})
), closing AS (
    SELECT l.loan_id, l.supplier_id, l.drawn,
           CASE WHEN bool_and(i.paid IS NOT NULL)
                 AND (max(i.due) >= l.due OR sum(i.amount_due) >= l.principal) THEN max(i.paid) END AS closed
    FROM loan l JOIN instalment i USING (loan_id)
    GROUP BY l.loan_id, l.supplier_id, l.drawn, l.due, l.principal
), counted AS (
    SELECT a.as_of, c.loan_id, c.supplier_id, c.closed
    FROM (VALUES {as_ofs}) a(as_of)
    JOIN closing c ON c.drawn < a.as_of + $drawn_within_days::INTEGER AND (c.closed IS NULL OR c.closed >= a.as_of)
    WHERE a.as_of <= $seen_until::DATE
), past_due AS (
    SELECT c.supplier_id, c.as_of, c.closed,
           i.paid IS NULL OR i.paid >= c.as_of AS open_at_as_of,
           least(coalesce(i.paid, $seen_until::DATE), c.as_of + $performance_days::INTEGER - 1, $seen_until::DATE)
               - i.due AS dpd,
           c.as_of - i.due AS dpd_at_as_of
    FROM counted c JOIN instalment i USING (loan_id)
)
SELECT supplier_id, as_of,
       greatest(max(CASE WHEN open_at_as_of THEN dpd ELSE 0 END), 0)::INTEGER AS days_past_due,
       bool_or(open_at_as_of AND dpd_at_as_of >= $default_dpd) AS already_default,
       bool_and(closed IS NOT NULL) AS repaid_in_full
FROM past_due
GROUP BY supplier_id, as_of
ORDER BY as_of, supplier_id
"""
