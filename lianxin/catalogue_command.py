"""The command `catalogue`: what the features are, what they rest on, and what a bank may ask for under each tier."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.columns import Tier
from lianxin.arguments import Json
from lianxin.console import show
from lianxin.model_commands import Language

if TYPE_CHECKING:
    from features.feature import Feature
    from features.lineage import Source


def catalogue(
    family: Annotated[str | None, typer.Option("--family", help="Only features of a family, such as lateness.")] = None,
    table: Annotated[str | None, typer.Option("--table", help="Only features that rest on a table of the data contract.")] = None,
    tier: Annotated[Tier | None, typer.Option("--tier", help="Only what a bank can have with at most this authorisation.")] = None,
    feature: Annotated[str | None, typer.Option("--feature", metavar="NAME", help="Everything about one feature.")] = None,
    columns: Annotated[bool, typer.Option("--columns", help="The source columns in place of the features: what an extract holds.")] = False,
    language: Annotated[Language, typer.Option("--lang", help="Language of the table.")] = Language.ZH,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Also write the JSON to a file.")] = None,
    as_json: Json = False,
) -> None:
    """Print or export the catalogue: every feature with the columns it rests on and whose leave it takes.

    Filters add up. The JSON is described by docs/catalogue.schema.json.

    Example: `lianxin catalogue --tier platform --columns`
    """
    from features.catalog_document import document, write_document
    from lianxin import catalogue_tables as tables

    chosen = _chosen(family, table, tier, feature)
    told = _told(chosen, table, tier, is_narrowed=feature is not None or family is not None)
    result = document(chosen, told)
    if out is not None:
        write_document(out, result)
    place = 0 if language is Language.ZH else 1
    if as_json:
        show(result, as_json=True, lines=())
    elif out is not None:
        show({}, as_json=False, lines=[f"{out}: {len(chosen)} features, {len(told)} columns"])
    elif columns:
        tables.show_columns(told, chosen, tier, place)
    elif feature is not None:
        for one in chosen:
            tables.show_feature(one, place)
    else:
        tables.show_features(chosen, place)


def _chosen(family: str | None, table: str | None, tier: Tier | None, name: str | None) -> "tuple[Feature, ...]":
    """The features all filters let through; a name that does not exist is wrong use."""
    from features.catalog import CATALOG, Family
    from features.lineage import sources, tier_of
    from features.tables import CONTRACT

    _require("family", family, list(Family))
    _require("table", table, list(CONTRACT))
    _require("feature", name, [feature.name for feature in CATALOG])
    return tuple(
        feature
        for feature in CATALOG
        if (family is None or feature.family == family)
        and (table is None or any(source.table == table for source in sources(feature)))
        and (tier is None or tier.allows(tier_of(feature)))
        and (name is None or feature.name == name)
    )


def _told(chosen: "Sequence[Feature]", table: str | None, tier: Tier | None, *, is_narrowed: bool) -> "tuple[Source, ...]":
    """The columns to tell of: those of the table and the tier, and only what the chosen features rest on where features were chosen."""
    from features.lineage import contract_columns, used_by

    users: dict[str, Any] = used_by(chosen) if is_narrowed else {}
    return tuple(
        source
        for source in contract_columns()
        if (tier is None or tier.allows(source.column.tier))
        and (table is None or source.table == table)
        and (not is_narrowed or source.name in users)
    )


def _require(option: str, given: str | None, known: Sequence[str]) -> None:
    """Refuse a value that does not exist, with those that do."""
    if given is None or given in known:
        return
    near = get_close_matches(given, known, n=3, cutoff=0.5) or list(known)
    told = ", ".join(str(name) for name in near[:13])
    raise typer.BadParameter(f"there is no {option} {given!r}; there is {told}", param_hint=f"--{option}")
