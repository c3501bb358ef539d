"""Loans drawn by hand or by hypothesis, and the slow, plain reading of the contract's Outcome text; no database."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from credit.outcome import Outcome, OutcomePolicy

LAST_DAY = date(2026, 6, 30)


@dataclass
class Instalment:
    due: date
    amount_due: int = 100
    # (recorded on, paid on, amount paid), oldest first; recorded None: known from the beginning.
    versions: list[tuple[date | None, date | None, int | None]] = field(default_factory=lambda: [(None, None, None)])


@dataclass
class Loan:
    loan_id: str
    supplier_id: str
    drawn: date
    due: date
    instalments: list[Instalment]
    principal: int = 100
    recorded: date | None = None
    # (recorded on, drawn on, principal), oldest first.
    corrections: list[tuple[date, date, int]] = field(default_factory=list)


def paid(due: date, on: date | None = None, *, amount: int | None = None, recorded: date | None = None) -> Instalment:
    return Instalment(due, versions=[(recorded, on or due, amount)])


def unpaid(due: date) -> Instalment:
    return Instalment(due)


def plain_outcomes(
    loans: Sequence[Loan], as_ofs: Sequence[date], policy: OutcomePolicy, last_day: date = LAST_DAY
) -> dict[tuple[str, date], Outcome]:
    """Walk day by day through every instalment of every loan: slow, and close to the contract's words."""
    labels = {}
    for supplier_id in {loan.supplier_id for loan in loans}:
        for as_of in as_ofs:
            outcome = _plain_outcome([loan for loan in loans if loan.supplier_id == supplier_id], as_of, policy, last_day)
            if outcome is not None:
                labels[supplier_id, as_of] = outcome
    return labels


def _plain_outcome(every_version: Sequence[Loan], as_of: date, policy: OutcomePolicy, last_day: date) -> Outcome | None:
    if as_of > last_day:
        return None
    mature_on = as_of + timedelta(days=policy.performance_days)
    loans = [known for loan in every_version if (known := _as_known_before(loan, mature_on)) is not None]
    counted = [loan for loan in loans if loan.instalments and _counts(loan, as_of, policy)]
    instalments = [instalment for loan in counted for instalment in loan.instalments]
    if not counted:
        return None
    if any(_days_past_due(instalment, as_of) >= policy.default_dpd for instalment in instalments):
        return None
    window = [as_of + timedelta(days=n) for n in range(policy.performance_days)]
    worst = max(_days_past_due(instalment, day) for instalment in instalments for day in window if day <= last_day)
    if worst >= policy.default_dpd:
        return Outcome.BAD
    if window[-1] > last_day and not all(_closed_on(loan) for loan in counted):
        return None
    return Outcome.INDETERMINATE if worst >= policy.indeterminate_dpd else Outcome.GOOD


def _as_known_before(loan: Loan, day: date) -> Loan | None:
    """Return the loan and its instalments with the one version of each that was known last before a day."""
    known = None
    for recorded, drawn, principal in [(loan.recorded, loan.drawn, loan.principal), *loan.corrections]:
        if recorded is None or recorded < day:
            known = replace(loan, drawn=drawn, principal=principal)
    if known is None:
        return None
    instalments = []
    for instalment in loan.instalments:
        versions = [version for version in instalment.versions if version[0] is None or version[0] < day]
        if versions:
            instalments.append(replace(instalment, versions=versions[-1:]))
    return replace(known, instalments=instalments)


def _counts(loan: Loan, as_of: date, policy: OutcomePolicy) -> bool:
    closed = _closed_on(loan)
    is_open = loan.drawn < as_of and (closed is None or closed >= as_of)
    is_drawn_soon = as_of <= loan.drawn < as_of + timedelta(days=policy.drawn_within_days)
    return is_open or (is_drawn_soon and (closed is None or closed >= as_of))


def _closed_on(loan: Loan) -> date | None:
    paid_on = [_paid_on(instalment) for instalment in loan.instalments]
    days = [day for day in paid_on if day is not None]
    is_whole = (
        max(instalment.due for instalment in loan.instalments) >= loan.due
        or sum(instalment.amount_due for instalment in loan.instalments) >= loan.principal
    )
    return max(days) if len(days) == len(paid_on) and is_whole else None


def _days_past_due(instalment: Instalment, day: date) -> int:
    """Calendar days past due on a day; an instalment paid on a day was still open on it."""
    paid_on = _paid_on(instalment)
    is_open = paid_on is None or paid_on >= day
    return max(0, (day - instalment.due).days) if is_open else 0


def _paid_on(instalment: Instalment) -> date | None:
    _, on, amount = instalment.versions[-1]
    return on if amount is None or amount >= instalment.amount_due else None
