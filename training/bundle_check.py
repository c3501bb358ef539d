"""Does a model text parse, and does it score its golden rows bit for bit? Asked in a process that may die of it.

A damaged LightGBM text can abort the process that parses it, and a signature does not say that the text is sound. So
the parent hands the verified text to a child (``python -m training.bundle_check``) over standard input and reads one line
back. The child parses it with LightGBM, whatever scores: whoever opens the text later must survive that, too.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from credit.errors import BundleInvalid, LianxinError
from credit.scale import Scale
from training.contributions import TreeTables
from training.scorer import BoosterContributions, Calibration, Kernel, Scorer, Values

PASSED = "golden rows match"
_TIMEOUT_SECONDS = 120
_MOST_APART = 1e-9
# LightGBM imports these where they are installed and needs none of them to score; without them the child starts sooner.
_NOT_NEEDED = ("pandas", "sklearn", "pyarrow", "matplotlib", "cffi", "dask", "polars")


def first_parse(model: str, kernel: Kernel, calibration: Calibration, scale: Scale, golden: Mapping[str, Any]) -> None:
    """Parse ``model`` and score ``golden`` in a child process; raise `BundleInvalid` unless every bit matches."""
    request = {
        "model": model,
        "kernel": kernel.value,
        "calibration": [calibration.slope.hex(), calibration.intercept.hex()],
        "scale": [scale.base_score.hex(), scale.base_odds.hex(), scale.pdo.hex()],
        "golden": golden,
    }
    try:
        child = subprocess.run(
            # -P: a folder named training where the process was started must not stand in for this package.
            [sys.executable, "-P", "-m", "training.bundle_check"],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
            # Where the package was not installed but shipped with a model, the child must find it where the parent did.
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *_named_paths()])},
        )
    except subprocess.TimeoutExpired as error:
        raise BundleInvalid(f"the model must parse within {_TIMEOUT_SECONDS} seconds in a child process") from error
    if child.returncode != 0 or child.stdout.strip() != PASSED:
        said = (child.stdout.strip() or child.stderr.strip().rpartition("\n")[2])[:200]
        raise BundleInvalid(f"the model must score its golden rows bit for bit; the child process ended with {child.returncode}: {said}")


def _named_paths() -> list[str]:
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


def compare_golden(scorer: Scorer, golden: Mapping[str, Any]) -> None:
    """Score the golden rows; raise `BundleInvalid` naming the first one that differs in any bit.

    ``golden`` holds ``rows`` (lists of ``float.hex`` texts, None where missing), ``points`` and ``pd`` (``float.hex``).
    """
    scores = scorer.score(golden_rows(golden))
    found = [(points.hex(), pd.hex()) for points, pd in zip(scores.points.tolist(), scores.pd.tolist(), strict=True)]
    expected = list(zip(golden["points"], golden["pd"], strict=True))
    if not found or len(found) != len(expected):
        raise BundleInvalid(f"golden rows and their scores must be as many and at least one, found {len(found)}")
    for index, (got, want) in enumerate(zip(found, expected, strict=True)):
        if got != want:
            raise BundleInvalid(f"golden row {index} must score {want} (points, pd), found {got}")


def golden_rows(golden: Mapping[str, Any]) -> Values:
    """Return the golden rows as numbers, shape (n, f), NaN where missing."""
    rows = [[np.nan if cell is None else float.fromhex(cell) for cell in row] for row in golden["rows"]]
    return np.array(rows, dtype=np.float64).reshape(len(rows), -1)


def compare_kernels(model: str, values: Values) -> None:
    """Raise `BundleInvalid` unless tables and LightGBM say the same of ``values``, shape (n, f), but for rounding."""
    tables, booster = TreeTables.of(model), BoosterContributions(model)
    ours, theirs = (np.column_stack([each.contributions(values), np.full(len(values), each.bias)]) for each in (tables, booster))
    apart = float(np.abs(ours - theirs).max(initial=0.0) / np.abs(theirs).max(initial=1.0))
    if tables.names != booster.names or not apart <= _MOST_APART:
        raise BundleInvalid(f"contributions by tables must be LightGBM's to {_MOST_APART}, found {apart} between them: report a defect")


def main() -> int:
    """Answer one request from standard input; 0 where every golden row matches."""
    for name in _NOT_NEEDED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    request = json.load(sys.stdin)
    try:
        calibration = Calibration(*(float.fromhex(text) for text in request["calibration"]))
        scale = Scale(*(float.fromhex(text) for text in request["scale"]))
        kernel, model = Kernel(request["kernel"]), request["model"]
        if kernel is Kernel.TABLES:
            compare_kernels(model, golden_rows(request["golden"]))
        compare_golden(Scorer.from_text(model, calibration, scale, kernel=kernel), request["golden"])
    except LianxinError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{PASSED}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
