"""From an application to a kept decision, in one transaction: scored, sized by turnover and exposure, decided, held, written down."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, func, insert, text
from sqlalchemy.dialects.postgresql import insert as insert_unless

from credit.application import LARGEST_AMOUNT, Product, Request
from credit.decision import Decision, Recommendation, decide
from credit.double_financing import Fingerprint
from credit.referral import exposure, open_case
from features.columns import Tier
from features.turnover import turnover_before
from serving.access.caller import Caller
from serving.database.tables import decision_policies, decision_steps, decisions
from serving.decisions.claims import Standing, claim, fingerprints, standings
from serving.decisions.inputs import DecisionInputs, application_of, scored_supplier
from serving.decisions.persons import person_of
from serving.decisions.policy_in_force import PolicyInForce, last_day_of, policy_in_force
from serving.decisions.reading import read_decision
from serving.decisions.requests import DecisionRequest
from serving.decisions.tell import decision_body
from serving.http.answers import asked_as
from serving.http.languages import Language
from serving.http.refusals import TierTooLow
from serving.schemas import Purpose
from serving.scoring import NewScore, body_bytes, by_leave, make_score
from serving.service import Service
from serving.store import StoredAnswer, add_to_chain, feature_snapshot, keep_score, next_of_chain, note_lookup, sealed

PURPOSE = Purpose.CREDIT_APPLICATION
"""A financing is decided by the consent for this purpose alone."""
TURNOVER_TIER = Tier.CONSENT
"""Who bought how much is of this tier; a decision shows it."""
RECOMMEND = "recommend"
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:tenant || ' ' || :supplier, 3))")
_EXPOSURE = text("""
    SELECT coalesce(sum(latest.exposure), 0)::bigint FROM decisions AS d CROSS JOIN LATERAL (
        SELECT exposure FROM decision_steps AS s WHERE s.decision_id = d.id ORDER BY number DESC LIMIT 1
    ) AS latest WHERE d.tenant_id = :tenant AND d.supplier_id = :supplier
""")


@dataclass(frozen=True, slots=True)
class _Made:
    """A decision and all it was made of, before it is kept."""

    decision: Decision
    inputs: DecisionInputs
    score: NewScore
    policy: PolicyInForce
    open_until: date | None
    prints: Mapping[str, Fingerprint]

    @property
    def id(self) -> UUID:
        """The decision's id."""
        return UUID(self.decision.application_id)


def decide_once(
    service: Service, caller: Caller, key: str, wanted: DecisionRequest, *, request_id: str, language: Language
) -> StoredAnswer:
    """Return the first answer to the Idempotency-Key, deciding if there is none; raises as `make_decision` does."""

    def keep(connection: Connection) -> StoredAnswer:
        return make_decision(service, caller, connection, wanted, request_id=request_id, language=language)

    def look_again(connection: Connection, first: StoredAnswer) -> None:
        read_decision(connection, caller, UUID(first.location.rpartition("/")[2]))

    answer = service.store.keep_once(caller, key, asked_as("/v1/decisions", wanted), keep, look_again)
    if not answer.was_replayed:
        told = json.loads(answer.body)["recommendation"]
        service.metrics.decision(told["product"], told["outcome"])
    return answer


def make_decision(
    service: Service, caller: Caller, connection: Connection, wanted: DecisionRequest, *, request_id: str, language: Language
) -> StoredAnswer:
    """Decide an application and keep the decision with its score, audit rows and claims; the answer is what was kept.

    Raises
    ------
    ConsentMissing, AsOfOutOfRange, UnknownSupplier
        As for a score.
    TierTooLow
        The consent, or the bank's tier, does not reach the turnover.
    NoPolicyInForce
        Nothing was in force on that day.
    NotEnoughHistory
        The ledger holds no orders or no deliveries.
    """
    score = make_score(
        service,
        caller,
        connection,
        supplier_id=wanted.supplier_id,
        as_of=wanted.as_of,
        purpose=PURPOSE,
        request_id=request_id,
        language=language,
    )
    if not score.leave.tier.allows(TURNOVER_TIER):
        raise TierTooLow
    made = _decide(service, caller, connection, wanted, score)
    return _keep(service, caller, connection, made, language)


def lock_supplier(connection: Connection, tenant_id: UUID, supplier_id: str) -> None:
    """Let one transaction at a time change what a supplier owes a bank."""
    connection.execute(_LOCK, {"tenant": str(tenant_id), "supplier": supplier_id})


def exposure_of(connection: Connection, caller: Caller, supplier_id: str) -> int:
    """Return what a supplier owes the caller's bank by its open decisions, in fen."""
    found: int = connection.execute(_EXPOSURE, {"tenant": caller.tenant_id, "supplier": supplier_id}).scalar_one()
    return found


