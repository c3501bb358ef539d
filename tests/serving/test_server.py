"""The door: brought up in order, taken down in reverse, and never a stray process."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from credit.errors import BundleTampered, LedgerUnreadable, ServiceUnavailable
from serving.database.opening import create_key, list_keys, revoke_key
from serving.database.postmaster import running_postmaster
from serving.server import listen, serve
from tests.serving.conftest import reachable_folder
from training.bundle import ScoringBundle

SERVE = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from credit.errors import LianxinError
from serving.schemas import Purpose
from serving.server import serve
def ready(running):
    key = running.create_key("demo")
    ends = datetime.now(UTC) + timedelta(days=1)
    running.record_consents("demo", ["S000001"], list(Purpose), ends)
    print("READY", running.url, key, running.login_link(key, "/report/S000001"), flush=True)
try:
    serve(bundle=Path(sys.argv[1]) / "bundle", ledger=Path(sys.argv[1]) / "ledger", port=int(sys.argv[2]), data=Path(sys.argv[3]),
          on_ready=ready)
except LianxinError as error:
    sys.exit(str(error))
print("ENDED", flush=True)
"""


class Served:
    """A service in a process of its own."""

    def __init__(self, parts: Path, data: Path, port: int = 0) -> None:
        command = [sys.executable, "-c", SERVE, str(parts), str(port), str(data)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.first = self.process.stdout.readline().split()

    def end(self, how: signal.Signals) -> tuple[str, str]:
        self.process.send_signal(how)
        return self.process.communicate(timeout=40)


@pytest.fixture(scope="module")
def shared(parts: Path) -> Iterator[Served]:
    """A service for the tests that leave it running."""
    for place in reachable_folder():
        service = Served(parts, place / "pg")
        yield service
        service.end(signal.SIGTERM)


@pytest.fixture
def served(parts: Path, folder: Path) -> Iterator[Served]:
    service = Served(parts, folder / "pg")
    yield service
    if service.process.poll() is None:
        service.end(signal.SIGTERM)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything_in_order(served: Served, folder: Path, how: signal.Signals) -> None:
    assert served.first[0] == "READY", served.process.communicate()
    assert httpx.get(f"{served.first[1]}/readyz").status_code == 200
    out, _ = served.end(how)
    assert "ENDED" in out
    assert served.process.returncode == 0
    assert running_postmaster(folder / "pg" / "data") is None


def test_the_next_start_after_a_kill_leaves_one_server_and_then_none(served: Served, parts: Path, folder: Path) -> None:
    _, url, key, _ = served.first
    body = {"supplier_id": "S000001", "purpose": "own_information"}
    first = httpx.post(f"{url}/v1/scores", json=body, headers={"X-API-Key": key, "Idempotency-Key": "k"})
    assert first.status_code == 201
    served.end(signal.SIGKILL)
    left = running_postmaster(folder / "pg" / "data")
    assert left is not None
    again = Served(parts, folder / "pg")
    found = running_postmaster(folder / "pg" / "data")
    assert found is not None
    assert found.pid == left.pid
    replayed = httpx.post(f"{again.first[1]}/v1/scores", json=body, headers={"X-API-Key": key, "Idempotency-Key": "k"})
    assert replayed.content == first.content
    again.end(signal.SIGTERM)
    assert running_postmaster(folder / "pg" / "data") is None


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGQUIT])
def test_a_database_that_dies_is_started_again_and_nothing_is_lost(served: Served, folder: Path, how: signal.Signals) -> None:
    _, url, key, _ = served.first
    body = {"supplier_id": "S000001", "purpose": "own_information"}
    named = {"X-API-Key": key, "Idempotency-Key": "k"}
    with httpx.Client(base_url=url, timeout=30) as caller:
        first = caller.post("/v1/scores", json=body, headers=named)
        assert first.status_code == 201
        for _ in range(2):
            found = running_postmaster(folder / "pg" / "data")
            assert found is not None
            os.kill(found.pid, how)
            end = time.monotonic() + 60
            while wait_for_another(folder, found.pid) or caller.get("/readyz").status_code != 200:
                assert time.monotonic() < end
                time.sleep(0.5)
            again = caller.post("/v1/scores", json=body, headers=named)
            assert (again.status_code, again.content) == (201, first.content)
    out, _ = served.end(signal.SIGTERM)
    assert "ENDED" in out
    assert running_postmaster(folder / "pg" / "data") is None


def wait_for_another(folder: Path, pid: int) -> bool:
    """Whether the server of a process number is still the one that is named."""
    found = running_postmaster(folder / "pg" / "data")
    return found is None or found.pid == pid


