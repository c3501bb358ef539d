"""An update killed at any point leaves the old ledger or the new one, whole, and does not stand in the way of the next."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from features.ledger import build_ledger
from features.read import read_tables
from features.store import save_ledger
from features.update import update_ledger

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
HEAD = "order_id,supplier_id,buyer_id,ordered_at,amount,recorded_at\n"


def folder(path: Path, **tables: str) -> Path:
    path.mkdir()
    for name, text in tables.items():
        (path / f"{name}.csv").write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], list[dict[str, Any]]]:
    """The states before, after the update and after the next, and what was left of the update killed before each call."""
    work = tmp_path_factory.mktemp("killed")
    base = folder(
        work / "base",
        suppliers="supplier_id,joined_at\nS,2025-01-01\nT,2025-01-02\n",
        orders=HEAD + "a,S,Li,2025-06-01,100,\nb,T,Li,2025-06-02,200,\n",
        fulfilments="fulfilment_id,order_id,supplier_id,delivered_at\n1,a,S,2025-06-04\n",
        reviews="review_id,supplier_id,reviewed_at,rating\nr,S,2025-06-05,4\n",
    )
    save_ledger(build_ledger(read_tables(base)[0]), work / "ledger")
    update_ledger(work / "ledger", folder(work / "before", orders=HEAD + "c,S,Li,2025-06-07,60,\n"))  # so that an open segment is replaced
    days = [
        folder(work / "day", suppliers="supplier_id\nU\n", orders=HEAD + "d,U,Wang,2025-06-08,70,\na,S,Li,2025-06-01,90,2025-06-08\n"),
        folder(work / "next", orders=HEAD + "e,T,Wang,2025-07-02,80,\n"),
    ]
    running = []
    for first in (1, 2):  # two share the calls; each compiles for itself what the other has not
        arguments = [*map(str, (work / "ledger", *days, work / f"copy{first}")), str(first), "2"]
        command = [sys.executable, "-m", "tests.features.killed", *arguments]
        running.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    told = []
    for process in running:
        said, failed = process.communicate(timeout=900)
        assert process.returncode == 0, failed
        told.append([json.loads(line) for line in said.splitlines()])
    assert told[0][:3] == told[1][:3]
    calls = sorted(told[0][3:] + told[1][3:], key=lambda one: one["call"])
    # Each goes on until an update is left alone: the later of the two says nothing new.
    assert calls[-1]["code"] == 0
    return [line["state"] for line in told[0][:3]], calls[:-1] if calls[-2]["code"] == 0 else calls


def test_every_call_was_killed_once_and_the_last_update_was_left_alone(killed: tuple[list[str], list[dict[str, Any]]]) -> None:
    _, told = killed
    assert [one["call"] for one in told] == list(range(1, len(told) + 1))
    assert [one["code"] for one in told] == [-signal.SIGKILL] * (len(told) - 1) + [0]
    calls = [one["before"].split()[0] for one in told[:-1]]
    assert set(calls) >= {"open", "os.mkdir", "os.fsync", "os.rename", "shutil.rmtree"}
    assert len(calls) > 100


def test_the_old_ledger_or_the_new_one_is_left_and_never_a_mix(killed: tuple[list[str], list[dict[str, Any]]]) -> None:
    (old, new, _), told = killed
    assert old != new
    assert all(one["finished"] == 0 for one in told)
    swapped = next(place for place, one in enumerate(told) if one["before"].startswith("os.rename"))
    assert [one["left"] for one in told] == [old] * (swapped + 1) + [new] * (len(told) - swapped - 1)


def test_the_next_update_succeeds_and_sweeps_what_was_left(killed: tuple[list[str], list[dict[str, Any]]]) -> None:
    (old, _, end), told = killed
    assert {one["end"] for one in told} == {end}
    assert all(one["swept"] for one in told)
    assert all(one["again"] == (one["left"] == old) for one in told)
