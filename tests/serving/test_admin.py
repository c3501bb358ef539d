"""The administrator's commands on a real database: tenants, keys, consents, and the audit of what was scored."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from lianxin.cli import app
from tests.serving.test_server import Served

RUN = CliRunner()


def answer(*arguments: str, data: Path) -> Any:
    done = RUN.invoke(app, [*arguments, "--data", str(data), "--json"])
    assert done.exit_code == 0, f"{done.output} {done.exception}"
    return json.loads(done.stdout)


def refusal(*arguments: str, data: Path) -> str:
    done = RUN.invoke(app, [*arguments, "--data", str(data)])
    assert done.exit_code != 0
    return str(done.exception) if not isinstance(done.exception, SystemExit) else done.output


@pytest.fixture(scope="module")
def running(parts: Path) -> Iterator[tuple[str, Path]]:
    """A service in a process of its own: its address and the folder of its database."""
    import signal

    from tests.serving.conftest import reachable_folder

    for place in reachable_folder():
        served = Served(parts, place / "pg")
        yield served.first[1], place / "pg"
        served.end(signal.SIGTERM)


def test_from_a_tenant_to_a_verified_and_replayed_score(running: tuple[str, Path], parts: Path, tmp_path: Path) -> None:
    url, data = running
    bank = answer("admin", "tenants", "create", "bank", "Bank A", "--tier", "platform", data=data)["tenant_id"]
    assert "is there already" in refusal("admin", "tenants", "create", "bank", "Bank A", data=data)
    key = answer("admin", "keys", "create", "scoring", "--tenant", "Bank A", data=data)["key"]
    reader = answer("admin", "keys", "create", "reader", "--tenant", bank, "--scopes", "score:read", data=data)["key"]

    def score(with_key: str, name: str) -> httpx.Response:
        body = {"supplier_id": "S000002", "purpose": "credit_application"}
        return httpx.post(f"{url}/v1/scores", json=body, headers={"X-API-Key": with_key, "Idempotency-Key": name})

    assert score(key, "a").status_code == 403  # no consent yet
    told = answer("admin", "consents", "record", "S000002", "--bank", "Bank A", data=data)
    assert told["recorded"] == 1
    assert answer("admin", "consents", "record", "S000002", "--bank", "Bank A", data=data)["recorded"] == 0
    given = score(key, "a")
    assert given.status_code == 201
    assert score(reader, "b").status_code == 403
    # rotation: both keys work, and both find what was asked under the first
    new = answer("admin", "keys", "rotate", key.split("_")[1], "--overlap-hours", "1", data=data)["key"]
    assert score(new, "a").content == given.content == score(key, "a").content
    answer("admin", "keys", "rotate", new.split("_")[1], "--overlap-hours", "0", data=data)
    assert score(new, "a").status_code == 401
    assert "Only a live key" in refusal("admin", "keys", "rotate", "0" * 12, data=data)
    # audit: anchored, whole, and the same again
    anchors = tmp_path / "anchors.jsonl"
    assert answer("audit", "anchor", "--out", str(anchors), data=data)["anchors"]
    (chain,) = answer("audit", "verify", "--anchors", str(anchors), data=data)["chains"]
    assert chain | {"tenant_id": ""} == {
        **{"tenant": "Bank A", "tenant_id": "", "rows": 1, "anchored_to": 1, "without_row": 0, "fault": None}
    }
    again = answer("audit", "replay", "1", "--bundle", str(parts / "bundle"), data=data)
    assert again["points"] == given.json()["score"]["points"]
    assert again["different"] == []
    assert "anchor_of_another" in refusal("audit", "verify", "--anchor-key", "0" * 64, data=data)
    (consent,) = [each for each in answer("admin", "consents", "list", data=data)["consents"] if each["bank_id"] == bank]
    answer("admin", "consents", "withdraw", consent["consent_id"], data=data)
    assert score(key, "c").status_code == 403
    answer("admin", "tenants", "close", "Bank A", data=data)
    assert score(key, "a").status_code == 401
    assert "Bank A" in [tenant["name"] for tenant in answer("admin", "tenants", "list", data=data)["tenants"] if tenant["closed"]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("admin", "tenants", "create", "planet", "X"), "a tenant is a bank"),
        (("admin", "tenants", "create", "bank", "a\nb"), "visible characters"),
        (("admin", "tenants", "create", "bank", "X", "--tier", "all"), "a tier is one of"),
        (("admin", "keys", "create", "x", "--tenant", "nobody"), "No tenant is called"),
        (("admin", "keys", "create", "x", "--tenant", "demo", "--scopes", "all"), "a scope is one of"),
        (("admin", "keys", "create", "x", "--tenant", "demo", "--scopes", "metrics:read"), "A key of a bank has some of the scopes"),
        (("admin", "consents", "record", "S1", "--bank", "nobody"), "No tenant is called"),
        (("admin", "consents", "record", "S1", "--bank", "demo", "--purpose", "x"), "a purpose is one of"),
        (("admin", "consents", "withdraw", str(uuid.uuid4())), "No consent has the id"),
        (("admin", "consents", "withdraw", "x"), "No consent has the id"),
        (("audit", "verify", "--anchor-key", "zz"), "64 hexadecimal digits"),
    ],
)
def test_wrong_use_is_told(running: tuple[str, Path], arguments: tuple[str, ...], said: str) -> None:
    assert said in " ".join(refusal(*arguments, data=running[1]).replace("│", " ").split())
