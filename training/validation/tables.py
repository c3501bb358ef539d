"""The dossier's tables: which numbers of the document stand in which column, and how each is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from training.validation.words import both, interval, joined, number, pair, spans, words

FEATURES_SHOWN = 20
"""Features in a table of the page; the JSON holds all."""

Row = Mapping[str, Any]

_WORDS = frozenset(
    {"label", "light", "flag", "code", "spans", "conditions", "text", "direction", "hash", "grade", "outside", "small"},
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: the key of its value, how it is written, and for an interval the key of its upper end."""

    key: str
    form: str
    upper: str | None = None

    @property
    def is_number(self) -> bool:
        """Say whether the column stands at the right."""
        return self.form not in (
            "label",
            "light",
            "flag",
            "code",
            "spans",
            "conditions",
            "text",
            "direction",
            "hash",
            "grade",
            "outside",
            "small",
        )


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the page; its caption is the words of what stands before the dot in its name."""

    name: str
    columns: tuple[Column, ...]
    rows: Sequence[Row]
    left_out: int = 0

    @property
    def dimension(self) -> str | None:
        """Return the dimension of a table of groups."""
        return self.name.partition(".")[2] or None


_GROUPS = (
    "label:label rows:count suppliers:count bads:count bad_rate:pd rate_low..rate_high:pd mean_pd:pd is_outside:outside "
    "auc:three auc_low..auc_high:three slope:estimate intercept:estimate brier:four log_loss:four ece:four ece_by_luck:four"
)
_CERTAINTY = (
    "label:label rows:count suppliers:count mean_pd:pd mean_low..mean_high:pd median_width:pd bads:count bad_rate:pd "
    "rate_low..rate_high:pd is_beyond:outside refer_share:percent"
)
_FAIRNESS = (
    "label:label suppliers:count is_reference:flag is_small:small approval_rate:percent ratio:three ratio_low..ratio_high:three "
    "ratio_of_goods:three bad_rate:pd mean_pd:pd calibration_gap:gap gap_low..gap_high:gap"
)


def tables_of(document: Mapping[str, Any]) -> Mapping[str, Table]:
    """Return the page's tables by name; those of groups carry their dimension after a dot."""
    data, calibration, stability = document["data"], document["calibration"], document["stability"]
    challenger, sensitivity = document["challenger"], document["sensitivity"]
    measures = [{"name": name, **found} for name, found in document["measures"].items()]
    windows = [{"window": name, **found} for name, found in data["windows"].items()]
    made = [
        _table("windows", "window:label from:text to:text rows:count suppliers:count bads:count bad_rate:pd is_as_said:flag", windows),
        _table("digests", "file:code is_same:flag sha256:hash", data["digests"]),
        _table("recomputed", "name:label said:four found:four is_same:flag", data["recomputed"]),
        _table("as_of_dates", "as_of:text window:label rows:count bads:count", data["as_of_dates"]),
        _table("measures", "name:label value:general low..high:general n:count", measures),
        _table("families", "label:text features:count", document["model"]["features_by_family"]),
        _table("sources", "label:code features:count", document["model"]["features_by_table"]),
        _table(
            "grades",
            "grade:grade rows:count suppliers:count mean_pd:pd expected_bads:plain bads:count bad_rate:pd rate_low..rate_high:pd "
            "light:light light_common_factor:light is_small:small",
            calibration["grades"],
        ),
        _table(
            "grade_tests",
            "grade:grade design_effect:three binomial_p:p jeffreys_p:p tail:p jeffreys_p_clustered:p tail_clustered:p tail_common_factor:p "
            "light_rows:light",
            calibration["grades"],
        ),
        *(_table(f"groups.{dimension}", _GROUPS, rows) for dimension, rows in calibration["groups"].items()),
        _table("stances", _CERTAINTY.removesuffix(" refer_share:percent"), document["certainty"].get("stances", ())),
        *(_table(f"certainty.{dimension}", _CERTAINTY, rows) for dimension, rows in document["certainty"].get("groups", {}).items()),
        _table("score_by_vintage", "as_of:text rows:count psi:three bound:three drift:light", stability["score_by_vintage"]),
        _table(
            "stability",
            "name:code psi:three bound:three drift:light missing_then:percent missing_now:percent",
            stability["features"],
            most=FEATURES_SHOWN,
        ),
        *(_table(f"fairness.{dimension}", _FAIRNESS, rows) for dimension, rows in document["fairness"]["groups"].items()),
        _table(
            "sensitivity",
            "name:code iqr:general mean_up:points mean_down:points largest:plain",
            sensitivity["features"],
            most=FEATURES_SHOWN,
        ),
        _table(
            "withheld",
            "table:code features:count mean_change:points largest_loss:plain share_other_grade:percent share_riskier_grade:percent "
            "auc:three auc_with:three",
            sensitivity["tables"],
        ),
        _table(
            "weak_spots",
            "conditions:conditions rows:count suppliers:count bads:count mean_pd:pd bad_rate:pd gap:gap gap_found:gap p:p "
            "is_confirmed:flag",
            document["weak_spots"],
        ),
        _table(
            "directions",
            "name:code direction:direction splits:count missing:label missing_safer:count missing_riskier:count",
            sorted(document["monotone"].get("features", ()), key=lambda one: (-one.get("splits", 0), one["name"])),
            most=FEATURES_SHOWN,
        ),
        _table(
            "survival",
            "name:label value:three low..high:three n:count",
            [{"name": name, **found} for name, found in document["reasons"].items() if isinstance(found, dict)],
        ),
        _table("used", "column:code tier:label features:count", document["data_use"]["used"]),
        _table("policy", "names:spans value:general unit:text source:text", _named(document["policy"]["numbers"])),
    ]
    if challenger["status"] == "fitted":
        compared = [{"name": name, **challenger[name]} for name in ("champion", "challenger")]
        made.append(_table("compared", "name:label auc:three gini:three ks:three", compared))
        card = [_card_row(feature) for feature in challenger["features"]]
        made.append(
            _table(
                "scorecard",
                "name:code information_value:three coefficient:three bins:count lowest:points highest:points points_missing:points",
                card,
            )
        )
    return {table.name: table for table in made}


