"""The simple peer on Olist: how far recency, counts, amounts, on-time rates and stars get without this product.

    python -m benchmarks.olist [SOURCE]

imports Olist's files (default ../shared/data/olist, or under LIANXIN_REAL_DATA) under both outcomes and prints, for
recency alone, a logistic regression, LightGBM and the mean of the last two, the AUC out of time with its standard error
by DeLong. `peer_scores` gives the test rows with each peer's score, so that a model can be compared pair by pair.

Silent: trained on as-ofs to 2017-11, tested on 2018-02 to 2018-05, one AUC over all rows. Late: trained to 2017-10,
tested on the same months, AUC among the sellers of one month, months weighted by their pairs, since its base rate drifts
from 3 to 21 %. Training labels are mature before the test begins. Higher scores mean more risk, and higher AUC is better.
"""

import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Literal

import lightgbm
import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.real_data import real_data_folder
from features.read import RawTables, read_tables
from features.sources.olist import import_olist
from training.measures import auc

Outcome = Literal["silent", "late"]
Floats = npt.NDArray[np.float64]

LAST_TRAINING_AS_OF = {"silent": date(2017, 11, 1), "late": date(2017, 10, 1)}
FIRST_TEST_AS_OF, LAST_TEST_AS_OF = date(2018, 2, 1), date(2018, 5, 1)
WINDOWS = (30, 90, 180)
PEERS = ("recency", "logistic", "lightgbm", "average")


def peer_features(tables: RawTables) -> pd.DataFrame:
    """One row per label, with the peer's features from what was known before the as-of, by civil days of the zone."""

    def day(column: str) -> str:
        return f"CAST(timezone('{tables.zone}', timezone('UTC', {column})) AS DATE)"

    def over(window: int, what: str, fact: str, days: str) -> str:
        return f"{what} FILTER ({days} >= as_of - {window}) AS {fact}_{window}d"

    ordered = ", ".join(
        over(w, f"{what}", fact, "ordered_on")
        for w in WINDOWS
        for what, fact in (("count(*)", "orders"), ("sum(CAST(amount AS DOUBLE))", "amount"))
    )
    delivered = ", ".join(
        over(w, "avg(CASE WHEN delivered_on <= promised_on THEN 1.0 ELSE 0.0 END)", "on_time", "delivered_on") for w in WINDOWS
    )
    reviewed = ", ".join(over(w, "avg(rating)", "stars", "reviewed_on") for w in WINDOWS)
    query = f"""
    WITH o AS (
        SELECT l.supplier_id, l.as_of, as_of - max(ordered_on) AS recency, as_of - min(ordered_on) AS tenure, {ordered}
        FROM labels l JOIN (SELECT supplier_id, amount, {day("ordered_at")} AS ordered_on FROM orders) e
        ON e.supplier_id = l.supplier_id AND ordered_on < as_of GROUP BY l.supplier_id, l.as_of
    ), f AS (
        SELECT l.supplier_id, l.as_of, {delivered} FROM labels l JOIN (
            SELECT o.supplier_id, {day("delivered_at")} AS delivered_on, {day("promised_at")} AS promised_on
            FROM fulfilments f JOIN orders o USING (order_id, supplier_id) WHERE delivered_at IS NOT NULL) e
        ON e.supplier_id = l.supplier_id AND delivered_on < as_of GROUP BY l.supplier_id, l.as_of
    ), r AS (
        SELECT l.supplier_id, l.as_of, {reviewed}
        FROM labels l JOIN (SELECT supplier_id, rating, {day("reviewed_at")} AS reviewed_on FROM reviews) e
        ON e.supplier_id = l.supplier_id AND reviewed_on < as_of GROUP BY l.supplier_id, l.as_of
    )
    SELECT supplier_id, as_of, CAST(outcome = 'bad' AS INTEGER) AS y, o.* EXCLUDE (supplier_id, as_of),
           f.* EXCLUDE (supplier_id, as_of), r.* EXCLUDE (supplier_id, as_of)
    FROM labels JOIN o USING (supplier_id, as_of) LEFT JOIN f USING (supplier_id, as_of)
    LEFT JOIN r USING (supplier_id, as_of) WHERE outcome <> 'indeterminate' ORDER BY as_of, supplier_id
    """
    frame = tables.con.execute(query).df()
    frame["as_of"] = pd.to_datetime(frame["as_of"]).dt.date
    return frame


def peer_scores(folder: Path, outcome: Outcome) -> pd.DataFrame:
    """The test rows of an imported folder with each peer's score.

    Returns
    -------
    DataFrame
        supplier_id, as_of (date), y (1 is bad), and one column for each of `PEERS`; higher is more risk.
    """
    tables, _ = read_tables(folder)
    frame = peer_features(tables)
    tables.close()
    train = frame[frame["as_of"] <= LAST_TRAINING_AS_OF[outcome]]
    test = frame[(frame["as_of"] >= FIRST_TEST_AS_OF) & (frame["as_of"] <= LAST_TEST_AS_OF)].reset_index(drop=True)
    names = [name for name in frame.columns if name not in ("supplier_id", "as_of", "y")]
    scores = test[["supplier_id", "as_of", "y"]].copy()
    scores["recency"] = test["recency"].astype(float)
    scores["logistic"] = _logistic(train[names], train["y"], test[names])
    scores["lightgbm"] = _lightgbm(train[names], train["y"], test[names])
    scores["average"] = (scores["logistic"] + scores["lightgbm"]) / 2
    return scores


