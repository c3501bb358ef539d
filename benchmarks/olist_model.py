"""Is the product's model behind a simple peer on a real marketplace? Olist, out of time, pair by pair on the same rows.

    python -m benchmarks.olist_model [SOURCE]

Imports Olist's files under both outcomes, trains as `lianxin train --outcome labels` does, and compares with the peers of
`benchmarks.olist`, which learn from the same as-of dates. The seller goes silent: learnt to 2017-11, judged 2018-02 to 2018-05. The
seller delivers late: judged on the same months, AUC within months. Training labels are mature before the test begins. The paired
difference has DeLong's standard error.
"""

import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.olist import LAST_TEST_AS_OF, PEERS, Outcome, out_of_time_auc, peer_scores
from benchmarks.real_data import real_data_folder
from features.read import read_tables
from features.sources.olist import import_olist
from training.measures import auc_difference
from training.pipeline import TrainResult, train


def train_on_olist(folder: Path, home: Path) -> TrainResult:
    """Train on an imported folder with the labels the peers are judged by, so that the split falls on the same months."""
    tables, _ = read_tables(folder)
    tables.con.execute("DELETE FROM labels WHERE as_of > $last", {"last": LAST_TEST_AS_OF})
    return train(folder, outcome="labels", home=home, tables=tables)


def paired(folder: Path, home: Path, outcome: Outcome) -> pd.DataFrame:
    """Return the test rows with the peers' and the product's scores (log-odds of bad): supplier_id, as_of, y, peers, lianxin."""
    result = train_on_olist(folder, home)
    test = result.split.test
    mine = pd.DataFrame(
        {
            "supplier_id": result.frame.supplier_ids[test].astype(object),
            "as_of": [day.item() for day in result.frame.as_of[test].astype("datetime64[D]")],
            "ours_y": result.frame.y[test].astype(int),
            "lianxin": np.log(result.scores.pd / (1 - result.scores.pd)),
        }
    )
    rows = peer_scores(folder, outcome).merge(mine, on=["supplier_id", "as_of"], how="outer", validate="one_to_one")
    if rows.isna().any(axis=None) or not (rows["y"] == rows["ours_y"]).all():
        raise ValueError("the product and the peers must be judged on the same rows with the same outcomes")
    return rows.drop(columns="ours_y")


def compare(rows: pd.DataFrame, outcome: Outcome) -> dict[str, dict[str, float]]:
    """Return each scorer's AUC with its standard error, and for the peers the product's paired difference with its own."""
    found: dict[str, dict[str, float]] = {}
    for name in (*PEERS, "lianxin"):
        auc, error = out_of_time_auc(rows, name, outcome)
        found[name] = {"auc": auc, "standard_error": error}
        if name != "lianxin" and outcome == "silent":
            pair: Any = auc_difference(rows["y"].to_numpy(float), rows["lianxin"].to_numpy(float), rows[name].to_numpy(float))
            found[name] |= {"difference": pair.difference, "difference_error": pair.standard_error}
    return found


def main(source: Path) -> None:
    """Import, train, compare and print both outcomes."""
    outcomes: tuple[Outcome, ...] = ("silent", "late")
    for outcome in outcomes:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "olist"
            import_olist(source, folder, outcome=outcome)
            rows = paired(folder, Path(scratch) / "mlruns", outcome)
        months: list[date] = sorted(set(rows["as_of"]))
        print(f"{outcome}: {len(rows)} rows from {months[0]} to {months[-1]}, {rows['y'].mean():.1%} bad")
        for name, figures in compare(rows, outcome).items():
            line = f"  {name:10} AUC {figures['auc']:.4f} (s.e. {figures['standard_error']:.4f})"
            if "difference" in figures:
                line += f"   lianxin {figures['difference']:+.4f} (s.e. {figures['difference_error']:.4f})"
            print(line, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else real_data_folder() / "olist")
