import numpy as np
import pytest
from matplotlib.patches import Rectangle

from training import plots


@pytest.mark.parametrize(
    ("bads", "mean_pd", "rows"),
    [(0, 0.02, 3000), (0, 1e-9, 60_000), (3000, 0.9, 3000), (1, 0.0005, 3000), (0, 0.3, 3)],
    ids=["none bad where some were expected", "none bad of very many", "all bad", "one bad", "three rows"],
)
def test_a_tenth_of_any_bad_rate_is_drawn_between_its_ends(bads: int, mean_pd: float, rows: int) -> None:
    y = np.concatenate([np.arange(rows) < bads, np.arange(rows) < rows // 2]).astype(np.float64)
    pd = np.repeat([mean_pd, 0.95], rows)
    figure = plots.calibration(y, pd, bins=2)
    drawn = figure.axes[0].containers[0]
    rates = drawn[0].get_ydata()
    ends = drawn[2][0].get_segments()
    for rate, ((_, low), (_, high)) in zip(np.asarray(rates).tolist(), ends, strict=True):
        assert 0.0 < low <= rate <= high <= 1.0 + 1e-12


def test_points_that_are_all_alike_are_one_bar_of_good_and_one_of_bad() -> None:
    figure = plots.score_distribution(np.tile([0.0, 1.0], 50), np.full(100, 600.0), {"A": 600.0})
    bars = [bar for bar in figure.axes[0].patches if isinstance(bar, Rectangle) and bar.get_height() > 0.0]
    assert len(bars) == 2
    assert all(bar.get_x() <= 600.0 <= bar.get_x() + bar.get_width() for bar in bars)
