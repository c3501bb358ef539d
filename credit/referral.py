"""How does a person take a decision over, and what becomes of it? Steps of a case: who, when, why, and to override, a second person.

A case never loses a step: each transition returns a new case with the step added. Time and policy are arguments.
"""

import unicodedata
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from credit.application import ScoredSupplier
from credit.decision import Decision, Recommendation, Terms
from credit.errors import ReasonMissing, SecondPersonNeeded, StepNotAllowed, TermsOutOfBounds
from credit.financing_policy import FinancingPolicy
from credit.money import PPM
from credit.risk import expected_loss, risk
from credit.worksheet import Worksheet

SERVICE = "lianxin"
"""Who takes a step that no person takes."""


class Stage(StrEnum):
    """Where a case stands: with a person (the first three), decided (the next two), or what became of an approval."""

    RECOMMENDED = "recommended"
    REFERRED = "referred"
    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    OVERRIDDEN = "overridden"
    TAKEN = "taken"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    REPAID = "repaid"


class Act(StrEnum):
    """What a person did, or the service: let lapse what nobody took up."""

    REFER = "refer"
    ACCEPT = "accept"
    PROPOSE = "propose"
    CONFIRM = "confirm"
    REJECT = "reject"
    TAKE = "take"
    WITHDRAW = "withdraw"
    REPAY = "repay"
    LAPSE = "lapse"


