"""What can a cheat buy? Points per yuan of wash trading, bought reviews, order splitting and withheld records, and poisoned labels.

    python -m benchmarks.robust [--suppliers 5000] [--months 60] [--seed 20261121] [--folder DIR] [--each 100]

Simulates a platform, trains on it as `lianxin train` does, and asks for scores the day after the last. Honest active suppliers are
dealt out to the cheats of `benchmarks.cheats` in the order of their honest points, so that every cheat has the same kind of supplier;
all tables are written again with their cheats, read through the contract, and the ledger and features are built anew. A gain is the
points of the same supplier on the same day less its honest ones. The signs of tampering are the catalogue's own features: one is raised
where it lies beyond all but 1 in 400 of the honest suppliers of a year before, so false alarms are counted on another day than the bounds
are set. Labels are poisoned among the training rows, and the model is grown again with as many trees. Costs stand in `benchmarks.cheats`.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import lightgbm
import numpy as np
import numpy.typing as npt

from benchmarks.cheats import CHEATS, TABLES, Cheat
from features.build import build_features
from features.catalog import CATALOG
from features.feature import Family
from features.ledger import Ledger, build_ledger
from features.matrix import FeatureMatrix
from features.read import read_tables
from features.simulate import simulate
from training.labels import last_day_seen
from training.measures import auc
from training.pipeline import TrainResult, train
from training.recipe import rows_per_group
from training.settings import SEED

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

ACTIVE_ORDERS = 10
"""Orders of the last 90 days that make a supplier one who would ask for credit."""
BEYOND = 1 / 400

SIGNS = tuple(
    feature.name
    for feature in CATALOG
    if feature.family is Family.AUTHENTICITY
    or feature.name in ("network_lone_share_365d", "network_reciprocal_share_365d", "reviews_per_order_90d", "reviews_count_growth_30d")
)
"""Features that may tell tampering; `invoices_sales_ratio_180d` on both sides, all others where they are high."""


@dataclass(frozen=True)
class Asked:
    """Scores of one day: supplier ids, feature values, points."""

    ids: npt.NDArray[np.str_]
    values: Floats
    points: Floats

    def rows(self, ids: npt.NDArray[np.str_]) -> npt.NDArray[np.intp]:
        """Return where some suppliers stand."""
        return np.searchsorted(self.ids, ids)


def ask(ledger: Ledger, day: date, result: TrainResult) -> Asked:
    """Return the scores of every supplier on a day, by id."""
    matrix: FeatureMatrix = build_features(ledger, [day])
    order = np.argsort(matrix.supplier_ids)
    values = np.asarray(matrix.values[order], dtype=np.float64)
    return Asked(matrix.supplier_ids[order], values, result.bundle.score(values).points)


def column(name: str) -> int:
    """Return where a feature stands in the catalogue."""
    return next(i for i, feature in enumerate(CATALOG) if feature.name == name)


def deal(asked: Asked, honest: Bools, each: int) -> dict[str, npt.NDArray[np.str_]]:
    """Deal honest active suppliers out to the cheats, in the order of their points."""
    active = np.flatnonzero(honest & (asked.values[:, column("orders_count_90d")] >= ACTIVE_ORDERS))
    wanted = each * len(CHEATS)
    if len(active) < wanted:
        raise SystemExit(
            f"{len(active)} honest active suppliers are too few for {len(CHEATS)} cheats of {each}: simulate more or lower --each"
        )
    spread = active[np.argsort(asked.points[active], kind="stable")][np.linspace(0, len(active) - 1, wanted).astype(np.intp)]
    return {cheat.name: asked.ids[np.sort(spread[i :: len(CHEATS)])] for i, cheat in enumerate(CHEATS)}


def cheat_on(folder: Path, out: Path, dealt: dict[str, npt.NDArray[np.str_]], day: date) -> dict[str, float]:
    """Write the platform's tables with every cheat done, into the new folder `out`; return the mean cost of each in CNY."""
    con = duckdb.connect()
    con.execute("CREATE TABLE chosen (supplier_id VARCHAR, cheat VARCHAR)")
    con.executemany("INSERT INTO chosen VALUES (?, ?)", [(s, name) for name, ids in dealt.items() for s in ids.tolist()])
    out.mkdir(parents=True)
    for file in folder.glob("*.parquet"):
        if file.stem not in TABLES:
            (out / file.name).symlink_to(file.resolve())
            continue
        con.execute(f"CREATE TABLE {file.stem} AS SELECT * FROM '{file}' WHERE supplier_id IN (SELECT supplier_id FROM chosen)")
        con.execute(f"CREATE TABLE honest_{file.stem} AS FROM {file.stem}")
    con.execute(f"""CREATE TABLE praise AS SELECT DISTINCT text FROM '{folder / "reviews.parquet"}' WHERE rating = 5 AND text IS NOT NULL
                    ORDER BY text LIMIT 200""")
    con.execute(f"""CREATE TABLE others AS SELECT buyer_id FROM '{folder / "orders.parquet"}' GROUP BY 1
                    HAVING count(DISTINCT supplier_id) BETWEEN 3 AND 9 ORDER BY buyer_id LIMIT 1000""")
    costs = {cheat.name: _cheat(con, cheat, len(dealt[cheat.name]), day) for cheat in CHEATS}
    for table in TABLES:
        con.execute(
            f"COPY (SELECT * FROM '{folder / table}.parquet' WHERE supplier_id NOT IN (SELECT supplier_id FROM chosen) "
            f"UNION ALL BY NAME FROM {table}) TO '{out / table}.parquet' (FORMAT parquet)"
        )
    return costs


