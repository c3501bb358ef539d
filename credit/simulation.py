"""What would another policy have decided? Past applications decided under two policies, and who would come out otherwise."""

from collections.abc import Sequence
from dataclasses import dataclass

from credit.application import Application, ScoredSupplier, Turnover
from credit.decision import Decision, Recommendation, decide
from credit.errors import ApplicationInvalid
from credit.financing_policy import FinancingPolicy
from credit.money import PPM


@dataclass(frozen=True, slots=True)
class PastApplication:
    """An application with what was known of the supplier then."""

    application: Application
    supplier: ScoredSupplier
    turnover: Turnover


@dataclass(frozen=True, slots=True)
class Book:
    """What one policy makes of all applications.

    ``exposure`` and ``expected_loss`` in fen are of the approved ones, ``referred_exposure`` of those a person would see; ``approval_rate``
    and ``mean_rate`` (by limit) in ppm are rounded down, 0 where there is nothing to take them of.
    """

    policy_version: str
    approved: int
    referred: int
    declined: int
    approval_rate: int
    exposure: int
    referred_exposure: int
    expected_loss: int
    mean_rate: int


@dataclass(frozen=True, slots=True)
class Change:
    """An application that comes out otherwise: outcomes, limits in fen, and the rules met under one policy only."""

    application_id: str
    supplier_id: str
    before: Recommendation
    after: Recommendation
    limit_before: int | None
    limit_after: int | None
    rules_gone: tuple[str, ...]
    rules_new: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Simulation:
    """Both books, the changes of outcome in the order of the applications' ids, and how many keep their outcome on other terms."""

    before: Book
    after: Book
    changes: tuple[Change, ...]
    terms_changed: int


def simulate(past: Sequence[PastApplication], *, before: FinancingPolicy, after: FinancingPolicy) -> Simulation:
    """Return what two policies make of the same applications; their order changes nothing.

    Each policy is taken as in force for every application, whatever its date: the question is of the policy, not of the days.
    """
    ids = [one.application.request.application_id for one in past]
    if len(set(ids)) != len(ids):
        raise ApplicationInvalid(f"an application must be simulated once, found {len(ids)} with {len(set(ids))} different ids")
    ordered = sorted(past, key=lambda one: one.application.request.application_id)
    old, new = ([decide(one.application, one.supplier, one.turnover, policy) for one in ordered] for policy in (before, after))
    pairs = list(zip(old, new, strict=True))
    return Simulation(
        before=_book(old, before),
        after=_book(new, after),
        changes=tuple(_change(was, now) for was, now in pairs if was.outcome is not now.outcome),
        terms_changed=sum(was.outcome is now.outcome and was.terms != now.terms for was, now in pairs),
    )


def _book(decisions: Sequence[Decision], policy: FinancingPolicy) -> Book:
    outcomes = [decision.outcome for decision in decisions]
    approved = [d.terms for d in decisions if d.outcome is Recommendation.APPROVE and d.terms is not None]
    exposure = sum(terms.limit for terms in approved)
    return Book(
        policy_version=policy.version,
        approved=len(approved),
        referred=outcomes.count(Recommendation.REFER),
        declined=outcomes.count(Recommendation.DECLINE),
        approval_rate=len(approved) * PPM // len(decisions) if decisions else 0,
        exposure=exposure,
        referred_exposure=sum(d.terms.limit for d in decisions if d.outcome is Recommendation.REFER and d.terms is not None),
        expected_loss=sum(terms.expected_loss for terms in approved),
        mean_rate=sum(terms.limit * terms.annual_rate for terms in approved) // exposure if exposure else 0,
    )


def _change(was: Decision, now: Decision) -> Change:
    old, new = {rule.code for rule in was.rules_fired}, {rule.code for rule in now.rules_fired}
    return Change(
        application_id=was.application_id,
        supplier_id=was.supplier_id,
        before=was.outcome,
        after=now.outcome,
        limit_before=was.terms.limit if was.terms else None,
        limit_after=now.terms.limit if now.terms else None,
        rules_gone=tuple(sorted(old - new)),
        rules_new=tuple(sorted(new - old)),
    )
