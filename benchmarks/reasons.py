"""Would a supplier's first reason have been another, had the sample been another? By what reasons are ranked on.

    python -m benchmarks.reasons [--suppliers 5000] [--months 60] [--seed 20261121] [--folder DIR] [--refits 10]

Trains on a simulated platform as `lianxin train` does and grows the model again on resampled suppliers (`training.reason_stability`).
For one row per supplier of the test period, among the features that can give a reason (directed, known, read worse than the reference),
first reasons are compared with the model's own: the feature that loses most, the family of that feature, and the family that loses most
together, which is how `credit.reason` ranks; and whether the first family is among the first four again. Paired differences over refits.
"""

import argparse
import tempfile
from pathlib import Path

import lightgbm
import numpy as np
import numpy.typing as npt

from credit.reason import Factor, principal_reasons
from features.simulate import simulate
from training.pipeline import TrainResult, train
from training.reason_stability import REFERENCE_ROWS, GrownFrom, grow_again, newest_rows
from training.settings import SEED

Floats = npt.NDArray[np.float64]


class Ranks:
    """First reasons by each way of ranking, of the same suppliers under one model after another."""

    def __init__(self, factors: tuple[Factor, ...], asked: Floats, reference: Floats) -> None:
        """Find once which features can give a reason; values do not change with the model."""
        self._asked, self._reference = asked, reference
        with np.errstate(all="ignore"):
            medians = np.nanmedian(reference, axis=0)
        self.can = np.array(
            [[_can(factor, value, median) for factor, value, median in zip(factors, row, medians, strict=True)] for row in asked]
        )
        families = np.unique([factor.family for factor in factors])
        self._belongs = np.array([[factor.family == family for family in families] for factor in factors], dtype=np.float64)

    def of(self, booster: lightgbm.Booster) -> tuple[npt.NDArray[np.intp], Floats, Floats]:
        """Return the first feature, shape (n,), and points lost by family, by its largest part and together, shape (n, families)."""
        lost = -np.asarray(booster.predict(np.vstack([self._asked, self._reference]), pred_contrib=True, num_threads=1))[:, :-1]
        lost = np.median(lost[len(self._asked) :], axis=0) - lost[: len(self._asked)]
        parts = np.where(self.can, lost, -np.inf)
        largest = np.stack([parts[:, belongs > 0].max(axis=1) for belongs in self._belongs.T], axis=1)
        return parts.argmax(axis=1), largest, np.where(self.can, lost, 0.0) @ self._belongs


def _can(factor: Factor, value: float, median: float) -> bool:
    """Whether a feature that lost points would give a reason."""
    return bool(principal_reasons([factor], values=[value], contributions=[-1.0], reference_values=[median], reference_contributions=[0.0]))


def survivals(result: TrainResult, refits: int) -> Floats:
    """Return the shares that survive, shape (refits, 5): feature, family by its largest part, together, and both among four."""
    frame, split = result.frame, result.split
    factors = result.bundle.factors
    grown = GrownFrom(
        frame.values[split.train],
        frame.y[split.train],
        frame.supplier_ids[split.train],
        [factor.direction for factor in factors],
        result.fit.params,
        result.fit.rounds,
    )
    asked = frame.values[split.test][newest_rows(frame.supplier_ids[split.test], frame.as_of[split.test])]
    evenly = np.linspace(0, len(grown.values) - 1, REFERENCE_ROWS).astype(np.intp)
    ranks = Ranks(factors, asked, grown.values[evenly])
    has_reason = ranks.can.any(axis=1)
    own = ranks.of(lightgbm.Booster(model_str=result.bundle.content["model.txt"].decode()))
    found = []
    for booster in grow_again(grown, refits, seed=SEED, threads=1):
        now = ranks.of(booster)
        kept = [now[0] == own[0], *(now[i].argmax(axis=1) == own[i].argmax(axis=1) for i in (1, 2))]
        among = [(np.argsort(-now[i], axis=1)[:, :4] == own[i].argmax(axis=1)[:, None]).any(axis=1) for i in (1, 2)]
        found.append([share[has_reason].mean() for share in (*kept, *among)])
    return np.array(found)


def main() -> None:
    """Simulate, train, grow again, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suppliers", type=int, default=5000)
    parser.add_argument("--months", type=int, default=60)
    parser.add_argument("--seed", type=int, default=20261121)
    parser.add_argument("--folder", type=Path, help="a platform simulated before")
    parser.add_argument("--refits", type=int, default=10)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder: Path = args.folder or Path(scratch) / "tables"
        if args.folder is None:
            simulate(folder, suppliers=args.suppliers, months=args.months, seed=args.seed)
        result = train(folder, home=Path(scratch) / "mlruns")
    found = survivals(result, args.refits)
    names = (
        "first feature",
        "first family, by its largest feature",
        "first family, together",
        "among four, by its largest",
        "among four, together",
    )
    for name, shares in zip(names, found.T, strict=True):
        print(f"{name:38} {shares.mean():.3f}  s.d. over refits {shares.std(ddof=1):.3f}")
    gain = found[:, 2] - found[:, 1]
    print(f"together less largest: {gain.mean():+.3f} (s.e. {gain.std(ddof=1) / np.sqrt(len(gain)):.3f})")
    print(f"in the bundle: {result.bundle.model['reason_stability']}")


if __name__ == "__main__":
    main()
