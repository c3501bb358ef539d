"""May this model be promoted? Its dossier's measures against dated bounds, each gate green, amber, red or not measured.

A gate tests the ends of an interval, never the point alone, so that chance neither opens nor shuts it:

- a floor or ceiling is green where the whole interval keeps it, red where the whole interval breaks it, and amber where the
  interval holds both sides: too few rows pass nothing by ignorance and fail nothing by noise;
- the calibration slope is red where its interval misses the aim altogether, green where it meets the aim and stays inside a
  wider band, amber where it reaches beyond that band. Asking that the whole interval lie in the aim would refuse five of six
  sound models with 430 independent bads (half-width 0.09); asking only that it touch the aim would pass any small sample;
- against the champion a paired difference on the same rows may not be shown to be worse by more than a margin, and green says
  that such a loss is ruled out (non-inferiority);
- some gates ask and do not stop: their worst is amber. A PSI over its bound is what a downturn looks like, and the model that
  has learnt from it must not be locked out; nor is every Hosmer-Lemeshow rejection on many rows a fault;
- the proof of monotone directions is exact. Without it, or with a violation, nothing can be promoted, whatever is written.

Amber needs a written explanation, red and not measured a written override; both are signed with the approval.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from credit.errors import GateFailed
from credit.policy import Policy

MONOTONE = "monotone"
MONOTONE_VIOLATIONS = "monotone.violations"


class Verdict(StrEnum):
    """What a gate says; green alone opens by itself."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"
    NOT_MEASURED = "not measured"


class Answer(StrEnum):
    """What a gate that is not green asks for before a promotion."""

    NONE = "none"
    EXPLANATION = "explanation"
    OVERRIDE = "override"
    ANOTHER_MODEL = "another model"


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of a dossier: its value, the 95 % interval where it has one, and the rows it rests on."""

    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate's verdict.

    ``bound`` names the policy's numbers that were tested; ``zh`` and ``en`` say the rule and what was found.
    """

    name: str
    verdict: Verdict
    answer: Answer
    value: float | None
    low: float | None
    high: float | None
    bound: Mapping[str, float]
    zh: str
    en: str

    def to_json(self) -> dict[str, Any]:
        """Return the gate as a document."""
        return {
            "name": self.name,
            "verdict": self.verdict.value,
            "answer": self.answer.value,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "bound": dict(self.bound),
            "zh": self.zh,
            "en": self.en,
        }


@dataclass(frozen=True, slots=True)
class _Rule:
    """How one measure is tested: kept within the ``aim``; ``tolerated`` is how far its interval may reach beyond it."""

    name: str
    measure: str
    zh: str
    en: str
    floor: str | None = None
    ceiling: str | None = None
    tolerated: tuple[str, str] | None = None
    is_negated: bool = False
    is_exact: bool = False
    stops: bool = True


_RULES = (
    _Rule("auc", "auc", "排序能力 AUC", "AUC out of time", floor="auc_floor"),
    _Rule(
        "slope",
        "slope",
        "校准斜率",
        "calibration slope",
        floor="slope_from",
        ceiling="slope_to",
        tolerated=("slope_tolerated_from", "slope_tolerated_to"),
    ),
    _Rule("ece", "ece", "期望校准误差", "expected calibration error", ceiling="ece_ceiling"),
    _Rule("grades", "grades.red", "红灯等级数", "grades in the red zone", ceiling="grades_red_ceiling", is_exact=True),
    _Rule("hosmer_lemeshow", "calibration.hl_p", "HL 检验 p 值", "Hosmer-Lemeshow p", floor="hl_p_floor", is_exact=True, stops=False),
    _Rule("psi_score", "psi.score", "评分 PSI", "PSI of the score", ceiling="psi_score_ceiling", stops=False),
    _Rule("psi_feature", "psi.feature_max", "特征最大 PSI", "largest PSI of a feature", ceiling="psi_feature_ceiling", stops=False),
    _Rule("reasons", "reasons.first_family_survival", "首要原因族稳定率", "first reason family's survival", floor="first_family_floor"),
    _Rule("fairness", "fairness.min_ratio", "批准率之比", "least ratio of approval rates", floor="fairness_ratio_floor", stops=False),
)
_AGAINST_CHAMPION = (
    _Rule("champion_auc", "auc", "AUC 与现任之差", "AUC less the champion's", floor="auc_loss_to_champion", is_negated=True),
    _Rule("champion_log_loss", "log_loss", "对数损失与现任之差", "log loss less the champion's", ceiling="log_loss_rise_over_champion"),
)


