"""Will an order arrive late, said when it is approved? Olist, out of time, the product's recipe beside peers on the same rows and columns.

    python -m benchmarks.olist_orders [SOURCE] [--inner]

One row per order that was delivered in the end; late is delivered after the estimated delivery date, to the second. Learnt from orders
approved from 2017-01 to 2018-01 and delivered before 2018-03-01, judged on those approved from 2018-03 to 2018-07, once. Columns
(`benchmarks.approval_columns`), their windows and the recipe's groups (sellers) were chosen by `--inner`: four splits within the
training months, each with its own gap. Ours is `training.recipe.learn` with the columns' directions; the logistic regression and the
LightGBM as it comes know no directions. Standard errors and paired differences know that a seller's orders are not independent.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.approval_columns import DIRECTIONS, approval_columns
from benchmarks.approved_orders import NEVER, read_orders
from benchmarks.models import probability, recipe_with
from benchmarks.models_peers.peers import lightgbm_plain
from benchmarks.models_peers.tables import CreditTable
from benchmarks.olist import auc_within
from benchmarks.real_data import real_data_folder
from training.measures import auc, auc_difference, auc_standard_error, calibration_line, ece, log_loss

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

SEED = 20261121
OURS, PEERS = "lianxin", ("logistic", "lightgbm", "average")


@dataclass(frozen=True, slots=True)
class Split:
    """Learn from orders approved from ``first`` and before ``learn_until`` and delivered before ``judge_from``; judge those approved from
    then on and before ``judge_until``.
    """

    first: date
    learn_until: date
    judge_from: date
    judge_until: date


PUBLISHED = Split(date(2017, 1, 1), date(2018, 2, 1), date(2018, 3, 1), date(2018, 8, 1))
INNER = (
    Split(date(2017, 1, 1), date(2017, 7, 1), date(2017, 8, 1), date(2017, 11, 1)),
    Split(date(2017, 1, 1), date(2017, 9, 1), date(2017, 10, 1), date(2018, 1, 1)),
    Split(date(2017, 1, 1), date(2017, 10, 1), date(2017, 11, 1), date(2018, 2, 1)),
    Split(date(2017, 1, 1), date(2017, 11, 20), date(2017, 12, 10), date(2018, 2, 1)),
)
"""Within the training months; of their orders, too, only those delivered before the published test begins are judged."""


@dataclass(frozen=True, slots=True)
class ApprovedOrders:
    """One row per order that was delivered after its approval: values (n, f), y (1 is late), the seller and both instants in seconds."""

    values: Floats
    y: Floats
    sellers: npt.NDArray[np.intp]
    approved: npt.NDArray[np.int64]
    delivered: npt.NDArray[np.int64]

    def between(self, split: Split) -> tuple[Rows, Rows]:
        """Return the rows to learn from and those to judge."""
        first, until, judge, end = (_second(day) for day in (split.first, split.learn_until, split.judge_from, split.judge_until))
        learnt = (self.approved >= first) & (self.approved < until) & (self.delivered < judge)
        judged = (self.approved >= judge) & (self.approved < end)
        if split != PUBLISHED:
            judged &= self.delivered < _second(PUBLISHED.judge_from)
        return np.flatnonzero(learnt), np.flatnonzero(judged)

    def table(self, rows: Rows) -> CreditTable:
        """Return some rows as the peers take them."""
        return CreditTable(self.values[rows], self.y[rows], tuple(DIRECTIONS), tuple(DIRECTIONS.values()))


def approved_orders(source: Path) -> ApprovedOrders:
    """Read Olist's files; orders without a delivery, or with one before the approval, are in the histories and are no row."""
    orders = read_orders(source)
    columns = approval_columns(orders)
    row = ((orders["delivered"] < NEVER) & (orders["delivered"] > orders["approved"])).to_numpy()
    return ApprovedOrders(
        values=np.ascontiguousarray(columns[row].to_numpy(dtype=np.float64)),
        y=(orders["delivered"] > orders["promised"]).to_numpy()[row].astype(np.float64),
        sellers=pd.factorize(orders["seller_id"][row], sort=True)[0].astype(np.intp),
        approved=orders["approved"].to_numpy()[row],
        delivered=orders["delivered"].to_numpy()[row],
    )


def logistic(train: CreditTable, values: Floats) -> Floats:
    """Log-odds by a logistic regression on standardised signed logarithms; what is missing is the training mean."""

    def prepared(rows: Floats) -> Floats:
        scaled = np.sign(rows) * np.log1p(np.abs(rows))
        return np.where(np.isnan(scaled), means, scaled)

    means = np.nanmean(np.sign(train.values) * np.log1p(np.abs(train.values)), axis=0)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(prepared(train.values), train.y)
    return np.asarray(model.decision_function(prepared(values)), dtype=np.float64)


def scores(orders: ApprovedOrders, split: Split) -> dict[str, Floats]:
    """Return each scorer's log-odds of the judged rows of a split; ``average`` is the mean of both peers'."""
    learnt, judged = orders.between(split)
    train, values = orders.table(learnt), orders.values[judged]
    found = {"logistic": logistic(train, values), "lightgbm": lightgbm_plain(train, values, SEED)}
    found["average"] = (found["logistic"] + found["lightgbm"]) / 2
    return {**found, OURS: recipe_with(train, values, SEED, train.directions, orders.sellers[learnt])}


def within_months(orders: ApprovedOrders, judged: Rows, values: Floats) -> float:
    """Return the AUC among orders approved in one month, months weighted by their pairs."""
    months = orders.approved[judged].astype("datetime64[s]").astype("datetime64[M]")
    return auc_within(months, orders.y[judged], values)


def describe(orders: ApprovedOrders, split: Split, found: Mapping[str, Floats]) -> list[str]:
    """Return the lines of one split's result."""
    learnt, judged = orders.between(split)
    y, sellers = orders.y[judged], orders.sellers[judged]
    lines = [
        f"learnt from {len(learnt)} orders, {orders.y[learnt].mean():.1%} late, approved {split.first} to {split.learn_until}; judged "
        f"{len(judged)}, {y.mean():.1%} late, approved {split.judge_from} to {split.judge_until} (without the last days)",
        f"  {'':9} AUC (s.e.)      within months  lianxin less it   log loss  slope  ECE",
    ]
    for name, values in found.items():
        pd_late = probability(values)
        less = auc_difference(y, found[OURS], values, sellers)
        pair = "" if name == OURS else f"{less.difference:+.4f} ({less.standard_error:.4f})"
        lines.append(
            f"  {name:9} {auc(y, values):.4f} ({auc_standard_error(y, values, sellers):.4f})  {within_months(orders, judged, values):.4f}"
            f"         {pair:17} {log_loss(y, pd_late):.4f}    {calibration_line(y, pd_late)[0]:.2f}   {ece(y, pd_late):.4f}"
        )
    return lines


def _second(day: date) -> int:
    """The midnight a civil day begins with, as the files write it: without a zone."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def main() -> None:
    """Read, fit and print the published split, or the inner ones."""
    parser = argparse.ArgumentParser(description="Olist: will an order arrive late, said at its approval?")
    parser.add_argument("source", type=Path, nargs="?", default=real_data_folder() / "olist")
    parser.add_argument("--inner", action="store_true", help="the splits within the training months by which columns are chosen")
    args = parser.parse_args()
    orders = approved_orders(args.source)
    for split in INNER if args.inner else (PUBLISHED,):
        print("\n".join(describe(orders, split, scores(orders, split))), flush=True)


if __name__ == "__main__":
    main()
