"""Is the simulated platform worth learning from? What its truth reaches, what counting reaches, what a careful observer reaches.

    python -m benchmarks.world --suppliers 2000 --months 48 --seeds 101 102 103 104 105

Labels are computed here, straight from loans and repayments by the contract's definition; nothing of the product's own
features or models is used. Out of time: the last 12 as-ofs whose outcome is mature; training labels are mature before them.
The peer sees recency, counts, amounts, on-time rate and stars over 90 and 365 days. The observer sees monthly sums of what the
other tables show as well (receivables, purchases, cancellations, rejects, concentration, trends), by the same learner.
"""

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import duckdb
import lightgbm as lgb
import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from features.simulate import World, simulate

ALTERED = replace(World(), hazard_from_cash=0.5, hazard_from_delivery=0.55, cheat_share=0.06, buyer_downturn=0.5, orders_per_month=7.0)
LABELS = """
WITH looked_at AS (
  SELECT a.as_of, l.supplier_id, l.loan_id
  FROM as_ofs a, loans l
  WHERE l.drawn_at < a.as_of + INTERVAL 90 DAY
    AND EXISTS (SELECT 1 FROM repayments r WHERE r.loan_id = l.loan_id AND (r.paid_at IS NULL OR r.paid_at >= a.as_of))
), reached AS (
  SELECT k.as_of, k.supplier_id,
    bool_or(r.due_at + INTERVAL 90 DAY <= k.as_of AND (r.paid_at IS NULL OR r.paid_at >= k.as_of)) AS out_already,
    bool_or(r.due_at + INTERVAL 90 DAY > k.as_of AND r.due_at + INTERVAL 90 DAY <= k.as_of + INTERVAL 365 DAY
      AND (r.paid_at IS NULL OR r.paid_at > r.due_at + INTERVAL 90 DAY)) AS bad,
    bool_or(r.due_at + INTERVAL 30 DAY > k.as_of AND r.due_at + INTERVAL 30 DAY <= k.as_of + INTERVAL 365 DAY
      AND (r.paid_at IS NULL OR r.paid_at > r.due_at + INTERVAL 30 DAY)) AS late
  FROM looked_at k JOIN repayments r USING (loan_id) GROUP BY ALL
)
SELECT as_of, supplier_id, bad::INT AS bad, (late AND NOT bad)::INT AS indeterminate, true_pd, is_cheat
FROM reached JOIN truth USING (supplier_id, as_of) WHERE NOT out_already ORDER BY as_of, supplier_id
"""
# One line per monthly quantity: name, table, time, value, filter.
MONTHLY = (
    ("n", "o", "ordered_at", "1", "true"),
    ("amount", "o", "ordered_at", "amount", "true"),
    ("cancelled", "o", "cancelled_at", "1", "true"),
    ("promise_opened", "o", "promised_at", "1", "cancelled_at IS NULL OR cancelled_at > promised_at"),
    ("promise_dropped", "o", "cancelled_at", "1", "cancelled_at > promised_at"),
    ("delivered", "f", "delivered_at", "1", "true"),
    ("overdue_delivered", "f", "delivered_at", "1", "delivered_at > promised_at AND part = 1"),
    ("late", "f", "delivered_at", "1", "delivered_at > promised_at"),
    ("late_days", "f", "delivered_at", "epoch(delivered_at - promised_at) / 86400", "delivered_at > promised_at"),
    ("promise_kept", "f", "promised_at", "1", "delivered_at <= promised_at AND part = 1"),
    ("rejects", "f", "delivered_at", "1", "quantity_rejected > 0"),
    ("returns", "f", "returned_at", "1", "true"),
    ("reviews", "r", "reviewed_at", "1", "true"),
    ("stars", "r", "reviewed_at", "rating", "true"),
    ("fast_reviews", "r", "reviewed_at", "1", "reviewed_at < delivered_at + INTERVAL 10 HOUR"),
    ("bought", "p", "purchased_at", "amount", "cancelled_at IS NULL"),
    ("bought_dropped", "p", "cancelled_at", "amount", "true"),
    ("paid", "i", "paid_at", "amount", "true"),
    ("paid_days", "i", "paid_at", "amount * greatest(epoch(paid_at - due_at) / 86400, -10)", "true"),
    ("paid_log", "i", "paid_at", "amount * ln(1 + greatest(epoch(paid_at - due_at) / 86400, 0))", "true"),
    ("due", "i", "due_at", "amount", "true"),
    ("due_opened", "i", "due_at", "amount", "paid_at IS NULL OR paid_at > due_at"),
    ("due_closed", "i", "paid_at", "amount", "paid_at > due_at"),
)
VIEWS = """
CREATE TEMP TABLE o AS SELECT * FROM orders QUALIFY row_number() OVER (PARTITION BY order_id ORDER BY recorded_at DESC NULLS LAST) = 1;
CREATE TEMP TABLE i AS SELECT * FROM invoices QUALIFY row_number() OVER (PARTITION BY invoice_id ORDER BY recorded_at DESC NULLS LAST) = 1;
CREATE TEMP TABLE f AS SELECT f.*, promised_at, row_number() OVER (PARTITION BY f.order_id ORDER BY fulfilment_id) AS part
  FROM (SELECT * FROM fulfilments QUALIFY row_number() OVER (PARTITION BY fulfilment_id ORDER BY recorded_at DESC NULLS LAST) = 1) f
  JOIN (SELECT order_id, promised_at FROM o) USING (order_id);
CREATE TEMP TABLE r AS SELECT r.*, d.delivered_at FROM reviews r
  LEFT JOIN (SELECT order_id, min(delivered_at) AS delivered_at FROM f GROUP BY 1) d USING (order_id);
CREATE TEMP TABLE p AS SELECT * FROM purchases;
"""


