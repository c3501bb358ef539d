"""The same rules on one million orders, by our SQL and by pandera: CPU seconds and peak memory, answers checked equal.

    python -m benchmarks.validation [ROWS]

needs ``pandera[pandas]`` beside the project. Each side reads the same CSV of orders, of which one row in a hundred breaks
a rule, in a process of its own on one thread, three rounds in turn; medians are printed. Both sides give the row numbers
set aside per rule. Less is better.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RULES = (
    "required_cell_is_given", "id_is_within_64_characters", "time_is_iso_8601", "amount_is_positive",
    "money_has_two_decimals", "currency_is_the_folders", "number_is_not_negative", "promised_not_before_ordered",
    "not_in_the_future", "key_is_unique",
)  # fmt: skip


def write_orders(folder: Path, rows: int) -> None:
    """Orders of which row 100 n breaks rule n modulo ten, and their suppliers."""
    with duckdb.connect() as con:
        con.execute(f"COPY (SELECT 's' || i AS supplier_id FROM range(5000) t(i)) TO '{folder}/suppliers.csv' (HEADER)")
        con.execute(
            f"""
            COPY (
                SELECT CASE b WHEN 1 THEN repeat('x', 60) || i WHEN 9 THEN 'o' || (i - 1) ELSE 'o' || i END AS order_id,
                       's' || CASE b WHEN 9 THEN (i - 1) % 5000 ELSE i % 5000 END AS supplier_id,
                       CASE b WHEN 0 THEN NULL ELSE 'b' || (i * 7919 % 100000) END AS buyer_id,
                       CASE b WHEN 2 THEN '2024-13-01' WHEN 8 THEN '2030-01-01 00:00:00'
                           ELSE strftime(TIMESTAMP '2022-01-01' + INTERVAL (i * 60) SECOND, '%Y-%m-%d %H:%M:%S')
                       END AS ordered_at,
                       CASE b WHEN 3 THEN '-1.00' WHEN 4 THEN '1.005'
                           ELSE CAST(CAST((i * 31 % 100000 + 1) / 100.0 AS DECIMAL(18,2)) AS VARCHAR) END AS amount,
                       CASE b WHEN 5 THEN 'USD' ELSE 'CNY' END AS currency,
                       CASE b WHEN 6 THEN -1 ELSE 1 + i % 10 END AS quantity,
                       CASE b WHEN 7 THEN '2021-01-01' WHEN 8 THEN NULL
                           ELSE strftime(TIMESTAMP '2022-01-08' + INTERVAL (i * 60) SECOND, '%Y-%m-%d') END AS promised_at
                FROM (SELECT i, CASE WHEN i % 100 = 99 THEN i // 100 % 10 ELSE 10 END AS b FROM range({rows}) t(i))
                ORDER BY i
            ) TO '{folder}/orders.csv' (HEADER)
            """
        )


def by_sql(folder: Path) -> dict[str, int]:
    """Rows set aside per rule by `features.read`."""
    from features.read import read_tables

    tables, rejects = read_tables(folder, now=NOW, max_rejected_share=1.0, tables=["orders"])
    counts = {rule: count for (_, rule), count in rejects.counts.items()}
    tables.close()
    return counts


def by_pandera(folder: Path) -> dict[str, int]:
    """Rows set aside per rule by pandera's lazy validation, with the same readings of a cell."""
    import pandas as pd
    import pandera.pandas as pa

    raw = pd.read_csv(folder / "orders.csv", dtype="str", keep_default_na=False, na_values=[""])
    frame = raw.copy()
    iso = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?( ?([Zz]|[+-]\d{2}(:?\d{2})?))?)?"
    for name in ("ordered_at", "promised_at"):
        times = pd.to_datetime(raw[name].where(raw[name].str.fullmatch(iso)), errors="coerce", format="ISO8601")
        frame[name] = times.dt.tz_localize("Asia/Shanghai").dt.tz_convert("UTC")
    frame["amount"] = pd.to_numeric(raw["amount"], errors="coerce")
    frame["quantity"] = pd.to_numeric(raw["quantity"], errors="coerce")

    def text(name: str) -> list[pa.Check]:
        return [
            pa.Check(lambda s: s.str.len() <= 64, name="id_is_within_64_characters"),
            pa.Check(lambda s: ~s.str.contains(r"[\x00-\x1f\x7f-\x9f]", regex=True), name="id_has_no_control_characters"),
        ]

    schema = pa.DataFrameSchema(
        {
            **{name: pa.Column("str", text(name), nullable=False) for name in ("order_id", "supplier_id", "buyer_id")},
            "ordered_at": pa.Column(None, pa.Check(lambda s: s <= NOW, name="not_in_the_future"), nullable=True),
            "amount": pa.Column(float, pa.Check(lambda s: s > 0, name="amount_is_positive"), nullable=False),
            "currency": pa.Column("str", pa.Check(lambda s: s == "CNY", name="currency_is_the_folders"), nullable=True),
            "quantity": pa.Column(float, pa.Check(lambda s: s >= 0, name="number_is_not_negative"), nullable=True),
        },
        checks=[
            pa.Check(lambda f: ~(f["promised_at"] < f["ordered_at"]), name="promised_not_before_ordered", ignore_na=False),
            pa.Check(lambda f: ~f.duplicated(["order_id", "supplier_id"]), name="key_is_unique", ignore_na=False),
            pa.Check(lambda f: ~(raw["ordered_at"].notna() & f["ordered_at"].isna()), name="time_is_iso_8601", ignore_na=False),
            pa.Check(
                lambda f: ~raw["amount"].str.contains(r"\.\d{2}\d*[1-9]", regex=True).fillna(False),
                name="money_has_two_decimals",
                ignore_na=False,
            ),
        ],
    )
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        cases = errors.failure_cases
        cases["check"] = cases["check"].replace("not_nullable", "required_cell_is_given")
        return {rule: int(count) for rule, count in cases.groupby("check")["index"].nunique().items()}
    return {}


def measured(side: str, folder: Path) -> tuple[float, float, dict[str, int]]:
    """CPU seconds, peak megabytes and answer of one side, in a fresh process."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.validation", "--one", side, str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    seconds, megabytes, counts = json.loads(done.stdout.splitlines()[-1])
    return seconds, megabytes, counts


def main(rows: int) -> None:
    """Run both sides three times in turn and print the medians."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_orders(folder, rows)
        rounds: dict[str, list[tuple[float, float, dict[str, int]]]] = {"sql": [], "pandera": []}
        for _ in range(3):
            for side, results in rounds.items():
                results.append(measured(side, folder))
    ours, theirs = rounds["sql"][0][2], rounds["pandera"][0][2]
    # The SQL sets both rows of a contradicting key aside, pandera the second: the count differs by that choice alone.
    different = {rule: (ours.get(rule), theirs.get(rule)) for rule in RULES if ours.get(rule) != theirs.get(rule)}
    print(f"{rows} rows; different answers: {different}")
    for side, results in rounds.items():
        seconds = statistics.median(result[0] for result in results)
        megabytes = statistics.median(result[1] for result in results)
        print(f"{side:8s} {seconds:6.2f} CPU s  {megabytes:6.0f} MB")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        began = time.process_time()
        answer = (by_sql if sys.argv[2] == "sql" else by_pandera)(Path(sys.argv[3]))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps([time.process_time() - began, peak, answer]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