def _decide(service: Service, caller: Caller, connection: Connection, wanted: DecisionRequest, score: NewScore) -> _Made:
    """Decide on what is known now; the supplier and the documents are the transaction's from here on."""
    as_of = score.record.as_of
    turnover = turnover_before(service.ledger, wanted.supplier_id, as_of)
    policy = policy_in_force(connection, caller.tenant_id, as_of)
    in_force = policy.policy.on(as_of)
    lock_supplier(connection, caller.tenant_id, wanted.supplier_id)
    prints = fingerprints(wanted.product, wanted.supplier_id, wanted.documents, service.salt)
    found = standings(connection, prints)
    owed = min(wanted.owed_besides + exposure_of(connection, caller, wanted.supplier_id), LARGEST_AMOUNT)
    request = Request(str(uuid4()), wanted.supplier_id, as_of, wanted.amount, wanted.tenor_days, owed)
    application = application_of(wanted.product, request, items_told(wanted, found))
    inputs = DecisionInputs(application, scored_supplier(score.assessment), turnover, wanted.documents)
    decision = decide(application, inputs.supplier, turnover, in_force)
    open_until = None if decision.outcome is Recommendation.DECLINE else last_day_of(in_force, service.today, as_of)
    return _Made(decision, inputs, score, policy, open_until, prints)


def items_told(wanted: DecisionRequest, found: Mapping[str, Standing]) -> list[dict[str, Any]]:
    """Return the named things with what is known of their documents."""
    flag = "is_pledged_elsewhere" if wanted.product is Product.STOCK else "is_financed_elsewhere"
    items = []
    for item in wanted.named:
        told, standing = item.model_dump(exclude={"received_on"}), found[item.number]
        told[flag] = told[flag] or standing is Standing.TAKEN
        items.append(told | {"is_similar_elsewhere": standing is Standing.SIMILAR})
    return items


def _keep(service: Service, caller: Caller, connection: Connection, made: _Made, language: Language) -> StoredAnswer:
    """Write everything down and return the answer with its place in the chain."""
    decision, record = made.decision, made.score.record
    keep_score(connection, caller, record)
    _keep_policy(connection, caller, made.policy)
    inputs, canonical = made.inputs.canonical(), decision.canonical()
    body = body_bytes(
        decision_body(made.score.body, decision, made.inputs, language),
        **by_leave(made.score.leave),
        open_until=made.open_until and made.open_until.isoformat(),
    )
    told = {
        "kind": "decision",
        "decision_id": str(made.id),
        "score_id": str(record.score_id),
        "supplier_id": decision.supplier_id,
        "as_of": decision.as_of.isoformat(),
        "product": decision.product.value,
        "outcome": decision.outcome.value,
        "policy_id": decision.policy_id,
        "policy_version": decision.policy_version,
        "made_by": decision.made_by,
        "bundle_sha256": record.bundle_sha256,
        "inputs_sha256": _sha256(inputs),
        "decision_sha256": _sha256(canonical),
        "answer_sha256": _sha256(body),
        "key": caller.prefix,
        "request_id": record.request_id,
        "language": language.value,
    }
    row = next_of_chain(connection, caller.tenant_id, told)
    sent = sealed(body, row, feature_snapshot_sha256=feature_snapshot(record.feature_values))
    kept = {
        "id": made.id,
        "tenant_id": caller.tenant_id,
        "sequence": row.sequence,
        "score_id": record.score_id,
        "supplier_id": decision.supplier_id,
        "as_of": decision.as_of,
        "product": decision.product.value,
        "outcome": decision.outcome.value,
        "credit_limit": decision.terms.limit if decision.terms else None,
        "open_until": made.open_until,
        "policy_id": decision.policy_id,
        "policy_version": decision.policy_version,
        "inputs": inputs,
        "decision": canonical,
        "language": language.value,
        "body": sent,
    }
    connection.execute(insert(decisions), kept)
    _keep_first_step(connection, caller, made)
    add_to_chain(connection, caller.tenant_id, row, decision_id=made.id, decision_step=0)
    if decision.outcome is not Recommendation.DECLINE:
        claim(connection, made.id, {item.number: made.prints[item.number] for item in decision.items if item.is_eligible}, service.salt)
    note_lookup(
        connection, caller.tenant_id, "decision", supplier_id=decision.supplier_id, purpose=record.purpose, consent_id=record.consent_id
    )
    return StoredAnswer(f"/v1/decisions/{made.id}", 201, language.value, sent)


def _keep_policy(connection: Connection, caller: Caller, policy: PolicyInForce) -> None:
    """Keep all that the policy says, once for a bank."""
    values = {"tenant_id": caller.tenant_id, "version": policy.version, "canonical": policy.policy.canonical().encode("ascii")}
    connection.execute(insert_unless(decision_policies).values(values).on_conflict_do_nothing())


def _keep_first_step(connection: Connection, caller: Caller, made: _Made) -> None:
    """Write the recommendation down as step 0, so that every decision has a last step that says where it stands."""
    case = open_case(made.decision)
    told = {"act": RECOMMEND, "person": person_of(connection, caller), "reason": "", "stage": case.stage.value, "exposure": exposure(case)}
    named = {"tenant_id": caller.tenant_id, "decision_id": made.id, "number": 0, "api_key_id": caller.key_id}
    connection.execute(insert(decision_steps).values(named | told | {"at": func.clock_timestamp()}))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