def opened(folder: Path) -> duckdb.DuckDBPyConnection:
    """Return a connection with a view per table of the simulated ``folder``."""
    con = duckdb.connect(config={"threads": 1})
    for file in sorted(folder.glob("*.parquet")):
        con.execute(f"CREATE VIEW {file.stem} AS SELECT * FROM '{file}'")
    con.execute(f"CREATE VIEW truth AS SELECT * FROM '{folder}/truth/true_pd.parquet'")
    con.execute("CREATE VIEW as_ofs AS SELECT DISTINCT as_of FROM truth")
    con.execute(VIEWS)
    return con


def monthly_sums(con: duckdb.DuckDBPyConnection, months: int, ids: list[str]) -> dict[str, np.ndarray]:
    """Return each monthly quantity as (suppliers, months)."""
    row = pd.Series(range(len(ids)), index=ids)
    cube = {}
    for name, table, time, value, where in MONTHLY:
        got = con.execute(
            f"SELECT supplier_id, (datediff('month', {time}, TIMESTAMP '2026-07-01'))::INT AS back, sum({value})::DOUBLE AS v "
            f"FROM {table} WHERE {time} IS NOT NULL AND ({where}) GROUP BY 1, 2"
        ).fetchnumpy()
        grid = np.zeros((len(ids), months))
        back = np.asarray(got["back"])
        keep = (back >= 1) & (back <= months)
        grid[row[np.asarray(got["supplier_id"], dtype=object)[keep]].to_numpy(), months - back[keep]] = got["v"][keep]
        cube[name] = grid
    return cube


def window(grid: np.ndarray, months: int) -> np.ndarray:
    """Return, per as-of month a = 0 .. M, the sum over the ``months`` months before it."""
    total = np.concatenate([np.zeros((grid.shape[0], 1)), np.cumsum(grid, axis=1)], axis=1)
    start = np.maximum(np.arange(total.shape[1]) - months, 0)
    return np.asarray(total - total[:, start])


def recency(con: duckdb.DuckDBPyConnection, months: int, ids: list[str]) -> np.ndarray:
    """Return days since the last order per supplier and as-of month."""
    row = pd.Series(range(len(ids)), index=ids)
    got = con.execute(
        "SELECT supplier_id, datediff('month', ordered_at, TIMESTAMP '2026-07-01') AS back, "
        "min(datediff('day', ordered_at, TIMESTAMP '2026-07-01')) AS d "
        "FROM o GROUP BY 1, 2"
    ).df()
    last = np.full((len(ids), months + 1), np.inf)
    last[row[got.supplier_id].to_numpy(), months - got.back.to_numpy() + 1] = got.d.to_numpy()
    last = np.minimum.accumulate(last, axis=1)
    ends = pd.date_range(end="2026-07-01", periods=months + 1, freq="MS")
    return np.asarray(last - (pd.Timestamp("2026-07-01") - ends).days.to_numpy())


