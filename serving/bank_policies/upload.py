"""A policy's text to a kept policy, or to every fault of it by line and rule, without a word of what was sent."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, insert

from credit.bank_policy import BankPolicyInvalid, PolicyFault, numbers_changed, parse_bank_policy
from credit.financing_policy import FINANCING_POLICIES, FinancingPolicyHistory
from credit.policy import PolicyNumber
from serving.access.caller import Caller
from serving.bank_policies.bodies import NumberPart, PolicyBody
from serving.database.tables import bank_policies
from serving.decisions.persons import person_of
from serving.decisions.policy_in_force import packaged_financing_policy
from serving.explain import in_words
from serving.http.languages import Language
from serving.http.refusals import FieldError, PolicyFaulty
from serving.store import StoredAnswer, add_to_chain, next_of_chain, sealed


def read_policy(toml: str) -> FinancingPolicyHistory:
    """Return the policy of a text, or refuse with `PolicyFaulty`."""
    try:
        return parse_bank_policy(toml, packaged_financing_policy())
    except BankPolicyInvalid as invalid:
        raise PolicyFaulty([_told(fault) for fault in invalid.faults]) from None


def keep_policy(caller: Caller, connection: Connection, toml: str, *, request_id: str, language: Language) -> StoredAnswer:
    """Read a policy's text, keep it with its audit row, and return the answer; raises `PolicyFaulty`."""
    policy, policy_id, now = read_policy(toml), uuid4(), datetime.now(UTC)
    person, canonical = person_of(connection, caller), policy.canonical().encode("ascii")
    body = PolicyBody(
        id=policy_id,
        bank=policy.id,
        version=policy.version,
        uploaded_at=now,
        uploaded_by=person,
        is_in_force=False,
        toml=toml,
        numbers=number_parts(policy, language),
        simulations=[],
        activations=[],
    )
    raw = body_bytes(body)
    told = {"kind": "policy", "policy_id": str(policy_id), "version": policy.version, "person": person, "at": now.isoformat()}
    row = next_of_chain(connection, caller.tenant_id, told | occasion(caller, request_id, raw))
    named = {"id": policy_id, "tenant_id": caller.tenant_id, "uploaded_at": now, "uploaded_by": person, "api_key_id": caller.key_id}
    connection.execute(insert(bank_policies).values(**named, bank=policy.id, version=policy.version, canonical=canonical, toml=toml))
    add_to_chain(connection, caller.tenant_id, row)
    return StoredAnswer(f"/v1/policies/{policy_id}", 201, language.value, sealed(raw, row))


def number_parts(policy: FinancingPolicyHistory, language: Language) -> list[NumberPart]:
    """Return the numbers a policy decides otherwise, by code."""
    packaged = packaged_financing_policy()
    return [
        NumberPart(
            code=code,
            name=in_words((own[0].zh, own[0].en), language),
            unit=own[0].unit,
            packaged=[_value(number) for number in packaged.numbers.get(code, ())],
            own=[_value(number) for number in own],
        )
        for code, own in sorted(numbers_changed(packaged, policy).items())
    ]


def body_bytes(body: Any) -> bytes:
    """Return a body as the bytes that are kept and sent."""
    return json.dumps(body.model_dump(mode="json", by_alias=True), ensure_ascii=False, allow_nan=False).encode()


def occasion(caller: Caller, request_id: str, raw: bytes) -> dict[str, str]:
    """Return what every audit row says of its request and answer."""
    return {"key": caller.prefix, "request_id": request_id, "answer_sha256": hashlib.sha256(raw).hexdigest()}


def _value(number: PolicyNumber) -> Any:
    return {"value": number.value, "from": number.since, "source": number.source}


def _told(fault: PolicyFault) -> FieldError:
    """Return a fault by line and rule; the key where it is one of ours."""
    place: dict[str, object] = {"line": fault.line} if fault.line else {}
    if fault.key == "bank" or fault.key in FINANCING_POLICIES or fault.key in packaged_financing_policy().numbers:
        place["key"] = fault.key
    return FieldError("/toml", fault.code, {**fault.facts, **place})
