"""Why this score and no higher? At most four principal reasons, from factors that were scored, worst first."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from credit.errors import OutOfRange

PRINCIPAL_REASONS = 4
"""Customary upper bound on reasons for an adverse decision (Regulation B, official commentary to 1002.9(b)(2))."""

LEAST_POINTS = 0.05
"""A family that loses less reads as 0.0 points: it is no principal reason."""


@dataclass(frozen=True, slots=True)
class Factor:
    """A feature as a reason can speak of it: stable code, family and texts with ``{value}`` and ``{reference}``.

    ``direction`` is +1 where risk rises with the value, -1 where it falls, 0 where neither is promised.
    """

    feature: str
    code: str
    family: str
    unit: str
    direction: int
    text_zh: str
    text_en: str
    source_table: str


@dataclass(frozen=True, slots=True)
class Reason:
    """One principal reason: the points a family of factors costs (above 0), and of the factor that costs most what was found.

    Feature, value, reference and texts are that factor's.
    """

    code: str
    family: str
    text_zh: str
    text_en: str
    points: float
    feature: str
    value: float | None
    reference: float | None
    source_table: str


def principal_reasons(
    factors: Sequence[Factor],
    *,
    values: Sequence[float],
    contributions: Sequence[float],
    reference_values: Sequence[float],
    reference_contributions: Sequence[float],
    limit: int = PRINCIPAL_REASONS,
) -> tuple[Reason, ...]:
    """Return the families that cost most points against the reference supplier, worst first, each with its worst factor.

    Parameters
    ----------
    factors
        The scored features in the order of the four sequences.
    values, reference_values
        The supplier's values and the reference supplier's (medians), NaN where missing.
    contributions, reference_contributions
        Points per feature of both.
    limit
        At most this many reasons.

    Returns
    -------
    tuple of Reason
        Points lost are the reference's contribution less the supplier's; a reason's are those of its family's factors whose
        direction is promised and whose value is known and reads worse than the reference, together, at least `LEAST_POINTS`. What
        nobody could check or act upon, a missing value or a factor without a direction, is no reason and adds to none.

    Notes
    -----
    A family's factors measure one thing over several windows, and which of them a fit leans on is luck: a family's total survives
    refits on resampled suppliers more often than its largest part (docs/benchmarks.md, "Whether the reasons would have been
    others").
    """
    lengths = {len(factors), len(values), len(contributions), len(reference_values), len(reference_contributions)}
    if len(lengths) != 1:
        raise OutOfRange(f"factors, values, contributions and references must have one length, found {sorted(lengths)}")
    worse: dict[str, list[tuple[float, int]]] = {}
    for i, (factor, value, reference) in enumerate(zip(factors, values, reference_values, strict=True)):
        worse_by = (value - reference) * factor.direction
        if worse_by > 0.0 and _reads_apart(worse_by, factor.unit, value, reference):  # nor where one of the two is missing
            worse.setdefault(factor.family, []).append((reference_contributions[i] - contributions[i], i))
    # Of equal ones the first in the factors' order.
    families = [(sum(points for points, _ in lost), *min((-points, i) for points, i in lost)) for lost in worse.values()]
    ordered = sorted(((total, i) for total, _, i in families if total >= LEAST_POINTS), key=lambda item: (-item[0], item[1]))
    return tuple(_reason(factors[i], total, values[i], reference_values[i]) for total, i in ordered[:limit])


def _reads_apart(by: float, unit: str, value: float, reference: float) -> bool:
    """Whether a reader sees that the two differ: those that lie ``by`` apart and read alike are the same to it."""
    # Two last digits apart they cannot read alike; what lies nearer has to be looked at.
    return by > 2.0 * _LAST_DIGIT.get(unit, 0.1) or shown_en(value, unit) != shown_en(reference, unit)


def _reason(factor: Factor, points: float, value: float, reference: float) -> Reason:
    return Reason(
        code=factor.code,
        family=factor.family,
        text_zh=factor.text_zh.format(value=shown_zh(value, factor.unit), reference=shown_zh(reference, factor.unit)),
        text_en=factor.text_en.format(value=shown_en(value, factor.unit), reference=shown_en(reference, factor.unit)),
        points=points,
        feature=factor.feature,
        value=None if math.isnan(value) else value,
        reference=None if math.isnan(reference) else reference,
        source_table=factor.source_table,
    )


_LAST_DIGIT = {"cny": 1.0, "ratio": 0.001}
"""Of the units, what the last digit shown stands for; a tenth in others."""
_UNITS_ZH = {"days": "天", "stars": "星", "months": "个月", "points": "分"}


def shown_zh(value: float, unit: str) -> str:
    """Return a value in its unit as a Chinese reader expects it.

    Examples
    --------
    >>> shown_zh(0.1234, "ratio"), shown_zh(1234567.0, "cny"), shown_zh(12.0, "days"), shown_zh(math.nan, "days")
    ('12.3%', '1,234,567元', '12天', '无记录')
    """
    if math.isnan(value):
        return "无记录"
    if unit == "cny":
        return f"{value:,.0f}元"
    return _percent_or_number(value, unit) + _UNITS_ZH.get(unit, "")


def shown_en(value: float, unit: str) -> str:
    """Return a value in its unit as an English reader expects it.

    Examples
    --------
    >>> shown_en(0.1234, "ratio"), shown_en(1234567.0, "cny"), shown_en(1.0, "days"), shown_en(4.25, "stars")
    ('12.3%', 'CNY 1,234,567', '1 day', '4.2 stars')
    """
    if math.isnan(value):
        return "no record"
    if unit == "cny":
        return f"CNY {value:,.0f}"
    number = _percent_or_number(value, unit)
    if unit not in _UNITS_ZH:
        return number
    return f"{number} {unit[:-1] if number == '1' else unit}"


def _percent_or_number(value: float, unit: str) -> str:
    if unit == "ratio":
        return f"{value * 100:,.1f}%"
    return f"{value:,.1f}".removesuffix(".0")
