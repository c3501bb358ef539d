"""How does a page come about? From a template, in one language, escaped, with no script anywhere."""

import json
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from serving.http.languages import Language, words

FOLDER = Path(__file__).parent
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def fit(label: str, columns: int) -> str:
    """Return a label no wider than so many columns, of which a Chinese character takes two; a last part after a comma is kept.

    Examples
    --------
    >>> fit("Change in the number of reviews, last 30 days", 32)
    'Change in the num…, last 30 days'
    >>> fit("近 30 天评价数的变化", 11)
    '近 30 天评…'
    """
    if _columns(label) <= columns:
        return label
    head, comma, tail = label.rpartition(", ")
    head, tail = (head, comma + tail) if comma else (label, "")
    while _columns(head) > columns - _columns(tail) - 1:
        head = head[:-1]
    return f"{head}…{tail}"


def _columns(text: str) -> int:
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


_ENVIRONMENT.filters |= {"fit": fit, "tojson_plain": lambda value: json.dumps(value, ensure_ascii=False)}


def render(template: str, language: Language, **values: Any) -> str:
    """Return a template filled in.

    Every template is given ``t`` (the words), ``language``, ``lang`` (as addresses name it), ``pick`` (which of a Chinese and English
    pair) and ``values``.
    """
    spoken = words(language)
    chosen = 0 if language is Language.ZH_CN else 1
    return _ENVIRONMENT.get_template(template).render(
        t=spoken.text, words=spoken, language=language.value, lang=language.in_address, pick=lambda pair: pair[chosen], **values
    )


def page(template: str, language: Language, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Render a template as a response."""
    return html_response(render(template, language, **values), language, status=status)


def html_response(content: str, language: Language, *, status: int = 200) -> HTMLResponse:
    """Return a page as a response."""
    return HTMLResponse(content, status, {"Content-Language": language.value, "Vary": "Accept-Language, Cookie"})
