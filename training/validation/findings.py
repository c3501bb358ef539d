"""What should a risk officer look at first? Everything in a dossier that is red, yellow or not known, in one list.

Read from the finished document, so that no finding says what its tables do not.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from training.validation.limits import Limits


class Severity(StrEnum):
    """Red needs a decision, yellow an explanation, a note is to be known."""

    RED = "red"
    YELLOW = "yellow"
    NOTE = "note"


Finding = dict[str, Any]


def find(document: Mapping[str, Any], limits: Limits) -> list[Finding]:
    """Return the findings, red first; each has a ``code``, a ``severity`` and the numbers its words need."""
    found = [
        *_data(document["data"]),
        *_grades(document["calibration"], limits),
        *_certainty(document["certainty"]),
        *_measures(document["measures"], limits),
        *_stability(document["stability"]),
        *_fairness(document["fairness"], limits),
        *_evidence(document),
        *_robustness(document),
        *_challenger(document["challenger"]),
    ]
    order = list(Severity)
    return sorted(found, key=lambda finding: order.index(finding["severity"]))


def _finding(code: str, severity: Severity, **numbers: Any) -> Finding:
    return {"code": code, "severity": severity, "numbers": numbers}


def _data(data: Mapping[str, Any]) -> Iterator[Finding]:
    if not data["is_same_data"]:
        yield _finding("other_data", Severity.NOTE, files=sum(not one["is_same"] for one in data["digests"]))
    elif not data["is_reproduced"]:
        yield _finding("not_reproduced", Severity.RED)
    if data["is_ledger_of_these_files"] is False:
        yield _finding("other_ledger", Severity.YELLOW)


def _grades(calibration: Mapping[str, Any], limits: Limits) -> Iterator[Finding]:
    for grade in calibration["grades"]:
        numbers = {"grade": grade["grade"], "bads": grade["bads"], "expected": grade["expected_bads"], "rows": grade["rows"]}
        if grade["rows"] == 0:
            yield _finding("grade_empty", Severity.NOTE, grade=grade["grade"])
        elif grade["light"] in ("red", "yellow"):
            yield _finding(f"grade_{grade['light']}", Severity(grade["light"]), **numbers, tail=grade["tail_clustered"])
        elif grade["is_small"]:
            yield _finding("grade_small", Severity.NOTE, **numbers)
    fit = calibration["hosmer_lemeshow"]
    if fit["p"] < 1.0 - limits.interval_level:
        yield _finding("grades_do_not_fit", Severity.YELLOW, p=fit["p"], statistic=fit["statistic"], degrees=fit["degrees"])
    for dimension, groups in calibration["groups"].items():
        outside = [group["label"] for group in groups if group["is_outside"]]
        if outside and dimension not in ("grade",):
            yield _finding("groups_outside", Severity.YELLOW, dimension=dimension, labels=outside, of=len(groups))


def _certainty(certainty: Mapping[str, Any]) -> Iterator[Finding]:
    if certainty["status"] != "measured":
        yield _finding("no_intervals", Severity.YELLOW)
        return
    for dimension, groups in certainty["groups"].items():
        beyond = [group["label"] for group in groups if group["is_beyond"]]
        if beyond:
            yield _finding("intervals_missed", Severity.YELLOW, dimension=dimension, labels=beyond, of=len(groups))


def _measures(measures: Mapping[str, Any], limits: Limits) -> Iterator[Finding]:
    slope = measures["slope"]
    numbers = {**slope, "from": limits.slope_low, "to": limits.slope_high}
    if slope["value"] is None:
        yield _finding("slope_not_defined", Severity.RED)
    elif slope["low"] is None:
        yield _finding("slope_without_interval", Severity.YELLOW, **numbers)
    elif slope["high"] < limits.slope_low or slope["low"] > limits.slope_high:
        yield _finding("slope_outside", Severity.RED, **numbers)
    elif slope["low"] < limits.slope_low or slope["high"] > limits.slope_high:
        yield _finding("slope_unsure", Severity.YELLOW, **numbers)


def _stability(stability: Mapping[str, Any]) -> Iterator[Finding]:
    for severity, drift in ((Severity.RED, "shifted"), (Severity.YELLOW, "watch")):
        if stability["score"]["drift"] == drift:
            yield _finding(f"score_{drift}", severity, psi=stability["score"]["psi"], bound=stability["score"]["bound"])
    for drift in ("shifted", "watch"):
        names = [one["name"] for one in stability["features"] if one["drift"] == drift]
        if names:
            # Features follow the calendar and the economy; the score is what a decision rests on.
            yield _finding(f"features_{drift}", Severity.YELLOW, count=len(names), of=len(stability["features"]), names=names[:5])


def _fairness(fairness: Mapping[str, Any], limits: Limits) -> Iterator[Finding]:
    for dimension, groups in fairness["groups"].items():
        for group in groups:
            if group["is_small"] or group["is_reference"] or group["ratio"] is None or group["ratio"] >= limits.fairness_low:
                continue
            is_sure = group["ratio_high"] is not None and group["ratio_high"] < limits.fairness_low
            numbers = {name: group[name] for name in ("label", "ratio", "ratio_low", "ratio_high", "bad_rate", "mean_pd")}
            code = "approved_less" if is_sure else "approved_less_perhaps"
            yield _finding(code, Severity.RED if is_sure else Severity.YELLOW, dimension=dimension, **numbers)
        small = sum(group["is_small"] for group in groups)
        if small:
            yield _finding("groups_small", Severity.NOTE, dimension=dimension, count=small, least=limits.min_suppliers)


def _evidence(document: Mapping[str, Any]) -> Iterator[Finding]:
    monotone = document["monotone"]
    if monotone["status"] != "proved":
        is_broken = monotone["status"] == "violated"
        yield _finding("monotone_violated" if is_broken else "monotone_not_proved", Severity.RED if is_broken else Severity.YELLOW)
    if document["reasons"]["status"] != "measured":
        yield _finding("reasons_not_measured", Severity.YELLOW)


def _robustness(document: Mapping[str, Any]) -> Iterator[Finding]:
    for table in document["sensitivity"]["tables"]:
        if table["mean_change"] > 0.5:
            yield _finding("withholding_pays", Severity.YELLOW, table=table["table"], points=table["mean_change"])
    confirmed = sum(spot["is_confirmed"] for spot in document["weak_spots"])
    if confirmed:
        yield _finding("weak_spots", Severity.YELLOW, count=confirmed, of=len(document["weak_spots"]))


def _challenger(challenger: Mapping[str, Any]) -> Iterator[Finding]:
    if challenger["status"] != "fitted":
        yield _finding("no_challenger", Severity.NOTE)
        return
    difference = challenger["difference"]
    if difference["high"] is not None and difference["high"] < 0:
        yield _finding("challenger_better", Severity.RED, **difference)
    elif difference["low"] is None or difference["low"] <= 0:
        yield _finding("challenger_not_beaten", Severity.YELLOW, **difference)
