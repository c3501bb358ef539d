"""What does the model look like? One figure per question, drawn without a display; what is drawn is computed elsewhere."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from training.measures import auc, ece, gini, ks

Values = NDArray[np.float64]

_GOOD, _BAD, _MODEL, _GREY = "#2a7f62", "#b3403a", "#1f4e79", "#8a8a8a"


def roc_and_ks(y: Values, pd: Values) -> Figure:
    """Draw the ROC curve and the cumulative shares of good and bad by PD, whose largest gap is KS."""
    figure, (left, right) = _axes(2)
    order = np.argsort(-pd, kind="stable")
    # Equal PDs are one step of the curve: the order within them means nothing.
    last = np.append(np.flatnonzero(np.diff(pd[order])), len(pd) - 1)
    bads = np.concatenate([[0.0], np.cumsum(y[order])[last] / y.sum()])
    goods = np.concatenate([[0.0], np.cumsum(1 - y[order])[last] / (1 - y).sum()])
    left.plot(goods, bads, color=_MODEL)
    left.plot([0, 1], [0, 1], color=_GREY, linestyle="--", linewidth=1)
    left.set(title=f"ROC: AUC {auc(y, pd):.3f}, Gini {gini(y, pd):.3f}", xlabel="share of good", ylabel="share of bad")
    depth = np.concatenate([[0.0], (last + 1) / len(pd)])
    right.plot(depth, bads, color=_BAD, label="bad")
    right.plot(depth, goods, color=_GOOD, label="good")
    widest = int(np.argmax(np.abs(bads - goods)))
    right.vlines(depth[widest], goods[widest], bads[widest], color=_GREY, linestyle=":")
    right.set(title=f"KS {ks(y, pd):.3f}", xlabel="share of suppliers, riskiest first", ylabel="share found")
    right.legend(frameon=False)
    return figure


def calibration(y: Values, pd: Values, *, bins: int = 10) -> Figure:
    """Draw the bad rate against the mean PD in bins of equally many rows, with 95 % intervals, on logarithmic axes."""
    figure, (axes,) = _axes(1)
    parts = [part for part in np.array_split(np.argsort(pd, kind="stable"), bins) if len(part)]
    mean = np.array([pd[part].mean() for part in parts])
    intervals = np.array([_wilson(y[part].sum(), len(part)) for part in parts]).T
    floor = max(1e-4, min(float(mean.min()), float(intervals[2].min())) / 3)
    low, rate, high = np.maximum(intervals, floor)
    axes.errorbar(
        mean,
        rate,
        yerr=[rate - low, high - rate],
        fmt="o",
        color=_MODEL,
        capsize=3,
        label="bad rate per tenth",
    )
    ends = np.array([max(floor, float(mean.min()) / 2), min(1.0, float(mean.max()) * 2)])
    axes.plot(ends, ends, color=_GREY, linestyle="--", linewidth=1, label="as predicted")
    axes.set(xscale="log", yscale="log", xlabel="mean PD", ylabel="bad rate", title=f"Calibration: ECE {ece(y, pd):.4f}")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:.2%}" if value < 0.01 else f"{value:.0%}")
        axis.set_minor_formatter(lambda value, _: "")
    axes.legend(frameon=False)
    return figure


def score_distribution(y: Values, points: Values, grade_bounds: Mapping[str, float]) -> Figure:
    """Draw the distribution of points of good and bad; ``grade_bounds`` holds the lowest points of each grade."""
    figure, (axes,) = _axes(1)
    edges = np.histogram_bin_edges(points, 40)  # also of points that are all alike, which have no span
    for outcome, colour, label in ((0.0, _GOOD, "good"), (1.0, _BAD, "bad")):
        axes.hist(points[y == outcome], bins=edges.tolist(), density=True, alpha=0.55, color=colour, label=label)
    top = axes.get_ylim()[1]
    for name, bound in grade_bounds.items():
        if edges[0] < bound < edges[-1]:
            axes.axvline(bound, color=_GREY, linewidth=0.8, linestyle=":")
            axes.text(bound, top, f" {name}", va="top", fontsize=8, color="#555555")
    axes.set(xlabel="points (higher is safer)", ylabel="density", title="Scores in the test period")
    axes.legend(frameon=False, loc="upper left")
    return figure


def importance(names: Sequence[str], contributions: Values, *, top: int = 20) -> Figure:
    """Draw the features by their mean absolute points."""
    strength = np.abs(contributions).mean(axis=0)
    order = np.argsort(strength)[-top:]
    figure, (axes,) = _axes(1, height=0.6 + 0.26 * len(order))
    axes.barh([names[i] for i in order], strength[order], color=_MODEL)
    axes.set(xlabel="mean absolute points", title=f"The {len(order)} strongest features")
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", labelsize=8)
    return figure


def shap_beeswarm(model_text: str, values: Values, names: Sequence[str], *, top: int = 20) -> Figure:
    """Draw SHAP values in log-odds of bad, a dot per supplier, by the shap library itself."""
    import matplotlib.pyplot as plt
    from lightgbm import Booster

    with warnings.catch_warnings(), plt.rc_context({"backend": "agg"}):
        # What shap warns of is its own: the shape of its answer, and a colour map that matplotlib will change.
        warnings.simplefilter("ignore")
        import shap

        explanation = shap.TreeExplainer(Booster(model_str=model_text))(values)
        explanation.feature_names = list(names)
        figure = plt.figure(layout="constrained")
        shap.plots.beeswarm(explanation, max_display=top, show=False, plot_size=(9.0, 1.0 + 0.3 * top))
        figure.axes[0].set_xlabel("SHAP value: log-odds of bad (right is riskier)")
        plt.close(figure)
    return figure


def _axes(count: int, *, height: float = 4.2) -> tuple[Figure, Sequence[Axes]]:
    figure = Figure(figsize=(6.4 if count == 1 else 10.5, height), dpi=110, layout="constrained")
    axes = [figure.add_subplot(1, count, index + 1) for index in range(count)]
    for one in axes:
        one.grid(color="#e5e5e5", linewidth=0.7)
        one.set_axisbelow(True)
        one.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _wilson(bads: float, rows: int) -> tuple[float, float, float]:
    """Return low, rate and high of a 95 % interval of a share (Wilson 1927)."""
    z = 1.959964
    rate = bads / rows
    centre = (rate + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * np.sqrt(rate * (1 - rate) / rows + z * z / (4 * rows * rows))
    return min(centre - half, rate), rate, max(centre + half, rate)