def _cheat(con: duckdb.DuckDBPyConnection, cheat: Cheat, count: int, day: date) -> float:
    words = {
        "mine": f"(SELECT supplier_id FROM chosen WHERE cheat = '{cheat.name}')",
        "end": f"(TIMESTAMP '{day} 00:00:00' - INTERVAL 8 HOUR)",
    }
    for statement in cheat.statements:
        con.execute(statement.format(**words))
    if not cheat.cost:
        return 0.0
    return float(con.execute(f"SELECT sum(cny) FROM ({cheat.cost.format(**words)})").fetchall()[0][0]) / count


class Alarms:
    """Bounds of the signs, from honest suppliers of an earlier day."""

    def __init__(self, earlier: Asked, honest: Bools) -> None:
        """Set the bounds from the honest rows of the earlier day."""
        self._bounds: list[tuple[int, float, float]] = []
        for name in SIGNS:
            values = earlier.values[honest, column(name)]
            present = values[~np.isnan(values)]
            low = float(np.quantile(present, BEYOND)) if name == "invoices_sales_ratio_180d" else -np.inf
            self._bounds.append((column(name), low, float(np.quantile(present, 1 - BEYOND))))

    def raised(self, values: Floats) -> Bools:
        """Return which signs are raised, shape (rows, signs)."""
        with np.errstate(invalid="ignore"):
            return np.column_stack([(values[:, j] < low) | (values[:, j] > high) for j, low, high in self._bounds])


def poisoned(result: TrainResult, share: float, *, only_bads: bool) -> tuple[float, float, float]:
    """Grow the model again with labels of a share of the training rows turned; return AUC, mean change of points, its mean size.

    Rows are any, or only bad ones called good.
    """
    frame, split = result.frame, result.split
    y = frame.y[split.train].copy()
    rng = np.random.default_rng(SEED)
    turned = rng.permutation(np.flatnonzero(y == 1) if only_bads else np.arange(len(y)))[: round(share * len(y))]
    y[turned] = 1 - y[turned]
    params = result.fit.params.for_lightgbm(
        directions=[feature.direction for feature in CATALOG],
        bad_rate=float(y.mean()),
        group_size=rows_per_group(frame.supplier_ids[split.train]),
        seed=SEED,
        threads=1,
    )
    data = lightgbm.Dataset(frame.values[split.train], y, params=dict(params))
    booster = lightgbm.train(params, data, result.fit.rounds)
    margins = np.asarray(booster.predict(frame.values[split.test], raw_score=True, num_threads=1))
    bundle = result.bundle
    pd = 1 / (1 + np.exp(-(bundle.calibration.intercept + bundle.calibration.slope * margins)))
    change = np.array([bundle.scale.points(float(p)) for p in pd]) - result.scores.points
    return auc(frame.y[split.test], margins), float(change.mean()), float(np.abs(change).mean())


def show_cheats(honest: Asked, cheated: Asked, dealt: dict[str, npt.NDArray[np.str_]], costs: dict[str, float], alarms: Alarms) -> None:
    """Print what every cheat gained, cost and raised."""
    print(f"{'cheat':30} {'mean':>6} {'median':>6} {'1 in 10':>7} {'gain':>5} {'CNY':>9} {'points':>9}  {'caught':>6}  by")
    print(f"{'':30} {'points':>6} {'':6} {'above':>7} {'at all':>5} {'each':>9} {'/10k CNY':>9}")
    for cheat in CHEATS:
        ids = dealt[cheat.name]
        before, after = honest.rows(ids), cheated.rows(ids)
        gain = cheated.points[after] - honest.points[before]
        raised = alarms.raised(cheated.values[after])
        fresh = raised & ~alarms.raised(honest.values[before])
        named = [f"{SIGNS[i]} {fresh[:, i].mean():.0%}" for i in np.argsort(-fresh.mean(axis=0))[:2] if fresh[:, i].any()]
        cost = costs[cheat.name]
        rate = f"{gain.mean() / cost * 10_000:9.2f}" if cost else f"{'free':>9}"
        print(
            f"{cheat.name:30} {gain.mean():+6.1f} {np.median(gain):+6.1f} {np.quantile(gain, 0.9):+7.1f} {(gain > 0.5).mean():5.0%} "
            f"{cost:9,.0f} {rate}  {fresh.any(axis=1).mean():6.0%}  {', '.join(named)}"
        )