def judge_gates(measures: Mapping[str, Measure], differences: Mapping[str, Measure] | None, policy: Policy) -> list[Gate]:
    """Return every gate's verdict.

    Parameters
    ----------
    measures
        The dossier's, by name.
    differences
        Challenger less champion on the same rows: ``auc``, ``log_loss``. Empty where there is a champion and nobody compared;
        None where there is no champion.
    policy
        The policy `gates` in force.
    """
    gates = [_monotone(measures.get(MONOTONE_VIOLATIONS))]
    gates += [_judge(rule, measures.get(rule.measure), policy) for rule in _RULES]
    if differences is not None:
        gates += [_judge(rule, differences.get(rule.measure), policy) for rule in _AGAINST_CHAMPION]
    return gates


def read_measures(block: Any, where: str) -> dict[str, Measure]:
    """Read a block of measures, ``{name: {"value", "low", "high", "n"}}``.

    Raises `GateFailed` where an interval does not hold its value or something is not a finite number. A measure whose value is
    null was not measured and is left out.
    """
    if not isinstance(block, dict):
        raise GateFailed(f"{where} must hold a block of measures by name, found {type(block).__name__}: validate the bundle again")
    return {str(name): _measure(name, entry, where) for name, entry in block.items() if _is_there(name, entry, where)}


def _is_there(name: str, entry: Any, where: str) -> bool:
    if not isinstance(entry, dict) or "value" not in entry:
        raise GateFailed(f"{where}: {name} must say value, low, high and n, found {entry!r}: validate the bundle again")
    return entry["value"] is not None


def _measure(name: str, entry: Mapping[str, Any], where: str) -> Measure:
    numbers = [entry["value"], entry.get("low"), entry.get("high"), entry.get("n")]
    for number in numbers:
        is_number = isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
        if number is not None and not is_number:
            raise GateFailed(f"{where}: {name} must hold finite numbers, found {number!r}: validate the bundle again")
    value, low, high, n = numbers
    if (low is None) != (high is None) or (low is not None and not low <= value <= high):
        raise GateFailed(f"{where}: the interval of {name} must hold its value, found {value} in {low} to {high}: validate again")
    return Measure(float(value), None if low is None else float(low), None if high is None else float(high), None if n is None else int(n))


def _monotone(found: Measure | None) -> Gate:
    is_proved = found is not None and found.value == 0
    told_zh = "没有证明" if found is None else f"发现 {found.value:g} 处违反"
    told_en = "no certificate" if found is None else f"{found.value:g} violations found"
    return Gate(
        name=MONOTONE,
        verdict=Verdict.GREEN if is_proved else Verdict.RED,
        answer=Answer.NONE if is_proved else Answer.ANOTHER_MODEL,
        value=None if found is None else found.value,
        low=None,
        high=None,
        bound={"violations": 0.0},
        zh=f"单调方向须逐树证明且无一违反；{told_zh}，此项不可豁免" if not is_proved else "单调方向已逐树证明，无一违反",
        en=f"monotone directions must be proved over the trees without a violation; {told_en}; this cannot be overridden"
        if not is_proved
        else "monotone directions are proved over the trees",
    )


