"""The catalogue as tables for people, in Chinese or English; `place` is 0 for Chinese, 1 for English."""

import sys
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from features.catalog import CATALOG, CATALOG_VERSION
from features.catalog_words import CELLS, DIRECTIONS, FAMILIES, PSEUDONYMS, ROLES, STAND_IN, TIERS, UNITS
from features.columns import Tier
from features.feature import Feature
from features.lineage import Source, extract_of, sources, tier_of, used_by

_PIPED_WIDTH = 200
"""Characters of a line where nobody's terminal sets a limit: no feature's name is cut."""


def show_features(features: Sequence[Feature], place: int) -> None:
    """Print one line per feature."""
    heads = (
        ("名称", "类别", "含义", "单位", "方向", "授权"),
        ("name", "family", "meaning", "unit", "direction", "tier"),
    )[place]
    _print(heads, [_feature_cells(feature, place) for feature in features])
    counts = ", ".join(f"{sum(tier_of(feature) is tier for feature in features)} {tier.value}" for tier in Tier)
    print(f"{len(features)} / {len(CATALOG)}: {counts}; {('版本', 'version')[place]} {CATALOG_VERSION}")


def _feature_cells(feature: Feature, place: int) -> tuple[str, ...]:
    return (
        feature.name,
        FAMILIES[feature.family][place],
        (feature.zh, feature.en)[place],
        UNITS[feature.unit][place],
        DIRECTIONS[feature.direction][place],
        tier_of(feature).value,
    )


def show_feature(feature: Feature, place: int) -> None:
    """Print everything about one feature, and the columns it rests on."""
    no, yes = (("否", "是"), ("no", "yes"))[place]
    window = ("全部历史", "all of the history")[place] if feature.window_days is None else f"{feature.window_days} {('天', 'days')[place]}"
    facts = (
        (("名称", "name"), feature.name),
        (("含义", "meaning"), feature.zh),
        (("", ""), feature.en),
        (("类别", "family"), FAMILIES[feature.family][place]),
        (("单位", "unit"), UNITS[feature.unit][place]),
        (("窗口", "window"), window),
        (("方向", "direction"), DIRECTIONS[feature.direction][place]),
        (("可改善", "actionable"), yes if feature.actionable else no),
        (("原因代码", "reason code"), feature.reason_code),
        (("来源表", "source table"), feature.source_table),
        (("事实", "facts"), ", ".join(feature.kinds)),
        (("授权", "tier"), TIERS[tier_of(feature)][place]),
    )
    grid = Table.grid(padding=(0, 2))
    for head, cell in facts:
        grid.add_row(head[place], cell)
    _console().print(grid)
    heads = (("列", "内容", "必填", "授权", "作用"), ("column", "holds", "required", "tier", "what for"))[place]
    rows = [(*_column_cells(source, place), ", ".join(ROLES[role][place] for role in source.roles)) for source in sources(feature)]
    _print(heads, rows)


def show_columns(columns: Sequence[Source], features: Sequence[Feature], tier: Tier | None, place: int) -> None:
    """Print source columns, and what a platform must do to them before they leave it."""
    users = used_by(features)
    heads = (("列", "内容", "必填", "授权", "特征数"), ("column", "holds", "required", "tier", "features"))[place]
    _print(heads, [(*_column_cells(source, place), str(len(users.get(source.name, ())))) for source in columns])
    asked = tier or Tier.RESTRICTED
    extract = extract_of(asked, CATALOG)
    print(TIERS[asked][place])
    if not extract.is_readable:
        print(
            ("缺必需表，只能并入平台层级的数据一起读。", "Required tables are missing: it is read only beside a platform extract.")[place]
        )
    else:
        print((f"可算特征 {len(extract.features)} 个。", f"{len(extract.features)} features can be computed from it.")[place])
    for name in extract.stand_ins:
        print((f"{name} 必填但不得交付：整列写 {STAND_IN}。", f"{name} is required but withheld: every cell holds {STAND_IN}.")[place])
    print(PSEUDONYMS[place])


def _column_cells(source: Source, place: int) -> tuple[str, ...]:
    no, yes = (("否", "是"), ("no", "yes"))[place]
    return source.name, CELLS[source.column.kind][place], yes if source.column.required else no, source.column.tier.value


def _console() -> Console:
    width = None if sys.stdout.isatty() else _PIPED_WIDTH
    return Console(markup=False, emoji=False, highlight=False, width=width)


def _print(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(*heads, box=box.SIMPLE_HEAD, pad_edge=False)
    for place, column in enumerate(table.columns):
        column.no_wrap, column.overflow = place == 0, "fold"
    for cells in rows:
        table.add_row(*cells)
    _console().print(table)
