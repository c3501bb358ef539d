import hashlib
import itertools
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from credit.errors import CannotWrite, LedgerUnreadable, NotEnoughHistory
from features import store
from features.build import build_features
from features.ledger import Ledger, Profile, build_ledger
from features.store import build_stored, open_ledger, save_ledger, writing
from tests.drawn import AS_OF, draw
from tests.features.stored import OTHER_PLACED, assert_nothing_else, files_of
from tests.features.test_ledger import ORDERS_PLACED, TABLES_DRAWN, facts_of


def test_a_stored_ledger_is_the_same_ledger(ledger: Ledger, stored: Path) -> None:
    opened = open_ledger(stored)
    for one, two in zip(ledger.segments, opened.segments, strict=True):
        assert [(table.dtype, table.tobytes()) for table in one.records] == [(table.dtype, table.tobytes()) for table in two.records]
        assert one.offsets.tolist() == two.offsets.tolist()
    assert (opened.suppliers.every(), opened.parties.every()) == (ledger.suppliers.every(), ledger.parties.every())
    assert (opened.days.tolist(), opened.counts.tolist()) == (ledger.days.tolist(), ledger.counts.tolist())
    assert (opened.zone, opened.present, dict(opened.digests)) == (ledger.zone, ledger.present, dict(ledger.digests))
    assert facts_of(opened, "order_placed") == facts_of(ledger, "order_placed")
    assert opened.latest_as_of == ledger.latest_as_of


def test_a_stored_ledger_can_be_moved(stored: Path, tmp_path: Path) -> None:
    moved = tmp_path / "it's elsewhere"
    shutil.move(stored, moved)
    assert facts_of(open_ledger(moved), "order_placed") == ORDERS_PLACED


def test_saving_twice_gives_the_same_bytes_and_replaces_the_older(ledger: Ledger, stored: Path) -> None:
    before = {name: file.read_bytes() for name, file in files_of(stored).items()}
    save_ledger(ledger, stored)
    assert {name: file.read_bytes() for name, file in files_of(stored).items()} == before
    assert_nothing_else(stored)


def test_an_opened_ledger_can_be_saved_over_itself(stored: Path) -> None:
    opened = open_ledger(stored)
    save_ledger(opened, stored)
    assert facts_of(open_ledger(stored), "order_placed") == facts_of(opened, "order_placed") == ORDERS_PLACED
    assert_nothing_else(stored)


def test_a_ledger_that_was_replaced_can_still_be_read_where_it_was_open(other: Ledger, stored: Path) -> None:
    opened = open_ledger(stored)
    save_ledger(other, stored)
    assert facts_of(opened, "order_placed") == ORDERS_PLACED
    assert facts_of(open_ledger(stored), "order_placed") == OTHER_PLACED


