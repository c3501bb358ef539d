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
from features.civil import civil_date
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
    default_on
        First day on which an instalment was as many days past due as makes a default; NaT where there was none or nobody says.
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
    default_on: NDArray[np.datetime64]
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
        Raw tables with ``loans`` and ``repayments``.
    as_ofs
        Dates to label.
    policy
        Days past due, performance days and how soon a new loan counts.

    Notes
    -----
    Of each row the version counts that was known last before the label is mature, ``performance_days`` after the as-of date:
    a correction recorded later was not known to a model of that day. A version without ``recorded_at`` is the oldest.

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
            loans=_versions("loans", "loan_id", tables.zone),
            repayments=_versions("repayments", "loan_id, due_at", tables.zone),
            drawn=civil_date("drawn_at", tables.zone),
            due=civil_date("due_at", tables.zone),
            paid=civil_date("paid_at", tables.zone),
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
    default_on: list[date | None] = []
    left_out = {"already_default": 0, "not_seen_to_the_end": 0}
    for supplier_id, as_of, days_past_due, default_day, already_default, repaid_in_full in rows:
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
            default_on.append(default_day)
    mature_on = [as_of + timedelta(days=policy.performance_days) for _, as_of, _ in labelled]
    return _outcomes(labelled, default_on, mature_on, seen_until, left_out)


def given_labels(tables: RawTables, policy: OutcomePolicy) -> Outcomes:
    """Return the labels a platform gave, the version known last of each.

    The labels of one as-of date are mature together, the day after the newest of them was recorded: before, those known early
    (mostly the bad ones) would stand without the rest. A label that says no time of recording, or one not after its as-of
    date, cannot have been known: it counts as mature after ``policy.performance_days``. So that the newest dates, whose good
    labels may not be there at all yet, are not taken for complete, a date waits at the end of the data for as many days as
    the labels of any earlier date took to arrive, at most ``policy.performance_days``.
    """
    seen_until = last_day_seen(tables)
    rows = tables.con.execute(
        _GIVEN.format(recorded=civil_date("recorded_at", tables.zone)),
        {"performance_days": policy.performance_days, "seen_until": seen_until},
    ).fetchall()
    labelled = [(supplier_id, as_of, Outcome(outcome)) for supplier_id, as_of, outcome, _ in rows]
    return _outcomes(labelled, [None] * len(labelled), [mature_on for *_, mature_on in rows], seen_until, {})


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
    found = tables.con.execute(f"SELECT {civil_date(f'{which}(t)', tables.zone)} FROM ({' UNION ALL '.join(parts)})").fetchall()[0]
    if found[0] is None:
        raise NotEnoughHistory(f"the tables must hold events, found none in {', '.join(columns)}")
    day: date = found[0]
    return day


def _versions(table: str, key: str, zone: str) -> str:
    """Return SQL for every version of a row, each known on the days from ``known_from`` until before ``known_until``."""
    return f"""
        SELECT *, lead(known_from, 1, DATE 'infinity') OVER (PARTITION BY {key} ORDER BY recorded_at NULLS FIRST, source_row) AS known_until
        FROM (SELECT *, coalesce({civil_date("recorded_at", zone)}, DATE '-infinity') AS known_from FROM {table})
    """


def _outcomes(
    labelled: Sequence[tuple[str, date, Outcome]],
    default_on: Sequence[date | None],
    mature_on: Sequence[date],
    seen_until: date,
    left_out: Mapping[str, int],
) -> Outcomes:
    return Outcomes(
        supplier_ids=np.array([supplier_id for supplier_id, _, _ in labelled], dtype=np.str_),
        as_of=np.array([as_of for _, as_of, _ in labelled], dtype="datetime64[D]"),
        status=np.array([outcome.value for _, _, outcome in labelled], dtype=np.str_),
        y=np.array([Y[outcome] for _, _, outcome in labelled], dtype=np.float64),
        default_on=np.array(default_on, dtype="datetime64[D]"),
        mature_on=np.array(mature_on, dtype="datetime64[D]"),
        seen_until=seen_until,
        left_out=left_out,
    )


_GIVEN = """
WITH version AS (
    SELECT supplier_id, as_of, outcome, recorded_at, source_row,
           (CASE WHEN {recorded} > as_of THEN {recorded} + 1 - as_of ELSE $performance_days END)::INTEGER AS days
    FROM labels
), label AS (
    SELECT supplier_id, as_of, outcome, days, min(days) OVER (PARTITION BY supplier_id, as_of) AS days_at_first
    FROM version
    QUALIFY row_number() OVER (PARTITION BY supplier_id, as_of ORDER BY recorded_at DESC NULLS LAST, source_row DESC) = 1
), taken AS (
    SELECT as_of, max(days) AS days, least(max(max(days_at_first)) OVER (ORDER BY as_of), $performance_days::INTEGER) AS days_to_expect
    FROM label
    GROUP BY as_of
)
SELECT supplier_id, as_of, outcome,
       as_of + CASE WHEN as_of + days_to_expect <= $seen_until::DATE + 1 THEN taken.days ELSE greatest(taken.days, days_to_expect) END
FROM label JOIN taken USING (as_of)
ORDER BY as_of, supplier_id
"""

_EXPOSURES = """
WITH asked AS (
    SELECT as_of, as_of + $performance_days::INTEGER AS mature_on FROM (VALUES {as_ofs}) a(as_of) WHERE as_of <= $seen_until::DATE
), loan AS (
    SELECT loan_id, supplier_id, {drawn} AS drawn, {due} AS due, principal, known_from, known_until FROM ({loans})
), instalment AS (
    SELECT loan_id, {due} AS due, amount_due, known_from, known_until,
           CASE WHEN coalesce(amount_paid, amount_due) >= amount_due THEN {paid} END AS paid
    FROM ({repayments})
), known AS (
    SELECT a.as_of, l.supplier_id, l.loan_id, l.due AS loan_due, l.principal, i.due, i.amount_due, i.paid,
           i.paid IS NULL OR i.paid >= a.as_of AS open_at_as_of,
           least(coalesce(i.paid, $seen_until::DATE), a.mature_on - 1, $seen_until::DATE) - i.due AS dpd,
           a.as_of - i.due AS dpd_at_as_of
    FROM asked a
    JOIN loan l ON l.drawn < a.as_of + $drawn_within_days::INTEGER
        AND l.known_from < a.mature_on AND l.known_until >= a.mature_on
    JOIN instalment i ON i.loan_id = l.loan_id AND i.known_from < a.mature_on AND i.known_until >= a.mature_on
), exposure AS (
    SELECT supplier_id, as_of,
           CASE WHEN bool_and(paid IS NOT NULL)
                 AND (max(due) >= loan_due OR sum(amount_due) >= principal) THEN max(paid) END AS closed,
           max(CASE WHEN open_at_as_of THEN dpd ELSE 0 END) AS dpd,
           min(CASE WHEN open_at_as_of AND dpd >= $default_dpd THEN due + $default_dpd::INTEGER END) AS default_on,
           bool_or(open_at_as_of AND dpd_at_as_of >= $default_dpd) AS already_default
    FROM known
    GROUP BY supplier_id, as_of, loan_id, loan_due, principal
)
SELECT supplier_id, as_of, greatest(max(dpd), 0)::INTEGER AS days_past_due, min(default_on), bool_or(already_default),
       bool_and(closed IS NOT NULL)
FROM exposure
WHERE closed IS NULL OR closed >= as_of
GROUP BY supplier_id, as_of
ORDER BY as_of, supplier_id
"""
