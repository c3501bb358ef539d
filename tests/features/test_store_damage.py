import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from credit.errors import LedgerUnreadable
from features.ledger import Ledger
from features.store import open_ledger, save_ledger
from tests.features.stored import OTHER_PLACED, assert_nothing_else, files_of
from tests.features.test_ledger import ORDERS_PLACED, facts_of


def damages(whole: bytes) -> Iterator[bytes | None]:
    """Removed, emptied, cut, overwritten, longer."""
    yield from (None, b"", whole[:-3], whole[: len(whole) // 2], b"not what it was", whole + b"\0")


def test_every_damaged_file_is_refused_by_name(stored: Path) -> None:
    files = files_of(stored)
    assert {"segment/orders.records", "segment/offsets.npy", "names/suppliers.npy", "names/profiles.parquet"} <= set(files)
    for name, file in files.items():
        whole = file.read_bytes()
        for damaged in damages(whole):
            if damaged == whole:
                continue
            file.unlink() if damaged is None else file.write_bytes(damaged)
            with pytest.raises(LedgerUnreadable, match=rf"{file.name} (is not what was saved|cannot be read); build it again"):
                open_ledger(stored)
            file.write_bytes(whole)
        assert name
    assert facts_of(open_ledger(stored), "order_placed") == ORDERS_PLACED


def test_every_single_changed_byte_is_noticed(stored: Path) -> None:
    for file in files_of(stored).values():
        whole = file.read_bytes()
        for place in {*range(0, len(whole), 97), len(whole) - 1} if whole else ():
            file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(LedgerUnreadable, match=rf"{file.name} is not what was saved"):
                open_ledger(stored)
        file.write_bytes(whole)


@pytest.mark.parametrize("damage", ["removed", "emptied", "cut", "overwritten"])
def test_a_ledger_without_its_manifest_is_none(stored: Path, damage: str) -> None:
    file = stored / "manifest.json"
    whole = file.read_bytes()
    content = {"removed": None, "emptied": b"", "cut": whole[:-3], "overwritten": b"\xff\xfe"}[damage]
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(LedgerUnreadable, match=r"not a ledger .*build one with"):
        open_ledger(stored)


ARRAYS = ("suppliers", "suppliers-starts", "parties", "parties-starts", "days", "counts")


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("change", ["shorter", "empty", "of another type", "of another shape"])
def test_arrays_that_do_not_fit_together_are_refused_even_unverified(stored: Path, name: str, change: str) -> None:
    file = files_of(stored)[f"names/{name}.npy"]
    array = np.load(file)
    changes = {
        "shorter": array[..., :-1],
        "empty": array[..., :0],
        "of another type": array.astype(np.float64),
        "of another shape": array[None],
    }
    np.save(file, changes[change])
    with pytest.raises(LedgerUnreadable, match=r"is damaged: .*build it again"):
        open_ledger(stored, verify=False)


def test_damaged_records_are_refused_even_unverified(stored: Path) -> None:
    for name, file in files_of(stored).items():
        whole = file.read_bytes()
        if not name.startswith("segment/") or len(whole) < 20:
            continue
        for damaged in (None, b"", whole[:-3]):
            file.unlink() if damaged is None else file.write_bytes(damaged)
            with pytest.raises(LedgerUnreadable, match=r"is damaged: .*build it again"):
                open_ledger(stored, verify=False)
        file.write_bytes(whole)


def change_manifest(stored: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((stored / "manifest.json").read_text(encoding="utf-8"))
    change(manifest)
    (stored / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda manifest: manifest.update(format=99), "format 99"),
        (lambda manifest: manifest.pop("format"), "format None"),
        (lambda manifest: manifest.pop("zone"), "manifest lacks zone"),
        (lambda manifest: manifest.update(present=3), "manifest lacks present"),
        (lambda manifest: manifest.update(segments="x", names=3), "manifest lacks segments, names"),
        (lambda manifest: manifest.update(segments=[3]), "is damaged"),
        (lambda manifest: manifest.update(segments=["segment-nowhere"]), "is damaged"),
        (lambda manifest: manifest.update(segments=[]), ""),
        (lambda manifest: manifest.update(networks=[]), "manifest lacks networks"),
        (lambda manifest: manifest.update(networks={"December": "names"}), "is damaged"),
        (lambda manifest: manifest.update(networks={"2025-12-01": ["names"]}), "is damaged"),
    ],
)
def test_a_manifest_of_another_form_is_refused_and_can_be_replaced(
    other: Ledger, stored: Path, change: Callable[[dict[str, Any]], object], says: str
) -> None:
    change_manifest(stored, change)
    if says:
        with pytest.raises(LedgerUnreadable, match=says):
            open_ledger(stored)
    save_ledger(other, stored)
    assert facts_of(open_ledger(stored), "order_placed") == OTHER_PLACED
    assert_nothing_else(stored)


@pytest.mark.parametrize("text", ["[]", "3", "null", '{"format": 1'])
def test_a_manifest_that_is_no_manifest_is_refused_and_can_be_replaced(other: Ledger, stored: Path, text: str) -> None:
    (stored / "manifest.json").write_text(text)
    with pytest.raises(LedgerUnreadable, match="not a ledger"):
        open_ledger(stored)
    save_ledger(other, stored)
    assert facts_of(open_ledger(stored), "order_placed") == OTHER_PLACED
    assert_nothing_else(stored)
