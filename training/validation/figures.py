"""Which numbers of the document are drawn: the dossier's charts by name."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from training.validation.charts import Mark, Series, bars, curves, forest
from training.validation.tables import FEATURES_SHOWN, label_pair
from training.validation.words import pair

_MOST = 12


def figures_of(document: Mapping[str, Any]) -> Mapping[str, Markup]:
    """Return the page's charts by name; every number in them stands in a table of the page or in the JSON."""
    calibration, stability, fairness = document["calibration"], document["stability"], document["fairness"]
    made = {
        "roc": _roc(document),
        "points": _points(document["discrimination"]["points"]),
        "grades": forest("grades", _title("grades"), [_grade(test) for test in calibration["grades"]], is_logarithmic=True),
        "vintage_auc": forest(
            "vintage-auc",
            _title("vintage_auc"),
            [Mark(one["label"], one["auc"], one["auc_low"], one["auc_high"]) for one in calibration["groups"]["vintage"]],
            digits=".2f",
        ),
        "psi": bars("psi", _title("psi"), [(one["name"], one["psi"], one["bound"]) for one in stability["features"][:_MOST]], digits=".2f"),
        "sensitivity": bars(
            "sensitivity",
            _title("sensitivity"),
            [(one["name"], one["mean_up"], one["mean_down"]) for one in document["sensitivity"]["features"][:_MOST]],
            digits=".0f",
        ),
        "withheld": bars(
            "withheld",
            _title("withheld"),
            [(one["table"], one["mean_change"], None) for one in document["sensitivity"]["tables"]],
            digits=".0f",
        ),
    }
    for dimension, groups in calibration["groups"].items():
        if dimension != "grade":
            marks = [
                Mark(label_pair(g["label"]), g["bad_rate"], g["rate_low"], g["rate_high"], g["mean_pd"]) for g in groups[:FEATURES_SHOWN]
            ]
            made[f"groups.{dimension}"] = forest(f"groups-{dimension}", _title("groups", dimension), marks)
    low = next(one["value"] for one in document["policy"]["numbers"] if one["name"] == "fairness_low")
    for dimension, groups in fairness["groups"].items():
        marks = [Mark(label_pair(g["label"]), g["ratio"], g["ratio_low"], g["ratio_high"]) for g in groups[:FEATURES_SHOWN]]
        made[f"fairness.{dimension}"] = forest(
            f"fairness-{dimension}", _title("fairness", dimension), marks, lines=(low, 1.0), digits=".2f"
        )
    return made


def _roc(document: Mapping[str, Any]) -> Markup:
    series = [Series(pair("label", "champion"), _steps(document["discrimination"]["roc"]))]
    if document["challenger"]["status"] == "fitted":
        series.append(Series(pair("label", "challenger"), _steps(document["challenger"]["roc"]), "b"))
    return curves("roc", _title("roc"), series, diagonal=True)


def _points(bands: Sequence[Mapping[str, Any]]) -> Markup:
    series = [
        Series(
            pair("label", outcome), [(edge, band[outcome]) for band in bands for edge in (band["points_from"], band["points_to"])], style
        )
        for outcome, style in (("goods", "a"), ("bads", "b"))
    ]
    return curves("points", _title("points"), series, x_digits=".0f")


def _steps(curve: Sequence[Mapping[str, float]]) -> list[tuple[float, float]]:
    return [(step["goods"], step["bads"]) for step in curve]


def _grade(test: Mapping[str, Any]) -> Mark:
    label = (f"{test['grade']} {test['label_zh']}", f"{test['grade']} {test['label_en']}")
    return Mark(label, test["bad_rate"], test["rate_low"], test["rate_high"], test["mean_pd"])


def _title(name: str, dimension: str | None = None) -> tuple[str, str]:
    zh, en = pair("figure", name)
    if dimension is None:
        return zh, en
    of_zh, of_en = pair("dimension", dimension)
    return zh.format(dimension=of_zh), en.format(dimension=of_en)
