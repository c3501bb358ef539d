"""Every example of docs/cli.md runs, in its order, as a user would run it; and wrong use is told without a traceback."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.real_data import real_data
from tests.spark.java import lacking

ROOT = Path(__file__).parents[2]
LIANXIN = Path(sys.executable).with_name("lianxin")


def _examples(document: str) -> list[str]:
    return re.findall(r"^\$ lianxin (.+)$", (ROOT / "docs" / document).read_text(encoding="utf-8"), flags=re.MULTILINE)


EXAMPLES = _examples("cli.md")


def _run(arguments: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(LIANXIN), *arguments], cwd=folder, capture_output=True, text=True, timeout=300, check=False, env={**os.environ, **environment}
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("examples")


def test_every_command_has_an_example() -> None:
    told = {" ".join(shlex.split(example)[:2]) for example in EXAMPLES}
    for command in (
        "simulate",
        "import olist",
        "check",
        "features",
        "train",
        "challenger",
        "approver",
        "approve",
        "promote",
        "shadow",
        "monitor",
        "release",
        "validate",
        "ledger build",
        "ledger update",
        "catalogue",
        "score",
        "explain",
        "advise",
        "report",
    ):
        assert any(example.startswith(command) for example in told), command
    assert {example.split()[0] for example in EXAMPLES} >= {"serve", "demo", "keys"}


def test_the_guide_has_only_examples_that_run_and_in_their_order() -> None:
    guide = _examples("guides/data_scientist.md")
    places = [EXAMPLES.index(each) for each in guide if not each.startswith(("shadow", "monitor"))]
    assert len(guide) > 15
    assert places == sorted(places)
    assert set(guide) <= set(EXAMPLES)


@pytest.mark.slow
@pytest.mark.parametrize("example", [e for e in EXAMPLES if not e.startswith(("import", "serve"))])
def test_example(example: str, folder: Path) -> None:
    reason = lacking() if "--engine spark" in example else None
    if reason is not None:
        pytest.skip(f"Spark: {reason}")
    done = _run(shlex.split(example), folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()


@pytest.mark.slow
@pytest.mark.real_data
def test_example_of_the_import(folder: Path) -> None:
    (folder / "olist").symlink_to(real_data("olist"))
    (example,) = (e for e in EXAMPLES if e.startswith("import"))
    done = _run(shlex.split(example), folder)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_example_of_the_service_starts_answers_and_stops(folder: Path) -> None:
    (example,) = (e for e in EXAMPLES if e.startswith("serve"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    arguments = shlex.split(example.replace("8000", port))
    log = folder / "serve.log"
    with log.open("w") as stream, subprocess.Popen([str(LIANXIN), *arguments], cwd=folder, stdout=stream, stderr=stream) as server:
        try:
            for _ in range(150):
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
                        assert answer.status == 200
                    break
                except OSError:
                    assert server.poll() is None, log.read_text()
                    time.sleep(0.2)
            else:
                pytest.fail(log.read_text())
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=30)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["check", "nowhere"], 1, "nowhere"),
        (["features", "nowhere", "--as-of", "2026-01-01", "--out", "f.parquet"], 1, "nowhere"),
        (["features", "nowhere", "--out", "f.parquet"], 2, "--as-of"),
        (["features", "nowhere", "--as-of", "01.02.2026", "--out", "f.parquet"], 2, "01.02.2026"),
        (["features", "nowhere", "--monthly", "2026-01", "2026-02-01", "--out", "f.parquet"], 2, "2026-01"),
        (["train", "nowhere"], 1, "nowhere"),
        (["challenger", "out", "--home", "empty"], 1, "empty"),
        (["approver", "", "--key", "k.pem", "--home", "empty"], 1, "must have a name"),
        (["approve", "--approver", "A", "--key", "k.pem", "--out", "a.json", "--home", "empty"], 1, "empty"),
        (["approve", "--approver", "A", "--key", "k.pem", "--out", "a.json", "--override", "auc"], 2, "GATE=TEXT"),
        (["promote", "--approval", "nowhere.json", "--home", "empty"], 1, "nowhere.json"),
        (["rollback", "out", "--by", "A", "--why", "B", "--home", "empty"], 1, "empty"),
        (["shadow", "nowhere", "nowhere", "nowhere", "--as-of", "2026-01-01", "--out", "s.parquet"], 1, "nowhere"),
        (["monitor", "nowhere", "nowhere", "--as-of", "2026-01-01", "--out", "m"], 1, "nowhere"),
        (["release", "out", "--home", "empty"], 1, "empty"),
        (["validate", "nowhere", "nowhere", "--out", "out"], 1, "nowhere"),
        (["validate", "nowhere", "nowhere"], 2, "--out"),
        (["validate", "nowhere", "nowhere", "--out", "out", "--home", "empty"], 1, "empty must hold mlflow.db"),
        (["score", "nowhere", "nowhere", "--as-of", "2026-01-01", "--out", "s.parquet"], 1, "nowhere"),
        (["advise", "nowhere", "nowhere", "S", "--as-of", "2026-01-01"], 1, "nowhere"),
        (["advise", "nowhere", "nowhere", "S"], 2, "--as-of"),
        (["report", "nowhere", "nowhere", "S", "--as-of", "2026-01-01", "--pdf", "f.pdf"], 1, "nowhere"),
        (["report", "nowhere", "nowhere", "--as-of", "2026-01-01", "--pdf", "f.pdf"], 2, "--all"),
        (["simulate", "--suppliers", "3", "--months", "48", "out"], 1, "suppliers"),
        (["serve", "--bundle", "nowhere", "--ledger", "nowhere"], 1, "nowhere"),
        (["ledger"], 2, "build"),
        (["nothing"], 2, "nothing"),
    ],
)
def test_a_users_mistake_is_told_without_a_traceback(arguments: list[str], code: int, said: str, tmp_path: Path) -> None:
    done = _run(arguments, tmp_path, COLUMNS="200", NO_COLOR="1")
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert said in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("arguments", "stage"), [(["simulate", "--suppliers", "3000", "--months", "60", "tables"], "truth"), (["check", "big"], "reading")]
)
def test_ctrl_c_is_told_in_a_line_and_leaves_nothing_half_written(arguments: list[str], stage: str, tmp_path: Path) -> None:
    (tmp_path / "big").mkdir()
    rows = "\n".join(f"o{i},S,B,2025-01-01T00:00:00,{i}.00" for i in range(1, 400_000))
    (tmp_path / "big" / "orders.csv").write_text("order_id,supplier_id,buyer_id,ordered_at,amount\n" + rows, encoding="utf-8")
    with subprocess.Popen([str(LIANXIN), *arguments], cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if stage in line:
                break
        time.sleep(0.4)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        assert process.wait(timeout=60) == 130, said
    assert "interrupted" in said
    assert "Traceback" not in said
    assert {path.name for path in tmp_path.iterdir()} == {"big"}


@pytest.mark.slow
def test_results_that_cannot_be_written_and_dates_without_data_are_refused(folder: Path) -> None:
    if not (folder / "work" / "ledger").exists():
        pytest.skip("the examples above did not run in this session")
    for arguments, said in (
        (["--as-of", "2026-01-01", "--out", "/proc/f.parquet"], "cannot be"),
        (["--as-of", "2026-01-01", "--out", "."], "is a folder"),
        (["--as-of", "2036-01-01", "--out", "f.parquet"], "known up to"),
        (["--as-of", "1990-01-01", "--out", "f.parquet"], "nothing was known"),
    ):
        done = _run(["features", "work/ledger", *arguments], folder)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert said in done.stderr, done.stderr


def test_json_is_one_object_on_standard_output(tmp_path: Path) -> None:
    done = _run(["simulate", "--suppliers", "60", "--months", "24", "--seed", "1", "tables", "--json"], tmp_path)
    assert set(json.loads(done.stdout)) == {"folder", "suppliers", "months", "seed", "digest"}
    assert "simulate: write" in done.stderr


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, lianxin.cli; print(sorted({'numpy','duckdb','numba','pandas','lightgbm','mlflow','fastapi'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
