"""Two drawn ledgers to be stored over one another, and what a stored one consists of."""

import os
from pathlib import Path

from features.store import folders_of, read_manifest
from tests.features.test_ledger import ORDERS_PLACED, TABLES_DRAWN

OTHER = {**TABLES_DRAWN, "orders": "order_id | supplier_id | buyer_id | ordered_at | amount\nz | T | Sun | -3 | 5"}
OTHER_PLACED = [("T", "z", "Sun", ORDERS_PLACED[-1][3] + 3, ORDERS_PLACED[-1][3] + 3, 1, 500)]


def files_of(folder: Path) -> dict[str, Path]:
    """Every file a manifest answers for, by its name without what is drawn anew each time."""
    manifest = read_manifest(folder)
    named = {name: folder / name for name in manifest["sha256"]}
    return {f"{_plain(name.partition('/')[0])}/{name.partition('/')[2]}": path for name, path in named.items()}


def _plain(folder: str) -> str:
    """A folder's name without what is drawn anew; of totals, the month stays."""
    kind, number, _ = folder.split("-")
    return f"{kind}-{number}" if kind == "network" else kind


def assert_nothing_else(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert sorted(os.listdir(folder)) == sorted([".lock", "manifest.json", *folders_of(manifest)])
    assert os.listdir(folder.parent) == [folder.name]
