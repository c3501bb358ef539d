"""The catalogue as a page: docs/features.md, written from the declarations and never by hand.

python -m features.catalog_page
"""

import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from features.catalog import CATALOG, CATALOG_VERSION, Family, Feature
from features.catalog_words import CELLS, FAMILIES, PSEUDONYMS, ROLES, STAND_IN, TIERS, UNITS
from features.columns import Tier
from features.lineage import Role, Source, contract_columns, extract_of, sources, tier_of, used_by
from features.tables import CONTRACT

PAGE: Final = Path(__file__).parents[1] / "docs" / "features.md"

_FEATURE: Final = (
    "名称 name",
    "含义 meaning",
    "单位 unit",
    "窗口 window",
    "方向 direction",
    "授权 tier",
    "原因代码 reason code",
    "可改善 actionable",
)
_SHOWN: Final = (Role.EVENT, Role.VALUE, Role.COUNTERPARTY, Role.CONDITION)
"""What the lineage names column by column; the ids of the rows and `recorded_at` follow from the tables."""


def page() -> str:
    """Return the whole page as Markdown: the features by family, their lineage, the tiers and what an extract of each holds."""
    parts = [_head(), *(_family(family) for family in Family), _lineage(), _tiers(), _columns()]
    return "\n\n".join(parts) + "\n"


def _head() -> str:
    return f"""# 特征目录 · Feature catalogue

版本 version {CATALOG_VERSION}，{len(CATALOG)} 个特征 features。本页由 `python -m features.catalog_page` 生成，请勿手改。
This page is written by `python -m features.catalog_page`; do not edit it. The same, filtered or as JSON: `lianxin catalogue`.

- 窗口 n 天指评分日前 n 天，评分日当天不计。A window of n days is [as-of - n, as-of); the as-of date itself is not in it.
- 月度趋势与波动取最近 12 个 30 天。Monthly trends and variations look at the last twelve runs of 30 days.
- 比值的分母不大于零时为缺失；来源表缺失时该特征缺失，而不是零。A ratio is missing where its denominator is not above zero; a feature is
  missing, never zero, where a table it rests on was not handed over.
- 方向是对模型的约束（单调性），不是统计结果：↑ 指数值越高风险不降，↓ 指不升。A direction is a constraint put on the model, not a
  finding: ↑ risk does not fall as the number rises, ↓ it does not rise.
- 授权层级见下文。What the tiers mean stands [below](#授权层级-tiers)."""


def _family(family: Family) -> str:
    zh, en = FAMILIES[family]
    features = [feature for feature in CATALOG if feature.family is family]
    return f"## {zh} {en}\n\n" + _table(_FEATURE, (_cells(feature) for feature in features))


def _cells(feature: Feature) -> tuple[str, ...]:
    return (
        f"`{feature.name}`",
        f"{feature.zh} {feature.en}",
        " ".join(UNITS[feature.unit]),
        "全部 all" if feature.window_days is None else f"{feature.window_days} 天 days",
        {1: "↑", -1: "↓", 0: "–"}[feature.direction],
        tier_of(feature).value,
        f"`{feature.reason_code}`",
        "是 yes" if feature.actionable else "否 no",
    )


def _lineage() -> str:
    told = "; ".join(f"{role.value}: {ROLES[role][0]}, {ROLES[role][1]}" for role in _SHOWN)
    rows = []
    for (code, shown), grouped in groupby(CATALOG, key=lambda feature: (feature.reason_code, _shown(feature))):
        features = list(grouped)
        kinds = ", ".join(dict.fromkeys(kind for feature in features for kind in feature.kinds))
        windows = ", ".join(feature.name.rpartition("_")[2] for feature in features)
        rows.append((f"{code.lower()} ({windows})", kinds, shown, tier_of(features[0]).value))
    return f"""## 血缘 Lineage

每个特征、它所数的事实、事实所读的列。所用各表中说明是哪一行的 id 与 `recorded_at` 也属于血缘，见末表，此处不重复。
其他列都不改变该特征。Every feature, the kinds of facts it counts, and the columns these are read from. Of every table it uses, the ids
that tell which row is meant and `recorded_at` belong to its lineage too; they stand in the last table. No other column changes a feature,
and each of these does (`tests/features/test_lineage.py`). {told}.

""" + _table(("特征 feature", "事实 facts", "列 columns", "授权 tier"), rows)


def _shown(feature: Feature) -> str:
    """The columns of a feature by what they do."""
    found = [(role, [f"`{source.name}`" for source in sources(feature) if _role(source) is role]) for role in _SHOWN]
    return "; ".join(f"{role.value} {', '.join(names)}" for role, names in found if names)


def _role(source: Source) -> Role | None:
    """The first thing a column does besides telling rows apart."""
    return next((role for role in source.roles if role in _SHOWN), None)


def _tiers() -> str:
    rows = []
    for tier in Tier:
        extract = extract_of(tier, CATALOG)
        tables = ", ".join(table for table in CONTRACT if any(source.table == table for source in extract.columns))
        told = str(len(extract.features)) if extract.is_readable else "须并入平台层级 only beside a platform extract"
        own = sum(1 for feature in CATALOG if tier_of(feature) is tier)
        stand_ins = ", ".join(f"`{name}`" for name in extract.stand_ins) or "–"
        rows.append((tier.value, "<br>".join(TIERS[tier]), str(own), tables, str(len(extract.columns)), stand_ins, told))
    heads = ("授权 tier", "含义 meaning", "本层特征 features of it", "表 tables", "列 columns", "代用值 stand-ins", "可算特征 computable")
    return f"""## 授权层级 Tiers

特征的层级是其各列中最高的。层级是本项目的建议，在 `features/tables.py` 一处声明，银行与平台可另行约定；理由见
[0011](decisions/0011-authorisation-tiers.md)。A feature's tier is the highest of its columns. The tiers are the project's proposal,
declared in `features/tables.py` alone; a bank and a platform may agree on others there.

{_table(heads, rows)}

- 代用值：该列必填但不得交付时，整列写 `{STAND_IN}`；由它算出的更高层级特征不可使用。A required column that may not be handed over holds
  `{STAND_IN}` in every cell; features above the tier are not to be computed from it.
- {PSEUDONYMS[0]}
  {PSEUDONYMS[1]}
- 散列是去标识化，不是匿名化：结合其他数据仍可能识别。A keyed hash de-identifies, it does not anonymise: with other data at hand a supplier
  may still be recognised."""


def _columns() -> str:
    users = used_by(CATALOG)
    rows = [_column_cells(source, len(users.get(source.name, ()))) for source in contract_columns()]
    return "## 列 Columns\n\n" + _table(("列 column", "内容 holds", "必填 required", "授权 tier", "特征数 features"), rows)


def _column_cells(source: Source, users: int) -> tuple[str, ...]:
    required = "是 yes" if source.column.required else "否 no"
    return source.name, " ".join(CELLS[source.column.kind]), required, source.column.tier.value, str(users)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (heads, ("---",) * len(heads), *rows))


def write_page(path: Path = PAGE) -> None:
    """Write the page to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write_page()
    sys.stdout.write(f"{PAGE}: {len(CATALOG)} features\n")