@dataclass(frozen=True, slots=True)
class Step:
    """One act: who, when, why, and the outcome and terms it proposes, if it does."""

    act: Act
    by: str
    at: datetime
    reason: str
    outcome: Recommendation | None = None
    terms: Terms | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A decision, where it stands, every step taken, and what holds in the end: outcome and terms, None while it is open."""

    decision: Decision
    stage: Stage
    steps: tuple[Step, ...] = ()
    outcome: Recommendation | None = None
    terms: Terms | None = None


def open_case(decision: Decision) -> Case:
    """Return the case of a decision: waiting for a person where it is a referral, else a recommendation the bank may accept."""
    return Case(decision, Stage.REFERRED if decision.outcome is Recommendation.REFER else Stage.RECOMMENDED)


def refer(case: Case, *, by: str, reason: str, at: datetime, policy: FinancingPolicy) -> Case:
    """Return the case sent to a person, from a recommendation."""
    step = _step(case, Act.REFER, by, reason, at, policy, {Stage.RECOMMENDED})
    return replace(case, stage=Stage.REFERRED, steps=(*case.steps, step))


def accept(case: Case, *, by: str, reason: str, at: datetime, policy: FinancingPolicy) -> Case:
    """Return the case with the recommendation taken as it stands; what was referred needs a proposal instead."""
    step = _step(case, Act.ACCEPT, by, reason, at, policy, {Stage.RECOMMENDED})
    return replace(case, stage=Stage.ACCEPTED, steps=(*case.steps, step), outcome=case.decision.outcome, terms=case.decision.terms)


def propose(
    case: Case, *, by: str, reason: str, at: datetime, policy: FinancingPolicy, outcome: Recommendation, terms: Terms | None
) -> Case:
    """Return the case with another outcome proposed, waiting for a second person.

    Raises
    ------
    StepNotAllowed
        From another stage, without a reason, or to terms beyond the statute or against what is financed elsewhere.
    """
    step = _step(case, Act.PROPOSE, by, reason, at, policy, {Stage.RECOMMENDED, Stage.REFERRED})
    if outcome is Recommendation.REFER or (outcome is Recommendation.APPROVE) != (terms is not None):
        raise StepNotAllowed(f"a proposal approves with terms or declines without; found {outcome} and terms {terms}: give both or neither")
    if terms is not None:
        _refuse_beyond_statute(case.decision, terms, policy)
    return replace(case, stage=Stage.PROPOSED, steps=(*case.steps, replace(step, outcome=outcome, terms=terms)))


def confirm(case: Case, *, by: str, reason: str, at: datetime, policy: FinancingPolicy) -> Case:
    """Return the case with the proposal in force, confirmed by a person other than the one who made it."""
    step = _by_second_person(case, Act.CONFIRM, by, reason, at, policy)
    proposed = case.steps[-1]
    return replace(case, stage=Stage.OVERRIDDEN, steps=(*case.steps, step), outcome=proposed.outcome, terms=proposed.terms)


def reject(case: Case, *, by: str, reason: str, at: datetime, policy: FinancingPolicy) -> Case:
    """Return the case with the proposal refused by a second person, back with a person."""
    step = _by_second_person(case, Act.REJECT, by, reason, at, policy)
    return replace(case, stage=Stage.REFERRED, steps=(*case.steps, step))


def take(case: Case, *, by: str, reason: str, at: datetime, policy: FinancingPolicy) -> Case:
    """Return the case of a financing that is paid out; only what was approved in the end can be taken."""
    step = _step(case, Act.TAKE, by, reason, at, policy, _DECIDED)
    if case.outcome is not Recommendation.APPROVE:
        raise StepNotAllowed(f"take is possible where the outcome is approve; it is {case.outcome}: apply anew")
    return replace(case, stage=Stage.TAKEN, steps=(*case.steps, step))


def withdraw(case: Case, *, by: str, reason: str, at: datetime, policy: FinancingPolicy) -> Case:
    """Return the case of an application that is given up before anything was paid out."""
    step = _step(case, Act.WITHDRAW, by, reason, at, policy, _OPEN | _DECIDED)
    return replace(case, stage=Stage.WITHDRAWN, steps=(*case.steps, step))


def last_day(made_on: date, policy: FinancingPolicy) -> date:
    """Return the last day on which a decision made on a day may be taken up."""
    return made_on + timedelta(days=policy.value("financing.offer_days"))


def lapse(case: Case, *, at: datetime) -> Case:
    """Return the case of a decision that nobody took up while it could be; the service lets it lapse, no person does."""
    if is_closed(case) or case.stage not in _OPEN | _DECIDED:
        raise StepNotAllowed(f"{Act.LAPSE} is possible where nothing was taken up; the case is {case.stage}")
    return replace(case, stage=Stage.LAPSED, steps=(*case.steps, Step(Act.LAPSE, SERVICE, at, "")))


def repay(case: Case, *, by: str, reason: str, at: datetime, policy: FinancingPolicy) -> Case:
    """Return the case of a financing that is paid back in full."""
    step = _step(case, Act.REPAY, by, reason, at, policy, {Stage.TAKEN})
    return replace(case, stage=Stage.REPAID, steps=(*case.steps, step))


def exposure(case: Case) -> int:
    """Return what the case counts with in what the supplier owes the bank, in fen: the whole limit until it has ended.

    While a person has it, the larger of what is recommended and what is proposed.
    """
    if case.stage in _ENDED:
        return 0
    if case.stage not in _OPEN:
        return case.terms.limit if case.terms is not None else 0
    proposed = case.steps[-1].terms if case.stage is Stage.PROPOSED else None
    return max(terms.limit if terms is not None else 0 for terms in (case.decision.terms, proposed))


def is_closed(case: Case) -> bool:
    """Say whether nothing can become of the case any more, so that its documents are free for another financing."""
    return case.stage in _ENDED or case.outcome is Recommendation.DECLINE


def override_terms(
    decision: Decision,
    supplier: ScoredSupplier,
    policy: FinancingPolicy,
    *,
    limit: int,
    advance_rate: int,
    annual_rate: int,
    tenor_days: int,
) -> Terms:
    """Return the terms a person proposes, with the expected loss worked out as for a recommendation.

    Payouts by milestone and top-up thresholds are the recommendation's, which an override does not work out anew: they are left to the
    contract.
    """
    sheet = Worksheet(policy)
    parts = risk(decision.product, supplier, sheet)
    amount, days = (
        sheet.given(code, value, unit, "proposal") for code, value, unit in (("limit", limit, "fen"), ("tenor_days", tenor_days, "days"))
    )
    return Terms(limit, advance_rate, annual_rate, tenor_days, expected_loss(amount, days, parts, sheet).value)


_ENDED = {Stage.WITHDRAWN, Stage.LAPSED, Stage.REPAID}
_OPEN = {Stage.RECOMMENDED, Stage.REFERRED, Stage.PROPOSED}
_DECIDED = {Stage.ACCEPTED, Stage.OVERRIDDEN}


def same_person(one: str, other: str) -> bool:
    """Say whether two names of persons are one person's: width, case and space do not tell them apart.

    Examples
    --------
    >>> same_person("officer-7", " ＯＦＦＩＣＥＲ-7 "), same_person("officer-7", "officer-8")
    (True, False)
    """
    return _person(one) == _person(other)


def _by_second_person(case: Case, act: Act, by: str, reason: str, at: datetime, policy: FinancingPolicy) -> Step:
    step = _step(case, act, by, reason, at, policy, {Stage.PROPOSED})
    if same_person(by, case.steps[-1].by):
        raise SecondPersonNeeded(f"{act} needs a second person: the proposal was made by the same one; ask another")
    return step


def _step(case: Case, act: Act, by: str, reason: str, at: datetime, policy: FinancingPolicy, stages: set[Stage]) -> Step:
    """Return the step, refusing one without stage, person, reason or time."""
    if case.stage not in stages:
        raise StepNotAllowed(f"{act} is possible from {', '.join(sorted(stages))}; the case is {case.stage}: read its steps first")
    if not _person(by):
        raise StepNotAllowed(f"{act} needs the person who does it, found {by!r}: give a name or id")
    least = policy.value("financing.least_reason_signs")
    found = sum(1 for sign in reason if unicodedata.category(sign)[0] in "LN")
    if found < least:
        raise ReasonMissing(f"{act} needs a reason of at least {least} letters or digits, found {found}: say why")
    if at.utcoffset() is None or (case.steps and at < case.steps[-1].at):
        raise StepNotAllowed(f"{act} needs a time with its zone, not before the last step, found {at.isoformat()}: correct the clock")
    return Step(act, by, at, reason)


def _refuse_beyond_statute(decision: Decision, terms: Terms, policy: FinancingPolicy) -> None:
    """Refuse terms no person may grant: nothing overrides the statute, nor a document that is financed elsewhere."""
    owed = next(line.value for line in decision.derivation if line.code == "request.outstanding")
    most = policy.value("financing.net_capital") * policy.value("statute.single_borrower_share") // PPM
    free = sum(item.amount for item in decision.items if not any(rule.code == "ALREADY_FINANCED" for rule in item.rules))
    bounds = (
        ("limit with what is owed", terms.limit + owed, most, "statute.single_borrower_share"),
        ("limit", terms.limit, free, "what is not already financed elsewhere"),
        ("annual_rate", terms.annual_rate, policy.value("statute.annual_rate_ceiling"), "statute.annual_rate_ceiling"),
        ("tenor_days", terms.tenor_days, policy.value("statute.working_capital_tenor_days"), "statute.working_capital_tenor_days"),
    )
    for name, found, bound, rule in bounds:
        if found > bound:
            raise TermsOutOfBounds(f"{name} must not be above {bound} by {rule}, found {found}: no override goes beyond it")
    if terms.limit < 1 or terms.tenor_days < 1 or terms.annual_rate < 0:
        raise TermsOutOfBounds(f"an approval needs a limit and a tenor above 0 and a rate not below 0, found {terms}")


def _person(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).split())