def show_moved(honest: Asked, cheated: Asked, dealt: dict[str, npt.NDArray[np.str_]], result: TrainResult) -> None:
    """Print, for every cheat, which features moved the points most."""
    names = np.array(result.frame.names)
    for cheat in CHEATS:
        ids = dealt[cheat.name]
        moved = [result.bundle.score(asked.values[asked.rows(ids)]).contributions.mean(axis=0) for asked in (cheated, honest)]
        difference = moved[0] - moved[1]
        most = np.argsort(-np.abs(difference))[:4]
        print(f"{cheat.name:30} {', '.join(f'{names[i]} {difference[i]:+.1f}' for i in most)}")


def show_signs(honest: Asked, kinds: dict[str, str], alarms: Alarms) -> None:
    """Print false alarms among honest active suppliers, and how many of the simulator's own cheats are found."""
    active = honest.values[:, column("orders_count_90d")] >= ACTIVE_ORDERS
    kind_of = np.array([kinds.get(str(supplier), "") for supplier in honest.ids])
    false = alarms.raised(honest.values[active & (kind_of == "")])
    print(f"\nfalse alarms among {len(false)} honest active suppliers: any sign {false.any(axis=1).mean():.1%}")
    for kind in ("wash_ring", "bought_reviews", "bust_out"):
        found = alarms.raised(honest.values[active & (kind_of == kind)])
        best = SIGNS[int(found.mean(axis=0).argmax())] if found.any() else "none"
        print(f"the simulator's own {kind}: {found.any(axis=1).sum()} of {len(found)} raise a sign, most often {best}")


def show_poisoned(result: TrainResult) -> None:
    """Print what turned labels change."""
    print(f"\n{'poisoned labels':34} {'AUC':>7} {'points':>7} {'mean size':>9}")
    for share, only_bads in ((0.0, False), (0.01, False), (0.01, True), (0.05, False), (0.05, True)):
        found, mean, size = poisoned(result, share, only_bads=only_bads)
        print(f"{f'{share:.0%} of rows, ' + ('bads called good' if only_bads else 'any'):34} {found:7.4f} {mean:+7.1f} {size:9.1f}")


def main() -> None:
    """Simulate, train, cheat, score, poison, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suppliers", type=int, default=5000)
    parser.add_argument("--months", type=int, default=60)
    parser.add_argument("--seed", type=int, default=20261121)
    parser.add_argument("--folder", type=Path, help="a platform simulated before")
    parser.add_argument("--each", type=int, default=100, help="suppliers per cheat")
    args = parser.parse_args()
    begun = time.process_time()
    with tempfile.TemporaryDirectory() as scratch:
        folder: Path = args.folder or Path(scratch) / "tables"
        if args.folder is None:
            simulate(folder, suppliers=args.suppliers, months=args.months, seed=args.seed)
        tables = read_tables(folder)[0]
        day = date.fromordinal(last_day_seen(tables).toordinal() + 1)
        ledger = build_ledger(tables)
        result = train(folder, home=Path(scratch) / "mlruns", refits=0, tables=tables, ledger=ledger)
        honest, earlier = ask(ledger, day, result), ask(ledger, day.replace(year=day.year - 1), result)
        tables.close()
        kinds = cheats_of_the_world(folder)
        is_honest = np.array([kinds.get(str(supplier), "") == "" for supplier in honest.ids])
        dealt = deal(honest, is_honest, args.each)
        out = Path(scratch) / "cheated"
        costs = cheat_on(folder, out, dealt, day)
        read, rejects = read_tables(out)
        cheated = ask(build_ledger(read), day, result)
        set_aside = dict(rejects.counts)
        read.close()
    alarms = Alarms(earlier, np.array([kinds.get(str(supplier), "") == "" for supplier in earlier.ids]))
    print(f"{len(honest.ids)} suppliers scored on {day}, {args.each} per cheat; rows of cheats set aside: {set_aside}")
    print(f"test AUC {result.measures['auc']:.4f}; honest points: mean {honest.points.mean():.0f}, s.d. {honest.points.std():.0f}\n")
    show_cheats(honest, cheated, dealt, costs, alarms)
    print("\nwhat moved (points)")
    show_moved(honest, cheated, dealt, result)
    show_signs(honest, kinds, alarms)
    show_poisoned(result)
    print(f"\n{time.process_time() - begun:.0f} CPU seconds")


def cheats_of_the_world(folder: Path) -> dict[str, str]:
    """Return the simulator's own cheats by supplier."""
    query = f"SELECT DISTINCT supplier_id, is_cheat FROM '{folder / 'truth' / 'true_pd.parquet'}' WHERE is_cheat <> ''"
    return dict(duckdb.connect().execute(query).fetchall())


if __name__ == "__main__":
    main()
