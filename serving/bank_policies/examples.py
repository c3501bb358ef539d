"""The documentation's examples of policies: read, simulated and told by the very code that answers."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any, Final

from credit.simulation import PastApplication
from serving.bank_policies.bodies import ActivationBody, PolicyBody, PolicySummary
from serving.bank_policies.simulate import simulation_body
from serving.bank_policies.upload import number_parts, read_policy
from serving.decisions.examples import decided_example
from serving.decisions.policy_in_force import packaged_financing_policy
from serving.http.languages import Language
from serving.service import Service

POLICY_ID: Final = uuid.UUID("8e1f0a9b-6c5d-4e3f-a2b1-0c9d8e7f6a5b")
SIMULATION_ID: Final = uuid.UUID("f0e1d2c3-b4a5-4968-8776-655443322110")
_TOML: Final = """bank = "Bank A"

[receivables.top_advance_rate]
values = [{ from = 2026-01-01, value = 0.7, source = "credit committee, minutes of 2025-12-15" }]
"""
_REASON: Final = "the committee adopted it on 15 December"


def policy_requests(service: Service) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return the bodies of all POSTs about policies, by path, with the names of their schemas."""
    return {
        "/v1/policies": ("PolicyRequest", {"toml": _TOML}),
        "/v1/policies/{policy_id}/simulation": ("SimulationRequest", {"since": service.ledger.first_day.isoformat()}),
        "/v1/policies/{policy_id}/activate": ("ActivationRequest", {"simulation_id": str(SIMULATION_ID), "reason": _REASON}),
    }


def policy_answers(service: Service) -> dict[tuple[str, str], Any]:
    """Return an example of the good answer of every operation on policies."""
    given, policy = datetime.now(UTC).replace(microsecond=0), read_policy(_TOML)
    day = given.date()
    summary = PolicySummary(
        id=POLICY_ID, bank=policy.id, version=policy.version, uploaded_at=given, uploaded_by="Li Wei", is_in_force=False
    )
    body = PolicyBody(**dict(summary), toml=_TOML, numbers=number_parts(policy, Language.EN), simulations=[], activations=[])
    _, inputs = decided_example(service)
    past = [PastApplication(inputs.application, inputs.supplier, inputs.turnover)]
    named = {"id": SIMULATION_ID, "policy_id": POLICY_ID, "begins_on": day, "made_at": given, "made_by": "Li Wei"}
    simulated = simulation_body(past, packaged_financing_policy().on(day), policy.on(day), left_out=0, **named)
    activated = ActivationBody(
        policy_id=POLICY_ID,
        version=policy.version,
        simulation_id=SIMULATION_ID,
        begins_on=day,
        at=given,
        by="Wang Fang",
        reason=_REASON,
    )
    place = {"audit": {"sequence": 4, "chain_hash": "0" * 64}}
    kept, simulation = _plain(body), _plain(simulated) | place
    became = kept | {"is_in_force": True, "simulations": [str(SIMULATION_ID)], "activations": [_plain(activated)]}
    one = "/v1/policies/{policy_id}"
    return {
        ("/v1/policies", "post"): kept | place,
        ("/v1/policies", "get"): {"items": [_plain(summary)], "next": None},
        (one, "get"): became,
        (f"{one}/simulation", "post"): simulation,
        (f"{one}/simulations/{{simulation_id}}", "get"): simulation,
        (f"{one}/activate", "post"): _plain(activated) | place,
    }


def _plain(body: Any) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(body.model_dump_json(by_alias=True))
    return told