def _judge(rule: _Rule, found: Measure | None, policy: Policy) -> Gate:
    bound = _bounds(rule, policy)
    aim = _end(rule.floor, bound, -math.inf), _end(rule.ceiling, bound, math.inf)
    tolerated = aim if rule.tolerated is None else (bound[rule.tolerated[0]], bound[rule.tolerated[1]])
    lacks = _lacks(rule, found, policy)
    interval = _interval(rule, found)
    verdict = Verdict.NOT_MEASURED if interval is None or lacks is not None else _verdict(interval, aim, tolerated)
    if verdict is Verdict.RED and not rule.stops:
        verdict = Verdict.AMBER
    zh, en = _words(rule, found, verdict, aim, lacks)
    answer = {Verdict.GREEN: Answer.NONE, Verdict.AMBER: Answer.EXPLANATION}.get(verdict, Answer.OVERRIDE)
    if found is None:
        return Gate(rule.name, verdict, answer, None, None, None, bound, zh, en)
    return Gate(rule.name, verdict, answer, found.value, found.low, found.high, bound, zh, en)


def _verdict(interval: tuple[float, float], aim: tuple[float, float], tolerated: tuple[float, float]) -> Verdict:
    """Red where the interval misses the aim, green where it meets it and stays where it is tolerated, else amber."""
    low, high = interval
    if high < aim[0] or low > aim[1]:
        return Verdict.RED
    return Verdict.GREEN if tolerated[0] <= low and high <= tolerated[1] else Verdict.AMBER


def _interval(rule: _Rule, found: Measure | None) -> tuple[float, float] | None:
    if found is None:
        return None
    if rule.is_exact:
        return found.value, found.value
    return None if found.low is None or found.high is None else (found.low, found.high)


def _lacks(rule: _Rule, found: Measure | None, policy: Policy) -> tuple[str, str] | None:
    """Say in two languages what a measure lacks to be judged."""
    fewest = policy.whole("fewest_rows")
    if found is None:
        return "未测", "nobody measured it"
    if rule.is_exact:
        return None
    if found.low is None:
        return "缺区间", "it has no interval"
    if found.n is None or found.n < fewest:
        return f"仅 {found.n or 0} 行，至少需 {fewest}", f"it rests on {found.n or 0} rows and needs {fewest}"
    return None


def _bounds(rule: _Rule, policy: Policy) -> dict[str, float]:
    names = [name for name in (rule.floor, rule.ceiling, *(rule.tolerated or ())) if name is not None]
    sign = -1.0 if rule.is_negated else 1.0
    return {name: sign * policy.number(name) for name in names}


def _end(name: str | None, bound: Mapping[str, float], otherwise: float) -> float:
    return otherwise if name is None else bound[name]


def _words(
    rule: _Rule, found: Measure | None, verdict: Verdict, aim: tuple[float, float], lacks: tuple[str, str] | None
) -> tuple[str, str]:
    least, most = aim
    if math.isinf(most):
        zh, en = f"不低于 {least:g}", f"at least {least:g}"
    elif math.isinf(least):
        zh, en = f"不高于 {most:g}", f"at most {most:g}"
    else:
        zh, en = f"介于 {least:g} 与 {most:g}", f"{least:g} to {most:g}"
    if found is None or lacks is not None:
        said_zh, said_en = lacks or ("未测", "nobody measured it")
        return f"{rule.zh}须{zh}；{said_zh}，须书面豁免", f"{rule.en} must be {en}; {said_en}: override in writing or measure it"
    interval = "" if found.low is None or rule.is_exact else f" [{found.low:.4g}, {found.high:.4g}]"
    said_zh, said_en = _SAID[verdict]
    told = f"{found.value:.4g}{interval}"
    return f"{rule.zh}须{zh}；实测 {told}，{said_zh}", f"{rule.en} must be {en}; found {told}: {said_en}"


_SAID = {
    Verdict.GREEN: ("通过", "met"),
    Verdict.AMBER: ("未能断定或超限，须书面说明", "undecided or over it, explain in writing"),
    Verdict.RED: ("未达到，须书面豁免", "not met, override in writing or train another model"),
    Verdict.NOT_MEASURED: ("未测", "nobody measured it"),
}