def test_a_taken_port_is_refused_before_anything_starts(parts: Path, folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        service = Served(parts, folder / "pg", port=taken.getsockname()[1])
        _, errors = service.process.communicate(timeout=40)
    assert service.process.returncode == 1
    assert "cannot be taken" in errors
    assert not (folder / "pg").exists()


def test_an_unsigned_bundle_is_refused_before_a_database_is_made(parts: Path, folder: Path, bundle: ScoringBundle) -> None:
    bundle.save(folder / "unsigned")
    with pytest.raises(BundleTampered, match=r"has no signature.*--allow-unsigned"):
        serve(bundle=folder / "unsigned", ledger=parts / "ledger", port=0, data=folder / "pg")
    with pytest.raises(BundleTampered, match="must be signed by"):
        serve(bundle=folder / "unsigned", ledger=parts / "ledger", port=0, data=folder / "pg", trusted_key="0" * 64, allow_unsigned=True)
    assert not (folder / "pg").exists()


def test_a_ledger_that_cannot_be_opened_is_refused_before_a_database_is_made(parts: Path, folder: Path) -> None:
    with pytest.raises(LedgerUnreadable):
        serve(bundle=parts / "bundle", ledger=folder / "none", port=0, data=folder / "pg")
    assert not (folder / "pg").exists()


def test_the_start_says_who_signed_and_whether_that_was_asked_for(parts: Path, folder: Path, bundle: ScoringBundle) -> None:
    bundle.save(folder / "unsigned")
    (folder / "file").write_text("", "utf-8")  # not a folder for a database, so that the start ends where the database begins
    told: list[str] = []
    signed = str(bundle.signed_by)
    for place, asked in ((parts / "bundle", signed), (parts / "bundle", None), (folder / "unsigned", None)):
        with pytest.raises(ServiceUnavailable, match="is a file"):
            serve(
                bundle=place,
                ledger=parts / "ledger",
                port=0,
                data=folder / "file",
                trusted_key=asked,
                allow_unsigned=True,
                tell=told.append,
            )
    assert f"signed by {signed[:16]} (the one --trusted-key asks for)" in told[0]
    assert f"signed by {signed[:16]} (any signer is taken, for there is no --trusted-key)" in told[1]
    assert "unsigned, as --allow-unsigned permits" in told[2]
    assert signed not in "".join(told)


def test_the_printed_link_opens_the_page(shared: Served) -> None:
    with httpx.Client(follow_redirects=True) as browser:
        answer = browser.get(shared.first[3])
        assert answer.status_code == 200
        assert "S000001" in answer.text
        assert str(answer.url).endswith("/report/S000001")


def test_a_key_can_be_made_while_it_runs_and_while_it_does_not(served: Served, folder: Path) -> None:
    key = create_key("while it runs", data=folder / "pg")
    headers = {"X-API-Key": key}
    assert httpx.get(f"{served.first[1]}/v1/models/current", headers=headers).status_code == 200
    assert [record.name for record in list_keys(data=folder / "pg")] == ["demo", "while it runs"]
    revoke_key(key.split("_")[1], data=folder / "pg")
    assert httpx.get(f"{served.first[1]}/v1/models/current", headers=headers).status_code == 401
    served.end(signal.SIGTERM)
    assert create_key("while it rests", data=folder / "pg").startswith("lx_")
    assert running_postmaster(folder / "pg" / "data") is None


def test_the_log_holds_neither_keys_nor_tokens(served: Served) -> None:
    _, url, key, link = served.first
    httpx.get(link)
    httpx.get(f"{url}/v1/models/current", headers={"X-API-Key": key})
    _, errors = served.end(signal.SIGTERM)
    assert "/v1/models/current" in errors
    assert key not in errors
    assert link.split("token=")[1].split("&")[0] not in errors


def test_serving_loads_neither_pandas_nor_mlflow_nor_shap(parts: Path) -> None:
    code = "import sys, serving.server\nprint(sorted({'mlflow', 'shap', 'pickle5', 'pyarrow'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ | {"PYTHONWARNINGS": ""})
    assert done.stdout.strip() == "[]"


def test_a_signal_while_it_starts_leaves_nothing_behind(parts: Path, folder: Path) -> None:
    command = [sys.executable, "-c", SERVE, str(parts), "0", str(folder / "pg")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while running_postmaster(folder / "pg" / "data") is None and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=40)
    assert process.returncode == 0
    assert running_postmaster(folder / "pg" / "data") is None


def test_half_a_body_harms_nobody_else(shared: Served) -> None:
    _, url, key, _ = shared.first
    host, port = url.removeprefix("http://").split(":")
    head = (
        f"POST /v1/scores HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {key}\r\nIdempotency-Key: half\r\n"
        'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"sup'
    )
    with socket.create_connection((host, int(port))) as half:
        half.sendall(head.encode())
        assert httpx.get(f"{url}/readyz").status_code == 200
    body = {"supplier_id": "S000001", "purpose": "own_information"}
    answer = httpx.post(f"{url}/v1/scores", json=body, headers={"X-API-Key": key, "Idempotency-Key": "half"})
    assert answer.status_code == 201


def test_answers_do_not_wait_for_an_acknowledgement() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP  # what asyncio looks at before it turns Nagle's algorithm off
