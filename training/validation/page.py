"""The dossier as a page: one HTML file in Chinese and English, for the screen, the phone and A4, with nothing fetched from anywhere."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from training.validation import figures
from training.validation.findings import Severity
from training.validation.tables import cell, sentence, tables_of
from training.validation.words import both, interval, number, pair, spans

SECTIONS = (
    "summary",
    "card",
    "data",
    "discrimination",
    "grades",
    "calibration",
    "certainty",
    "stability",
    "fairness",
    "monotone",
    "reasons",
    "sensitivity",
    "weak_spots",
    "challenger",
    "use",
    "excluded",
    "policy",
    "again",
)
"""The page's sections in their order; each has its words in words.toml."""


def render(document: Mapping[str, Any], sha256: str) -> str:
    """Return the page of a canonical document; the same document gives the same bytes."""
    return (
        _environment()
        .get_template("dossier.html.j2")
        .render(
            document=document,
            sha256=sha256,
            sections=SECTIONS,
            tables=tables_of(document),
            figures=figures.figures_of(document),
            limit={one["name"]: one["value"] for one in document["policy"]["numbers"]},
            counts={severity.value: str(sum(one["severity"] == severity for one in document["findings"])) for severity in Severity},
            headline=_headline(document["measures"]),
            style=Markup(files("training.validation").joinpath("templates/dossier.css").read_text(encoding="utf-8")),
        )
    )


def _headline(measures: Mapping[str, Any]) -> Sequence[tuple[str, str, str]]:
    """Return name, value and interval of the numbers a reader asks for first."""
    forms = {"auc": "three", "gini": "three", "ks": "three", "slope": "three", "grades.red": "count", "psi.score": "three"}
    return [
        (name, number(measures[name]["value"], form), interval(measures[name]["low"], measures[name]["high"], form))
        for name, form in forms.items()
    ]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("training.validation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(both=both, pair=pair, spans=spans, number=number, interval=interval, cell=cell, sentence=sentence)
    return environment
