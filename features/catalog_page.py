"""The catalogue as a page: docs/features.md, written from the declarations and never by hand.

python -m features.catalog_page
"""

import sys
from itertools import groupby
from pathlib import Path
from typing import Final

from features.catalog import CATALOG, CATALOG_VERSION, Family, Feature, Unit
from features.tables import CONTRACT

PAGE: Final = Path(__file__).parents[1] / "docs" / "features.md"

_UNITS: Final = {
    Unit.COUNT: "个数 count",
    Unit.CNY: "元 CNY",
    Unit.RATIO: "比值 ratio",
    Unit.DAYS: "天 days",
    Unit.STARS: "星 stars",
    Unit.MONTHS: "月 months",
}
_FAMILIES: Final = {
    Family.VOLUME: "规模 volume",
    Family.GROWTH: "增长 growth",
    Family.REGULARITY: "规律性 regularity",
    Family.CONCENTRATION: "集中度 concentration",
    Family.CANCELLATION: "取消 cancellation",
    Family.LATENESS: "迟交 lateness",
    Family.QUALITY: "质量 quality",
    Family.RATING: "评价 rating",
    Family.RECEIVABLES: "应收 receivables",
    Family.MARGIN: "毛差 margin",
    Family.TENURE: "资历 tenure",
}
_DIRECTIONS: Final = {
    1: "越高风险越高 risk does not fall as it rises",
    -1: "越高风险越低 risk does not rise as it rises",
    0: "不作承诺 neither is promised",
}
_COLUMNS: Final = (
    "名称 name",
    "含义",
    "meaning",
    "单位 unit",
    "窗口 window",
    "类别 family",
    "方向 direction",
    "来源表 source table",
    "事实 facts",
    "原因代码 reason code",
    "可改善 actionable",
)


def page() -> str:
    """Return the whole page as Markdown: one table per source, one row per feature, in the catalogue's order."""
    parts = [_head()]
    for source, features in groupby(CATALOG, key=lambda feature: feature.source_table):
        table = CONTRACT[source]
        rows = [_row(_COLUMNS), _row(("---",) * len(_COLUMNS)), *(_row(_cells(feature)) for feature in features)]
        parts.append(f"## {source}\n\n每行是{table.row_zh}。One row is {table.row_en}.\n\n" + "\n".join(rows))
    return "\n\n".join(parts) + "\n"


def _head() -> str:
    return f"""# 特征目录 · Feature catalogue

版本 version {CATALOG_VERSION}，{len(CATALOG)} 个特征 features。本页由 `python -m features.catalog_page` 生成，请勿手改。
This page is written by `python -m features.catalog_page`; do not edit it.

- 窗口 n 天指评分日前 n 天，评分日当天不计。A window of n days is [as-of - n, as-of); the as-of date itself is not in it.
- 月度趋势与波动取最近 12 个 30 天。Monthly trends and variations look at the last twelve runs of 30 days.
- 比值的分母不大于零时为缺失；来源表缺失时该特征缺失，而不是零。A ratio is missing where its denominator is not above zero; a feature is
  missing, never zero, where a table it rests on was not handed over.
- 方向是对模型的约束（单调性），不是统计结果。A direction is a constraint put on the model, not a finding."""


def _cells(feature: Feature) -> tuple[str, ...]:
    return (
        f"`{feature.name}`",
        feature.zh,
        feature.en,
        _UNITS[feature.unit],
        "全部 all" if feature.window_days is None else f"{feature.window_days} 天 days",
        _FAMILIES[feature.family],
        _DIRECTIONS[feature.direction],
        feature.source_table,
        ", ".join(feature.kinds),
        f"`{feature.reason_code}`",
        "是 yes" if feature.actionable else "否 no",
    )


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"


def write_page(path: Path = PAGE) -> None:
    """Write the page to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write_page()
    sys.stdout.write(f"{PAGE}: {len(CATALOG)} features\n")