def cell(row: Row, column: Column) -> Markup:
    """Return one cell as HTML."""
    value = row.get(column.key)
    if column.upper is not None:
        ends = (value, row.get(column.upper))
        return escape(_gap_interval(*ends) if column.form == "gap" else interval(*ends, column.form))
    if column.form == "conditions":
        return Markup("<br>").join(_condition(condition) for condition in value or ()) or both("label", "everything")
    if column.form == "spans":
        return spans(*row[column.key])
    if value is None:
        return escape(number(None, "text"))
    marked = {
        "code": lambda: Markup("<code>{}</code>").format(value),
        "hash": lambda: Markup('<code class="hash">{}</code>').format(value),
        "label": lambda: label(str(value)),
        "light": lambda: Markup('<span class="tag {}">{}</span>').format(value, both("label", value)),
        "flag": lambda: both("label", "yes" if value else "no"),
        "outside": lambda: both("label", "outside" if value else "inside"),
        "small": lambda: both("label", "no_rows" if not row["rows"] else "small" if value else "enough"),
        "grade": lambda: Markup("<b>{}</b> {}").format(value, spans(row["label_zh"], row["label_en"])),
        "gap": lambda: escape(_gap(value)),
        "estimate": lambda: escape(f"{number(value['value'], 'three')} {interval(value['low'], value['high'], 'three')}"),
        "direction": lambda: escape("↑" if value > 0 else "↓"),
    }
    return marked[column.form]() if column.form in marked else escape(number(value, column.form))


def label(key: str) -> Markup:
    """Return a label in both languages where words.toml has it, and as it stands where it is the platform's own."""
    return spans(*label_pair(key))


def label_pair(key: str) -> tuple[str, str]:
    """Return a label in Chinese and English, the same text where it is the platform's own word."""
    return pair("label", key) if key in words()["label"] else (key, key)


_FINDING_FORMS: Mapping[str, str] = {
    "tail": "p",
    "p": "p",
    "bads": "count",
    "rows": "count",
    "count": "count",
    "of": "count",
    "least": "count",
    "files": "count",
    "degrees": "count",
    "n": "count",
    "expected": "plain",
    "points": "points",
    "bad_rate": "pd",
    "mean_pd": "pd",
}


def sentence(finding: Mapping[str, Any]) -> Markup:
    """Return a finding in words."""
    filled: dict[str, str | tuple[str, str]] = {}
    for name, value in finding["numbers"].items():
        if name == "dimension":
            filled[name] = pair("dimension", value)
        elif isinstance(value, str):
            filled[name] = label_pair(value)
        elif isinstance(value, list):
            pairs = [label_pair(one) for one in value]
            filled[name] = (joined([zh for zh, _ in pairs])[0], joined([en for _, en in pairs])[1])
        else:
            filled[name] = number(value, _FINDING_FORMS.get(name, "three"))
    return both("finding", finding["code"], filled)


def _table(name: str, columns: str, rows: Sequence[Row], *, most: int | None = None) -> Table:
    shown = rows if most is None else rows[:most]
    return Table(name, tuple(map(_column, columns.split())), shown, len(rows) - len(shown))


def _column(text: str) -> Column:
    keys, _, form = text.partition(":")
    key, _, upper = keys.partition("..")
    return Column(key, form, upper or None)


def _named(numbers: Sequence[Row]) -> list[Row]:
    return [{**one, "names": (one["zh"], one["en"])} for one in numbers]


def _card_row(feature: Row) -> Row:
    return {**feature, "bins": len(feature["points"]), "lowest": min(feature["points"]), "highest": max(feature["points"])}


def _condition(condition: Row) -> Markup:
    name, _, value = str(condition["name"]).partition("=")
    if value:
        key = "is" if condition["is_above"] else "is_not"
        return both("condition", key, {"dimension": pair("dimension", name), "label": label_pair(value)})
    if condition["bound"] is None:
        return both("condition", "missing" if condition["with_missing"] else "known", {"name": name})
    filled = {"name": name, "bound": number(condition["bound"], "general")}
    told = both("condition", "above" if condition["is_above"] else "at_most", filled)
    return told + " " + both("condition", "or_missing") if condition["with_missing"] else told


def _gap(value: float) -> str:
    return f"{100.0 * value:+.2f} pp"


def _gap_interval(low: float | None, high: float | None) -> str:
    return number(None, "text") if low is None or high is None else f"[{100.0 * low:+.2f}, {100.0 * high:+.2f}] pp"
