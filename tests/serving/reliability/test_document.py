"""Does the service do what its OpenAPI document says? Schemathesis draws requests from it, valid and not, and holds each answer to it.

In the gate each operation is tried by one caller who may do it; on demand by every kind, and in the sequences of links::

    pytest -m load tests/serving/reliability/test_document.py
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.access.caller import SCOPES_OF, Scope, TenantKind
from tests.serving.world import World

SEED = 20261122
HERE = Path(__file__).parent
CALLERS = {TenantKind.BANK: "own", TenantKind.SUPPLIER: "supplier", TenantKind.OPERATOR: "operator"}


def known_ids(world: World) -> dict[str, list[str]]:
    """Ids that are there, by the name the document has for them in a path or a body; every id in a path needs its line."""
    return {
        "path.score_id": [*world.scores["bank"].values(), *world.scores["supplier"].values()],
        "path.decision_id": list(world.decisions.values()),
        "path.policy_id": list(world.policies.values()),
        "path.simulation_id": list(world.simulations.values()),
        "path.batch_id": [*world.batches["bank"].values(), *world.batches["supplier"].values()],
        "path.dispute_id": list(world.disputes.values()),
        "path.webhook_id": [webhook for webhook, _ in world.webhooks.values()],
        "path.message_id": [message for _, message in world.webhooks.values()],
        "path.feature": ["fulfilment_late_ratio_180d", "invoices_overdue_ratio_90d", "network_core_share_365d", "no_such_feature"],
        "path.consent_id": list(world.consents.values()),
        "body.supplier_id": list(world.suppliers.values()),
        "body.bank_id": list(world.bank_ids.values()),
        "body.simulation_id": list(world.simulations.values()),
    }


Say = Callable[[str], None]


def run(
    url: str, world: World, folder: Path, say: Say, *, cases: int, headers: dict[str, str], operations: list[dict[str, Any]], more: str = ""
) -> Any:
    """Draw so many cases for each operation at most, besides those at the edges of its schema, and return Schemathesis' report."""
    ids = known_ids(world)
    config: list[str] = [f"hooks = {json.dumps(str(HERE / 'schemathesis_hooks.py'))}"]
    for name, values in ids.items():
        config += [f'[dictionaries."{name}"]', f"values = {json.dumps(values)}"]
    config += ["[parameters]", *(f'"{name}" = {{ dictionary = "{name}", probability = 0.5 }}' for name in ids)]
    for operation in operations:
        config += ["[[operations]]", *(f"{name} = {value}" for name, value in operation.items())]
    (folder / "schemathesis.toml").write_text("\n".join(config), "utf-8")
    command = [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", "--config-file", "schemathesis.toml"]
    command += ["run", f"{url}/openapi.json", "--seed", str(SEED), "--max-examples", str(cases), "--no-color", "--continue-on-failure"]
    command += [
        "--phases",
        f"examples,coverage,fuzzing{more}",
        "--report",
        "json",
        "--report-json-path",
        "report.json",
        "--warnings",
        "off",
    ]
    command += [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    surroundings = os.environ | {"PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=surroundings)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    report = json.loads((folder / "report.json").read_text("utf-8"))
    assert not report["failures"], done.stdout
    assert not report["errors"], done.stdout
    assert report["complete"]
    told = f"{report['test_cases']['generated']} requests to {report['operations']['tested']} operations, {report['running_time']:.0f} s"
    say(f"Schemathesis {report['schemathesis_version']}, seed {SEED}: {told}, no failure")
    return report


def one_caller_for_each(document: Any, world: World) -> list[dict[str, Any]]:
    """Return who tries which operation: the first kind of caller that has the scopes the document asks for."""
    told = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            wanted = {Scope(scope) for way in operation.get("security", ()) for scopes in way.values() for scope in scopes}
            if wanted:
                kind = next(kind for kind in CALLERS if wanted <= SCOPES_OF[kind])
                key = world.headers[CALLERS[kind]]["X-API-Key"]
                told.append({"include-path": f'"{path}"', "include-method": f'"{method.upper()}"', "headers": f'{{ X-API-Key = "{key}" }}'})
    return told


def test_every_id_in_a_path_has_one_that_is_there(url: str, world: World) -> None:
    document = httpx.get(f"{url}/openapi.json", timeout=60).json()
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    wanted = {f"path.{each['name']}" for operation in operations for each in operation.get("parameters", ()) if each["in"] == "path"}
    missing = sorted(wanted - set(known_ids(world)))
    assert not missing, f"each of {missing} needs a line in known_ids above; let World of world.py.py make some"


def test_a_thousand_requests_are_answered_as_documented(url: str, world: World, tmp_path: Path, say: Say) -> None:
    document = httpx.get(f"{url}/openapi.json", timeout=60).json()
    count = sum(len(methods) for methods in document["paths"].values())
    report = run(url, world, tmp_path, say, cases=max(4, 200 // count), headers={}, operations=one_caller_for_each(document, world))
    assert report["operations"]["tested"] == count
    assert report["test_cases"]["generated"] >= 1000


@pytest.mark.load
@pytest.mark.parametrize("kind", CALLERS)
def test_ten_thousand_requests_are_answered_as_documented(url: str, world: World, tmp_path: Path, say: Say, kind: TenantKind) -> None:
    count = sum(len(methods) for methods in httpx.get(f"{url}/openapi.json", timeout=60).json()["paths"].values())
    report = run(url, world, tmp_path, say, cases=3200 // count, headers=world.headers[CALLERS[kind]], operations=[], more=",stateful")
    assert report["test_cases"]["generated"] >= 3334
