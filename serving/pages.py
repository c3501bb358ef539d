"""How does a page come about? From a template, in one language, escaped, with no script anywhere."""

import json
from pathlib import Path
from typing import Any

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
_ENVIRONMENT.filters["tojson_plain"] = lambda value: json.dumps(value, ensure_ascii=False)


def render(template: str, language: Language, **values: Any) -> str:
    """Return a template filled in.

    Every template is given ``t`` (the words), ``language``, ``lang`` (as addresses name it), ``pick`` (which of a Chinese and English
    pair) and ``values``.
    """
    spoken = words(language)
    chosen = 0 if language is Language.ZH_CN else 1
    return _ENVIRONMENT.get_template(template).render(
        t=spoken.text, words=spoken, language=language.value, lang=("zh", "en")[chosen], pick=lambda pair: pair[chosen], **values
    )


def page(template: str, language: Language, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Render a template as a response."""
    return html_response(render(template, language, **values), language, status=status)


def html_response(content: str, language: Language, *, status: int = 200) -> HTMLResponse:
    """Return a page as a response."""
    return HTMLResponse(content, status, {"Content-Language": language.value, "Vary": "Accept-Language, Cookie"})