def _logistic(train: pd.DataFrame, y: pd.Series, test: pd.DataFrame) -> Floats:
    """Log-odds by a logistic regression on logarithms; a missing rate is the training mean."""

    def prepared(frame: pd.DataFrame) -> Floats:
        values = frame.astype(float).copy()
        for name in values:
            if not name.startswith(("on_time", "stars")):
                values[name] = np.log1p(values[name].fillna(0.0))
        return np.asarray(values.fillna(means), dtype=np.float64)

    means = train.astype(float).mean()
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    model.fit(prepared(train), y)
    return np.asarray(model.decision_function(prepared(test)), dtype=np.float64)


def _lightgbm(train: pd.DataFrame, y: pd.Series, test: pd.DataFrame) -> Floats:
    """Log-odds by a small LightGBM with fixed parameters."""
    parameters = {
        "objective": "binary", "learning_rate": 0.03, "num_leaves": 15, "min_data_in_leaf": 40, "bagging_fraction": 0.8,
        "bagging_freq": 1, "feature_fraction": 0.8, "lambda_l2": 5.0, "num_threads": 1, "seed": 20261121,
        "deterministic": True, "force_row_wise": True, "verbosity": -1,
    }  # fmt: skip
    booster = lightgbm.train(parameters, lightgbm.Dataset(train.astype(float), y), num_boost_round=150)
    return np.asarray(booster.predict(test.astype(float), raw_score=True), dtype=np.float64)


def delong(y: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[float, float]:
    """AUC and its standard error (DeLong, DeLong and Clarke-Pearson 1988); ties count half.

    Examples
    --------
    >>> delong([0, 0, 1, 1], [1.0, 2.0, 2.0, 3.0])[0]
    0.875
    """
    truth, values = np.asarray(y) == 1, np.asarray(scores, dtype=np.float64)
    bad, good = values[truth], values[~truth]
    of_bad = (_below(good, bad)) / good.size
    of_good = 1 - _below(bad, good) / bad.size
    variance = of_bad.var(ddof=1) / bad.size + of_good.var(ddof=1) / good.size
    return float(of_bad.mean()), float(np.sqrt(variance))


def _below(reference: Floats, values: Floats) -> Floats:
    """How many of the reference lie below each value, ties counted half."""
    ranked = np.sort(reference)
    left, right = np.searchsorted(ranked, values, "left"), np.searchsorted(ranked, values, "right")
    return np.asarray((left + right) / 2, dtype=np.float64)


def auc_within(months: npt.NDArray[np.datetime64], y: Floats, scores: Floats) -> float:
    """Return the AUC among rows of one month, months weighted by their pairs; those of one outcome have none."""
    total = weight = 0.0
    for month in np.unique(months):
        of_month = months == month
        pairs = float(y[of_month].sum() * (1 - y[of_month]).sum())
        if pairs:
            total, weight = total + pairs * auc(y[of_month], scores[of_month]), weight + pairs
    return total / weight


def out_of_time_auc(frame: pd.DataFrame, peer: str, outcome: Outcome) -> tuple[float, float]:
    """The AUC a peer is measured by, with its standard error: over all rows, or within months for ``late``."""
    if outcome == "silent":
        return delong(frame["y"], frame[peer])
    months = [(delong(part["y"], part[peer]), part["y"].sum() * (1 - part["y"]).sum()) for _, part in frame.groupby("as_of")]
    weights = np.array([pairs for _, pairs in months], dtype=np.float64)
    weights /= weights.sum()
    mean = float(sum(w * value for w, ((value, _), _) in zip(weights, months, strict=True)))
    error = float(np.sqrt(sum((w * se) ** 2 for w, ((_, se), _) in zip(weights, months, strict=True))))
    return mean, error


def main(source: Path) -> None:
    """Import, fit and print both outcomes."""
    outcomes: tuple[Outcome, ...] = ("silent", "late")
    for outcome in outcomes:
        with tempfile.TemporaryDirectory() as folder:
            import_olist(source, Path(folder), outcome=outcome)
            scores = peer_scores(Path(folder), outcome)
        print(f"{outcome}: {len(scores)} test rows, {scores['y'].mean():.1%} bad")
        for peer in PEERS:
            auc, error = out_of_time_auc(scores, peer, outcome)
            print(f"  {peer:10s} AUC {auc:.4f} (s.e. {error:.4f})")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else real_data_folder() / "olist")