@pytest.mark.parametrize("verify", [True, False])
def test_a_ledger_that_is_replaced_while_it_is_being_opened_is_the_new_one(
    other: Ledger, stored: Path, verify: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, replaced = store.read_manifest, list[bool]()

    def replace_once(path: Path) -> dict[str, Any]:
        manifest = read(path)
        if not replaced:
            replaced.append(True)
            save_ledger(other, stored)
        return manifest

    monkeypatch.setattr(store, "read_manifest", replace_once)
    assert facts_of(open_ledger(stored, verify=verify), "order_placed") == OTHER_PLACED


FULL, STOPPED = OSError(28, "No space left on device"), KeyboardInterrupt()
BEFORE = (
    (os, "replace"), (json, "dump"), (np, "save"), (pathlib.Path, "mkdir"), (hashlib, "file_digest"), (store, "write_segment"),
    (store, "write_names"),
)  # fmt: skip
"""Calls that come before the manifest is the new one, the last being that which makes it so."""
THROUGHOUT = ((os, "fsync"), (os, "open"), (os, "close"), (pathlib.Path, "open"))
"""Calls that come before and after, some of them where what nobody names is removed."""


def failing(call: Callable[..., Any], at: int, counted: list[int], error: BaseException) -> Callable[..., Any]:
    """A call that fails the `at`-th time."""

    def called(*given: Any, **named: Any) -> Any:
        counted[0] += 1
        if counted[0] == at:
            raise error
        return call(*given, **named)

    return called


@pytest.mark.parametrize(
    ("owner", "name", "error"),
    [*((*call, FULL) for call in (*BEFORE, *THROUGHOUT)), (os, "replace", STOPPED), (os, "fsync", STOPPED), (json, "dump", STOPPED)],
    ids=lambda part: part if isinstance(part, str) else type(part).__name__,
)
def test_whichever_call_fails_one_whole_ledger_stands(other: Ledger, stored: Path, owner: Any, name: str, error: BaseException) -> None:
    """Fail the first call, then the second, until none is left to fail: the older ledger stands until the manifest is the new one."""
    for at in itertools.count(1):
        counted = [0]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(owner, name, failing(getattr(owner, name), at, counted, error))
            try:
                save_ledger(other, stored)
            except (CannotWrite, KeyboardInterrupt) as refusal:
                told = str(refusal)
            else:
                break
        assert error is STOPPED or "No space left on device" in told
        found = facts_of(open_ledger(stored), "order_placed")
        assert found in ([ORDERS_PLACED] if (owner, name) in BEFORE else [ORDERS_PLACED, OTHER_PLACED])
        if name not in ("open", "close"):  # with which the remains are removed, too: then they go with the next write
            assert_nothing_else(stored)
    assert at > 1 or name == "close", "nothing was ever called"
    assert facts_of(open_ledger(stored), "order_placed") == OTHER_PLACED
    save_ledger(other, stored)
    assert_nothing_else(stored)


@pytest.mark.parametrize("size", [0, 40, 200, 1000, 4000])
def test_a_disk_that_takes_no_more_leaves_the_older_ledger(other: Ledger, stored: Path, size: int) -> None:
    """Real writes that fail, DuckDB's among them: no file may grow beyond `size` bytes."""
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        with pytest.raises(CannotWrite, match=r"cannot be written \(.*File too large"):
            save_ledger(other, stored)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert facts_of(open_ledger(stored), "order_placed") == ORDERS_PLACED
    assert_nothing_else(stored)


KILLED = """
import os, signal, sys
from pathlib import Path
from features.store import open_ledger, save_ledger
calls = 0
fsync = os.fsync
def dying(handle):
    global calls
    calls += 1
    if calls == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    fsync(handle)
os.fsync = dying
save_ledger(open_ledger(Path(sys.argv[1])), Path(sys.argv[2]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("at", [1, 9, 31, 40, 41, 42])
def test_a_process_that_is_killed_leaves_one_whole_ledger_and_the_next_write_cleans_up(
    ledger: Ledger, other: Ledger, stored: Path, tmp_path: Path, at: int
) -> None:
    source = tmp_path.parent / f"{tmp_path.name}-source"
    save_ledger(other, source)
    done = subprocess.run([sys.executable, "-c", KILLED, str(source), str(stored), str(at)], check=False, cwd=Path(__file__).parents[2])
    found = facts_of(open_ledger(stored), "order_placed")
    assert found == (ORDERS_PLACED if done.returncode == -signal.SIGKILL and found != OTHER_PLACED else OTHER_PLACED)
    save_ledger(ledger, stored)
    assert facts_of(open_ledger(stored), "order_placed") == ORDERS_PLACED
    assert_nothing_else(stored)


def test_two_writers_at_once_are_refused_and_one_after_the_other_is_not(ledger: Ledger, other: Ledger, stored: Path) -> None:
    with writing(stored):
        with pytest.raises(LedgerUnreadable, match="being written by another process"):
            save_ledger(other, stored)
        assert facts_of(open_ledger(stored), "order_placed") == ORDERS_PLACED, "reading goes on meanwhile"
    save_ledger(other, stored)
    assert facts_of(open_ledger(stored), "order_placed") == OTHER_PLACED


def test_a_folder_that_is_no_ledger_is_not_overwritten(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_text("precious")
    (tmp_path / "file").write_text("precious")
    for name in ("photos", "file"):
        with pytest.raises(LedgerUnreadable, match="exists and is not a ledger"):
            save_ledger(ledger, tmp_path / name)
    assert (tmp_path / "photos" / "one.jpg").read_text() == "precious"
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("name", ["file/ledger", "x" * 300, "a\x00b"])
def test_a_place_where_no_folder_can_be_is_refused(ledger: Ledger, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(CannotWrite, match="cannot be written"):
        save_ledger(ledger, tmp_path / name)
    with pytest.raises(LedgerUnreadable, match="not a ledger"):
        open_ledger(tmp_path / name)


def test_a_place_where_nothing_stands_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnreadable, match=r"not a ledger .*`lianxin ledger build"):
        open_ledger(tmp_path / "nowhere")


def test_a_ledger_is_opened_without_being_read(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Unread(np.memmap[Any, Any]):
        def __array_finalize__(self, source: object) -> None:
            super().__array_finalize__(source)

    def refuse(*_: object) -> str:
        raise AssertionError("every file was read")

    monkeypatch.setattr(store, "_digest", refuse)
    opened = open_ledger(stored, verify=False)
    for segment in opened.segments:
        for table in segment.records:
            base: object = table
            while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
                base = base.base
            assert len(table) == 0 or isinstance(base, np.memmap)


def test_a_feature_row_from_a_stored_ledger_is_bitwise_the_same(ledger: Ledger, stored: Path) -> None:
    days = [AS_OF - timedelta(days=back) for back in (0, 5, 30)]
    values = [build_features(one, days).values.tobytes() for one in (ledger, open_ledger(stored))]
    assert values[0] == values[1]


@pytest.mark.parametrize("memory", [0, 1 << 30])
def test_a_ledger_built_straight_onto_disk_is_the_one_built_in_memory(ledger: Ledger, stored: Path, tmp_path: Path, memory: int) -> None:
    said: list[str] = []
    built = build_stored(draw(TABLES_DRAWN), tmp_path / "straight", progress=said.append, memory=memory)
    assert said == ["records", "facts", "saving"]
    names = files_of(stored)
    assert {name: file.read_bytes() for name, file in files_of(tmp_path / "straight").items() if "profiles" not in name} == {
        name: file.read_bytes() for name, file in names.items() if "profiles" not in name
    }
    assert facts_of(built, "order_placed") == ORDERS_PLACED
    assert built.profile("S") == ledger.profile("S")


def test_a_build_onto_disk_that_finds_nothing_leaves_the_older_ledger(stored: Path) -> None:
    with pytest.raises(NotEnoughHistory, match="not one dated event"):
        build_stored(draw({"suppliers": "supplier_id | joined_at\nS |"}), stored)
    assert facts_of(open_ledger(stored), "order_placed") == ORDERS_PLACED
    assert_nothing_else(stored)


def test_who_a_supplier_is_and_the_quality_of_its_import_are_kept(tmp_path: Path) -> None:
    drawn = {
        "suppliers": "supplier_id | name | kind | recorded_at\nS | 旧名 | enterprise | -9\nS | 新星精密 | enterprise | -4",
        "orders": "order_id | supplier_id | buyer_id | ordered_at | amount\na | S | B | -3 | 10",
    }
    quality = {"accuracy": 1.0, "completeness": 0.5, "consistency": 1.0, "timeliness": None, "validity": 0.99}
    save_ledger(build_ledger(draw(drawn), quality=quality), tmp_path / "ledger")
    found = open_ledger(tmp_path / "ledger")
    assert found.quality == quality
    assert found.profile("S") == Profile("新星精密", "enterprise", None, None)
    assert found.profile("nobody") == Profile(None, None, None, None)


def test_profiles_that_cannot_be_written_are_told_as_every_other_file(other: Ledger, stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def cursor(self) -> "Full":
            return self

        def execute(self, query: str) -> None:
            raise duckdb.IOException(f"No space left on device: {query[:4]}")

    object.__setattr__(other, "profiles", Full())
    with pytest.raises(CannotWrite, match="No space left on device"):
        save_ledger(other, stored)
    assert facts_of(open_ledger(stored), "order_placed") == ORDERS_PLACED
    assert monkeypatch is not None
