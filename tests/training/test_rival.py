"""The difference to the champion is paired, and a supplier's many rows count as one supplier."""

from typing import Any

import numpy as np
import pytest

from credit.errors import OutOfRange
from tests.training import drawn
from training.bundle import Calibration
from training.measures import auc, auc_difference, log_loss
from training.rival import against_champion, paired_differences


def world(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Outcomes, two models' PDs (the second noisier) and supplier ids."""
    generator = np.random.default_rng(seed)
    margins = generator.normal(-2, 1.3, count)
    y = (generator.random(count) < 1 / (1 + np.exp(-margins))).astype(float)
    noisy = margins + generator.normal(0, 0.5, count)
    return y, 1 / (1 + np.exp(-margins)), 1 / (1 + np.exp(-noisy)), np.array([f"S{i}" for i in range(count)])


def test_the_values_are_the_differences_and_the_interval_is_that_of_delong_for_single_rows() -> None:
    y, one, other, suppliers = world(3000, 1)
    found = paired_differences(y, one, other, suppliers, seed=2)
    assert found["auc"]["value"] == pytest.approx(auc(y, one) - auc(y, other), abs=1e-12)
    assert found["log_loss"]["value"] == pytest.approx(log_loss(y, one) - log_loss(y, other), abs=1e-12)
    error = auc_difference(y, one, other).standard_error
    assert found["auc"]["high"] - found["auc"]["low"] == pytest.approx(2 * 1.96 * error, rel=0.15)
    assert found["auc"]["low"] > 0 > found["log_loss"]["high"]


def test_ten_copies_of_every_supplier_make_nothing_surer() -> None:
    y, one, other, suppliers = world(400, 3)
    once = paired_differences(y, one, other, suppliers, seed=4)["auc"]
    tenfold = paired_differences(*(np.repeat(part, 10) for part in (y, one, other, suppliers)), seed=4)["auc"]
    assert tenfold["low"] == pytest.approx(once["low"], abs=1e-9)
    assert tenfold["high"] == pytest.approx(once["high"], abs=1e-9)


def test_the_champion_scores_the_challengers_rows_by_name() -> None:
    champion = drawn.bundle(calibration=Calibration(slope=0.8, intercept=0.1))
    values, y, _ = drawn.rows(500, seed=5)
    suppliers = np.array([f"S{i // 2}" for i in range(500)])
    turned = tuple(reversed(drawn.NAMES))
    pd = drawn.bundle().score(values).pd
    rows: dict[str, Any] = {"y": y, "suppliers": suppliers, "pd": pd, "seed": 1}
    found = against_champion(champion, names=turned, values=values[:, ::-1], **rows)
    # The champion differs in its calibration alone, so it ranks the same.
    assert found["measures"]["auc"]["value"] == pytest.approx(0.0, abs=1e-12)
    assert found["measures"]["log_loss"]["value"] != 0.0
    lacking = against_champion(champion, names=drawn.NAMES[1:], values=values[:, 1:], **rows)
    assert lacking["measures"] == {}
    assert "fulfilment_late_ratio_90d" in lacking["why_not"]


def test_rows_of_one_outcome_cannot_be_compared() -> None:
    with pytest.raises(OutOfRange, match="good and bad rows"):
        paired_differences(np.zeros(50), np.full(50, 0.1), np.full(50, 0.2), np.arange(50).astype(str), seed=1)
