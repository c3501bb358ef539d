"""Features of what buyers say: level, trend, low and full marks, the words beside the marks, and signs that reviews were bought.

The words are judged by `features.text`. A burst of reviews, or a sudden run of full marks, may be bought and may be honest: neither
promises a direction.
"""

from typing import Final

from features.feature import Family, Feature, Unit
from features.formula import Formula, Growth, Minus, Months, Peak, Ratio, Sum

_HUNDREDTHS = 100.0


def _mean(window: int) -> Ratio:
    return Ratio(Sum("reviewed", "stars", window, 0, _HUNDREDTHS), Sum("reviewed", "count", window))


def _share(column: str, window: int) -> Ratio:
    return Ratio(Sum("reviewed", column, window), Sum("reviewed", "count", window))


def _text(window: int) -> Ratio:
    """Mean score of the reviews that have words."""
    return Ratio(Sum("reviewed", "text_score", window), Sum("reviewed", "with_text", window))


def _declare(
    quantity: str,
    window: int,
    formula: Formula,
    unit: Unit,
    direction: int,
    zh: str,
    en: str,
    actionable: bool = True,
    family: Family = Family.RATING,
) -> Feature:
    """One feature of the reviews."""
    name = f"reviews_{quantity}_{window}d"
    return Feature(
        name, unit, family, formula, direction, f"近 {window} 天{zh}", f"{en}, last {window} days", "reviews", window, actionable
    )


FEATURES: Final = (
    *(_declare("rating_mean", w, _mean(w), Unit.STARS, -1, "平均评分", "Mean rating") for w in (30, 90, 180, 365)),
    _declare("rating_change", 90, Minus(_mean(90), _mean(365)), Unit.STARS, -1, "平均评分较全年的变化", "Change in the mean rating against the year"),
    *(_declare("low_share", w, _share("low", w), Unit.RATIO, 1, "低分（两星及以下）占比", "Share of ratings of two stars or fewer") for w in (90, 365)),
    _declare("full_share", 365, _share("full", 365), Unit.RATIO, 0, "满分评价占比", "Share of five-star ratings", False),
    *(_declare("per_order", w, Ratio(Sum("reviewed", "count", w), Sum("order_placed", "count", w)), Unit.RATIO, 0, "评价数与订单数之比", "Reviews per order", False) for w in (90, 365)),
    _declare("count_growth", 30, Growth(Sum("reviewed", "count", 30), Sum("reviewed", "count", 90, 30, 2.0)), Unit.RATIO, 0, "评价数较此前两月月均的变化", "Change in the number of reviews against the two months before", False),
    _declare("text_length_mean", 365, Ratio(Sum("reviewed", "text_length", 365), Sum("reviewed", "count", 365)), Unit.COUNT, 0, "评价平均字数", "Mean length of a review in characters", False),
    _declare("with_text_share", 365, _share("with_text", 365), Unit.RATIO, 0, "带文字的评价占比", "Share of reviews with words", False),
    *(_declare("text_score_mean", w, _text(w), Unit.POINTS, -1, "评价文字语气得分（负如低分评价，正如高分评价）", "Tone of the words of reviews (below 0 as of low marks, above as of high ones)") for w in (90, 365)),
    _declare("text_score_change", 90, Minus(_text(90), _text(365)), Unit.POINTS, -1, "评价文字语气得分较全年的变化", "Change in the tone of the words of reviews against the year"),
    _declare("peak_month_share", 365, Peak(Months("reviewed", "count")), Unit.RATIO, 0, "评价最多的一个月占评价数之比", "Share of the month with most reviews", False, Family.AUTHENTICITY),
    _declare("full_share_change", 30, Minus(_share("full", 30), _share("full", 365)), Unit.RATIO, 0, "满分评价占比较全年的变化", "Change in the share of five-star ratings against the year", False, Family.AUTHENTICITY),
)  # fmt: skip
