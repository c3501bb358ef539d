"""Reading one supplier: its features from the stored ledger, and its finished row from a file, beside SQLite.

Each function is one measure and checks its answers, bitwise, before it returns a time.
"""

import sqlite3
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.features_peers.ours import compute, declared, open_tables
from benchmarks.features_peers.workload import Answer
from features.build import build_features
from features.matrix import FeatureMatrix
from features.online import open_online, write_online
from features.store import build_stored, open_ledger

WARM_UP = 100


def supplier_milliseconds(folder: Path, out: Path, as_of: date, *, suppliers: int = 1000, seed: int = 1) -> list[float]:
    """Milliseconds of each of so many random suppliers' features from the stored ledger; all equal the batch's, and it the stream's.

    Raises
    ------
    ValueError
        If a value differs in one bit.
    """
    tables = open_tables(folder)
    build_stored(tables, out)
    tables.close()
    ledger, features = open_ledger(out), declared()
    batch = build_features(ledger, [as_of], features=features)
    if compute(folder, [as_of]).values.tobytes() != batch.values.tobytes():
        raise ValueError("features from the stored ledger and straight from the tables differ")
    chosen = np.random.default_rng(seed).permutation(len(batch.supplier_ids))
    chosen = np.resize(chosen, suppliers + WARM_UP)
    spent = []
    for at in chosen:
        began = time.perf_counter()
        one = build_features(ledger, [as_of], [str(batch.supplier_ids[at])], features=features)
        spent.append(1000 * (time.perf_counter() - began))
        if one.values.tobytes() != batch.values[at].tobytes():
            raise ValueError(f"supplier {batch.supplier_ids[at]}: alone and in the batch its features differ")
    return spent[WARM_UP:]


def row_microseconds(answer: Answer, out: Path, *, rounds: int, reads: int = 20_000) -> dict[str, list[float]]:
    """CPU microseconds of reading one row of the last date, per round, from our file and from SQLite at its best.

    SQLite keeps each row as a blob under its text key, WITHOUT ROWID, opened as immutable, mapped into memory, inside one transaction.

    Raises
    ------
    ValueError
        If a row read differs from the row written.
    """
    last = answer.as_of == answer.as_of.max()
    ids, values = answer.supplier_ids[last], np.ascontiguousarray(answer.values[last])
    out.mkdir(parents=True, exist_ok=True)
    write_online(FeatureMatrix(ids, answer.as_of[last], answer.names, values), out / "rows")
    connection = _sqlite(out / "rows.sqlite", ids, values)
    rows = open_online(out / "rows")
    execute, blob = connection.execute, "SELECT row FROM rows WHERE id = ?"
    readers: dict[str, Callable[[str], npt.NDArray[np.float64]]] = {
        "file of rows": rows.row,
        "SQLite": lambda supplier: np.frombuffer(execute(blob, (supplier,)).fetchone()[0]),
    }
    for name, read in readers.items():
        for place, supplier in enumerate(ids.tolist()):
            if read(supplier).tobytes() != values[place].tobytes():
                raise ValueError(f"{name}: the row of {supplier} is not the one written")
    asked = np.random.default_rng(1).choice(ids, reads).tolist()
    spent: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(rounds):
        for name, read in readers.items():
            spent[name].append(_one_pass(read, asked))
    connection.close()
    return spent


def _one_pass(read: Callable[[str], npt.NDArray[np.float64]], asked: Sequence[str]) -> float:
    began = time.process_time()
    for supplier in asked:
        read(supplier)
    return 1e6 * (time.process_time() - began) / len(asked)


def _sqlite(path: Path, ids: npt.NDArray[np.str_], values: npt.NDArray[np.float64]) -> sqlite3.Connection:
    path.unlink(missing_ok=True)
    writing = sqlite3.connect(path)
    writing.execute("CREATE TABLE rows(id TEXT PRIMARY KEY, row BLOB) WITHOUT ROWID")
    writing.executemany("INSERT INTO rows VALUES (?, ?)", ((id_, row.tobytes()) for id_, row in zip(ids.tolist(), values, strict=True)))
    writing.commit()
    writing.close()
    connection = sqlite3.connect(f"file:{path}?immutable=1", uri=True, isolation_level=None)
    connection.execute("PRAGMA mmap_size = 10000000000")
    connection.execute("BEGIN")
    return connection
