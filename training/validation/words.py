"""The dossier's words in Chinese and English, read from words.toml, and how numbers are written."""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from markupsafe import Markup, escape

NOTHING = "–"
_FORMATS: Mapping[str, str] = {
    "count": ",d",
    "percent": ".1%",
    "pd": ".2%",
    "three": ".3f",
    "four": ".4f",
    "points": "+.1f",
    "plain": ",.1f",
    "general": ".6g",
}


@cache
def words() -> Mapping[str, Any]:
    """Return the words by group and key, each a pair of Chinese and English."""
    found: Mapping[str, Any] = tomllib.loads(files("training.validation").joinpath("words.toml").read_text(encoding="utf-8"))
    return found


def pair(group: str, key: str) -> tuple[str, str]:
    """Return the Chinese and the English words of a key; raises `KeyError` where words.toml lacks them."""
    zh, en = words()[group][key]
    return zh, en


def both(group: str, key: str, numbers: Mapping[str, str | tuple[str, str]] | None = None) -> Markup:
    """Return both languages as HTML, the page shows one; ``numbers`` fill the places in braces, escaped.

    A filling that is a pair is words of its own: Chinese and English.
    """
    texts = []
    for place, text in enumerate(pair(group, key)):
        filled = {name: value if isinstance(value, str) else value[place] for name, value in (numbers or {}).items()}
        texts.append(text.format(**filled))
    return spans(texts[0], texts[1])


def spans(zh: str, en: str) -> Markup:
    """Return two texts as HTML of which the page shows one; a single one where they are equal."""
    if zh == en:
        return escape(zh)
    return Markup('<span class="zh" lang="zh-CN">{}</span><span class="en" lang="en">{}</span>').format(zh, en)


def number(value: Any, form: str) -> str:
    """Return a value as text: ``count``, ``percent``, ``pd``, ``three``, ``four``, ``points``, ``plain``, ``general``, ``p`` or ``text``.

    Examples
    --------
    >>> number(0.0312, "pd"), number(None, "three"), number(0.00001, "p"), number(12345, "count")
    ('3.12%', '–', '<0.0001', '12,345')
    """
    if value is None:
        return NOTHING
    if form == "p":
        return "<0.0001" if value < 0.0001 else f"{value:.4f}"
    if form == "text":
        return str(value)
    if form == "count":
        value = round(value)
    text = format(value, _FORMATS[form])
    # A rounded -0.0 is no change.
    return text if any(digit in text for digit in "123456789") else text.replace("-", "").replace("+", "")


def interval(low: Any, high: Any, form: str) -> str:
    """Return an interval as text."""
    return NOTHING if low is None or high is None else f"[{number(low, form)}, {number(high, form)}]"


def joined(labels: Sequence[str]) -> tuple[str, str]:
    """Return labels as one text in each language."""
    return "、".join(labels), ", ".join(labels)