def concentration(con: duckdb.DuckDBPyConnection, months: int, ids: list[str]) -> np.ndarray:
    """Return the buyers' HHI by amount over 12 months per supplier and as-of month."""
    row = pd.Series(range(len(ids)), index=ids)
    out = np.full((len(ids), months + 1), np.nan)
    pairs = con.execute(
        "SELECT supplier_id, buyer_id, datediff('month', ordered_at, TIMESTAMP '2026-07-01') AS back, sum(amount)::DOUBLE AS v "
        "FROM o GROUP BY ALL"
    ).df()
    supplier = row[pairs.supplier_id].to_numpy()
    pair = supplier * 1_000_000 + pd.factorize(pairs.buyer_id)[0]
    code, key = np.unique(pair, return_inverse=True)
    for a in range(1, months + 1):
        age = pairs.back.to_numpy() - (months - a)
        keep = (age >= 1) & (age <= 12)
        v = np.bincount(key[keep], pairs.v.to_numpy()[keep], code.size)
        total = np.bincount(code // 1_000_000, v, len(ids))
        square = np.bincount(code // 1_000_000, v**2, len(ids))
        with np.errstate(all="ignore"):
            out[:, a] = square / total**2
    return out


def views(con: duckdb.DuckDBPyConnection, months: int, ids: list[str]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the peer's and the observer's columns, each (suppliers, months + 1) by as-of month."""
    cube = monthly_sums(con, months, ids)
    since = recency(con, months, ids)
    peer: dict[str, np.ndarray] = {"recency": since}
    seen: dict[str, np.ndarray] = {}
    for w, days in ((3, 90), (12, 365)):
        s = {name: window(grid, w) for name, grid in cube.items()}
        peer |= {f"n_{days}": s["n"], f"amount_{days}": s["amount"], f"on_time_{days}": 1 - s["late"] / s["delivered"]}
        peer |= {f"stars_{days}": s["stars"] / s["reviews"], f"mean_amount_{days}": s["amount"] / s["n"]}
    for w in (1, 3, 6, 12):
        s = {name: window(grid, w) for name, grid in cube.items()}
        ratios = {
            "cancel": s["cancelled"] / s["n"], "late": s["late"] / s["delivered"], "reject": s["rejects"] / s["delivered"],
            "late_depth": s["late_days"] / s["delivered"], "returns": s["returns"] / s["delivered"],
            "stars": s["stars"] / s["reviews"], "fast": s["fast_reviews"] / s["reviews"], "reviewed": s["reviews"] / s["n"],
            "margin": 1 - s["bought"] / s["amount"], "dropped": s["bought_dropped"] / s["bought"],
            "paid_days": s["paid_days"] / s["paid"], "paid_log": s["paid_log"] / s["paid"], "unpaid": s["paid"] / s["due"],
            "fulfilled": s["delivered"] / s["n"],
        }  # fmt: skip
        seen |= {f"{name}_{w}": value for name, value in ratios.items() if w > 1 or name in ("cancel", "fulfilled", "margin")}
    sums = {name: window(grid, 1000) for name, grid in cube.items()}
    n3, n12 = window(cube["n"], 3), window(cube["n"], 12)
    with np.errstate(all="ignore"):
        delivery_stock = sums["promise_opened"] - sums["promise_dropped"] - sums["overdue_delivered"] - sums["promise_kept"]
        seen |= {
            "overdue_orders": delivery_stock / n12, "overdue_orders_3": (delivery_stock - np.roll(delivery_stock, 3, 1)) / n3,
            "overdue_due": (sums["due_opened"] - sums["due_closed"]) / window(cube["amount"], 12),
            "growth": n3 / n12, "growth_1": window(cube["n"], 1) / n3,
            "growth_amount": window(cube["amount"], 3) / window(cube["amount"], 12),
            "volatility": np.sqrt(np.maximum(window(cube["n"] ** 2, 12) / 12 - (n12 / 12) ** 2, 0)) / n12 * 12,
            "bought_growth": window(cube["bought"], 3) / window(cube["bought"], 12),
            "late_trend": seen["late_3"] - seen["late_12"], "paid_trend": seen["paid_log_3"] - seen["paid_log_12"],
            "stars_trend": seen["stars_3"] - seen["stars_12"], "margin_trend": seen["margin_3"] - seen["margin_12"],
            "cancel_trend": seen["cancel_3"] - seen["cancel_12"], "hhi": concentration(con, months, ids),
            "tenure": (np.cumsum(np.concatenate([np.zeros((len(ids), 1)), cube["n"]], 1) > 0, axis=1)).astype(float),
        }  # fmt: skip
    return peer, peer | seen


def auc_of(columns: dict[str, np.ndarray], rows: pd.DataFrame, train: np.ndarray, test: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the out-of-time AUC of a plain LightGBM and its margins on the test rows."""
    x = np.column_stack([c[rows.i, rows.a] for c in columns.values()]).astype(float)
    x[~np.isfinite(x)] = np.nan
    settings = {"objective": "binary", "num_leaves": 15, "learning_rate": 0.05, "num_threads": 1, "verbose": -1, "seed": 1,
                "deterministic": True, "min_data_in_leaf": 100}  # fmt: skip
    data = lgb.Dataset(x[train], rows.bad.to_numpy()[train])
    margin = lgb.train(settings, data, num_boost_round=200).predict(x[test], raw_score=True)
    return float(roc_auc_score(rows.bad[test], margin)), np.asarray(margin)


def measured(folder: Path, months: int) -> dict[str, float | int | str]:
    """Return every figure of one simulated platform."""
    con = opened(folder)
    rows = con.execute(LABELS).df()
    ids = [r[0] for r in con.execute("SELECT supplier_id FROM suppliers ORDER BY 1").fetchall()]
    orders, truths = con.execute("SELECT (SELECT count(*) FROM o), (SELECT count(*) FROM truth)").fetchone() or (0, 0)
    rows["a"] = [months - (2026 - d.year) * 12 - (7 - d.month) for d in rows.as_of]
    rows["i"] = pd.Series(range(len(ids)), index=ids)[rows.supplier_id].to_numpy()
    first = 12 if months >= 60 else 6  # a short history leaves few as-ofs to train on
    rows = rows[(rows.a >= first) & (rows.a <= months - 12)].reset_index(drop=True)
    share_late = float(rows.indeterminate.mean())
    known = rows[rows.indeterminate == 0].reset_index(drop=True)
    test = (known.a > months - 24).to_numpy()
    train = (known.a <= months - 23 - 12).to_numpy()
    peer, seen = views(con, months, ids)
    t = known[test]
    truth = float(roc_auc_score(t.bad, t.true_pd))
    peer_auc, _ = auc_of(peer, known, train, test)
    seen_auc, margin = auc_of(seen, known, train, test)
    logit = np.log(t.true_pd / (1 - t.true_pd))
    alive = (t.true_pd < 0.999).to_numpy()
    return {
        "orders": orders, "truth_rows": truths, "labels": len(known), "bads": int(known.bad.sum()),
        "bad_rate": float(known.bad.mean()), "bad_rate_train": float(known.bad[train].mean()), "bad_rate_test": float(t.bad.mean()),
        "mean_pd_before": float(known.true_pd[train].mean()), "indeterminate": share_late,
        "cheat_share_of_bads": float((t.is_cheat[t.bad == 1] != "").mean()),
        "stopped_share_of_bads": float((t.true_pd[t.bad == 1] > 0.999).mean()),
        "logit_sd": float(logit[alive].std()),
        "auc_truth": truth, "auc_truth_living": float(roc_auc_score(t.bad[alive], t.true_pd[alive])),
        "auc_peer": peer_auc, "auc_observer": seen_auc,
        "peer_share": (2 * peer_auc - 1) / (2 * truth - 1), "observer_share": (2 * seen_auc - 1) / (2 * truth - 1),
        "rank_observer_truth": float(spearmanr(margin, logit)[0]),
    }  # fmt: skip


def main() -> None:
    """Simulate, measure and print one line per seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suppliers", type=int, default=2000)
    parser.add_argument("--months", type=int, default=48)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--altered", action="store_true", help="the world with altered parameters")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    results = []
    for seed in args.seeds:
        with tempfile.TemporaryDirectory() as scratch:
            out = Path(scratch) / "world"
            digest = simulate(out, suppliers=args.suppliers, months=args.months, seed=seed, world=ALTERED if args.altered else World())
            results.append({"seed": seed, "digest": digest[:12], **measured(out, args.months)})
        if not args.json:
            print("  ".join(f"{k}={v:.3f}" if isinstance(v, float) else f"{k}={v}" for k, v in results[-1].items()), flush=True)
    if args.json:
        print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
