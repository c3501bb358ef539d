"""Advice in a supplier's words, Chinese and English: the number now, the number to reach, and how long it takes."""

import math
from typing import Any

from credit.reason import shown_en, shown_zh
from serving.advice.advise import Advice, Held, Plan, Step

_CONDITION_ZH = "以上以其他数字保持不变、所列数字实际达到为前提；达到后重新评分即得所列等级。"
_CONDITION_EN = "All this holds if the numbers named are reached and all others stay as they are."


def advice_lines(advice: Advice, *, in_chinese: bool) -> list[str]:
    """Return the advice as lines a supplier reads, headings first and steps set in."""
    lines = []
    for plan in advice.plans:
        lines += _plan_zh(plan) if in_chinese else _plan_en(plan)
    if advice.unreached:
        names = [grade.name for grade in advice.unreached]
        lines.append(_unreached_zh(names) if in_chinese else _unreached_en(names))
    if advice.nearest is not None:
        lines += _nearest_zh(advice.nearest) if in_chinese else _nearest_en(advice.nearest)
    if advice.plans or advice.nearest is not None:
        lines.append(_CONDITION_ZH if in_chinese else _CONDITION_EN)
    elif advice.unreached:
        lines.append("可行的改变均不会提高评分。" if in_chinese else "No change within reach raises the score.")
    else:
        lines.append("已是最高等级。" if in_chinese else "This is the best grade already.")
    return lines


def _plan_en(plan: Plan) -> list[str]:
    then = f"the score would be {plan.points:.0f} points"
    head = f"Grade {plan.target.name} within {plan.months} months, at an effort of {plan.effort:.0f}; {then}:"
    return [head, *map(_step_en, plan.steps), *map(_held_en, plan.holds)]


def _plan_zh(plan: Plan) -> list[str]:
    head = f"{plan.months} 个月内达到 {plan.target.name} 级，所需投入 {plan.effort:.0f}，评分将为 {plan.points:.0f} 分："
    return [head, *map(_step_zh, plan.steps), *map(_held_zh, plan.holds)]


def _step_en(step: Step) -> str:
    shown = [f"{n.label[1]}: {shown_en(n.today, n.unit)} now, {shown_en(n.reach, n.unit)} to reach" for n in step.numbers if n.is_shown]
    return f"  {step.text[1]}. " + "; ".join(shown) + "."


def _step_zh(step: Step) -> str:
    shown = [f"{n.label[0]}：现为 {shown_zh(n.today, n.unit)}，需达到 {shown_zh(n.reach, n.unit)}" for n in step.numbers if n.is_shown]
    return f"  {step.text[0]}。" + "；".join(shown) + "。"


def _held_en(held: Held) -> str:
    if held.holds:
        return f"  Version {held.version} of the scoring comes to it as well: grade {held.grade_then.name}."
    return f"  Not by version {held.version} of the scoring: grade {held.grade_then.name} there (today {held.grade_today.name})."


def _held_zh(held: Held) -> str:
    if held.holds:
        return f"  按评分的 {held.version} 版同样成立：{held.grade_then.name} 级。"
    return f"  按评分的 {held.version} 版不成立：该版为 {held.grade_then.name} 级（现为 {held.grade_today.name} 级）。"


def _unreached_en(names: list[str]) -> str:
    return f"No change within reach in 12 months leads to grade {' or '.join(names)}."


def _unreached_zh(names: list[str]) -> str:
    return f"12 个月内可行的改变均不能达到 {'、'.join(names)} 级。"


def _nearest_en(plan: Plan) -> list[str]:
    short = f"{plan.points_lacking:.0f} short of grade {plan.target.name}"
    head = f"What comes nearest, within {plan.months} months: {plan.points:.0f} points, {short}:"
    return [head, *map(_step_en, plan.steps)]


def _nearest_zh(plan: Plan) -> list[str]:
    head = f"{plan.months} 个月内最接近的做法：{plan.points:.0f} 分，距 {plan.target.name} 级还差 {plan.points_lacking:.0f} 分："
    return [head, *map(_step_zh, plan.steps)]


def advice_document(advice: Advice, *, in_chinese: bool) -> dict[str, Any]:
    """Return the advice as JSON-able dictionaries, with every number that moves."""
    word = 0 if in_chinese else 1
    return {
        "points": advice.points,
        "grade": advice.grade.name,
        "plans": [_plan_document(plan, word) for plan in advice.plans],
        "unreached": [grade.name for grade in advice.unreached],
        "nearest": None if advice.nearest is None else _plan_document(advice.nearest, word),
    }


def _plan_document(plan: Plan, word: int) -> dict[str, Any]:
    proof = plan.proof
    return {
        "target": plan.target.name,
        "months": plan.months,
        "effort": plan.effort,
        "points": plan.points,
        "grade": plan.grade.name,
        "points_lacking": plan.points_lacking,
        "steps": [
            {
                "lever": step.lever,
                "text": step.text[word],
                "effort": step.effort,
                "numbers": [
                    {"feature": n.feature, "label": n.label[word], "unit": n.unit, "today": _known(n.today), "reach": _known(n.reach)}
                    for n in step.numbers
                ],
            }
            for step in plan.steps
        ],
        "holds": [
            {
                "version": held.version,
                "bundle_sha256": held.content_hash,
                "grade_today": held.grade_today.name,
                "grade_then": held.grade_then.name,
                "holds": held.holds,
            }
            for held in plan.holds
        ],
        "proof": None
        if proof is None
        else {
            "sets": proof.sets,
            "compared": proof.compared,
            "too_costly": proof.too_costly,
            "out_of_reach": proof.out_of_reach,
        },
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
