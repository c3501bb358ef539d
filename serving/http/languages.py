"""In which language does the service answer, and where do its words come from?

All words of pages and problems stand in ``locale/<language>/LC_MESSAGES/*.po`` under stable keys, the same in both languages; they
are read once, through Babel, with no compile step. Numbers, dates and amounts are formatted by Babel too.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache
from pathlib import Path

from babel import Locale
from babel.dates import format_date
from babel.lists import format_list
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent

LOCALE_FOLDER = Path(__file__).parents[1] / "locale"


class Language(StrEnum):
    """A language the service speaks; the value is its tag in HTTP and HTML."""

    ZH_CN = "zh-CN"
    EN = "en"

    @property
    def locale_name(self) -> str:
        """The name of the language among Babel's locales and in the ``locale`` folder."""
        return self.value.replace("-", "_")

    @property
    def in_address(self) -> str:
        """How the addresses of pages name the language in ``lang``."""
        return self.value.partition("-")[0]


def choose_language(accept_language: str | None) -> Language:
    """Return the language the ``Accept-Language`` header likes best; Chinese where it says nothing we speak.

    Examples
    --------
    >>> choose_language("en-GB,en;q=0.9,zh;q=0.8").value
    'en'
    >>> choose_language(None).value
    'zh-CN'
    """
    best, best_weight = Language.ZH_CN, 0.0
    for part in (accept_language or "")[:500].split(","):
        tag, _, parameter = part.strip().partition(";")
        language = _language_of(tag.strip().lower())
        weight = _weight(parameter.strip())
        if language is not None and weight > best_weight:
            best, best_weight = language, weight
    return best


def _language_of(tag: str) -> Language | None:
    """Return the language of a tag by its first part, Chinese for the wildcard."""
    return {"zh": Language.ZH_CN, "en": Language.EN, "*": Language.ZH_CN}.get(tag.partition("-")[0])


def _weight(parameter: str) -> float:
    """Read ``q=0.8``; what cannot be read weighs nothing."""
    if not parameter:
        return 1.0
    try:
        weight = float(parameter.removeprefix("q="))
    except ValueError:
        return 0.0
    return weight if 0.0 <= weight <= 1.0 else 0.0


class Words:
    """The words and number forms of one language."""

    def __init__(self, language: Language) -> None:
        """Read the words of the language."""
        self.language = language
        self.locale = Locale.parse(language.locale_name)
        self._texts: dict[str, str] = {}
        for file in sorted((LOCALE_FOLDER / language.locale_name / "LC_MESSAGES").glob("*.po")):
            with file.open("rb") as stream:
                catalogue = read_po(stream, locale=language.locale_name)
            self._texts |= {str(message.id): str(message.string) for message in catalogue if message.id}

    def keys(self) -> frozenset[str]:
        """Return the keys of all words."""
        return frozenset(self._texts)

    def text(self, key: str, **values: object) -> str:
        """Return the words under ``key`` with the values put in; dates and numbers among them in the form of the language.

        Raises
        ------
        KeyError
            There are no words under the key.
        """
        shown = {name: self.value(value) for name, value in values.items()}
        return self._texts[key].format(**shown)

    def source(self, told: str) -> str:
        """Return where a figure comes from in the words of the language; a source of a bank's own stands as it was written."""
        return self._texts.get(f"source.{told}", told)

    def value(self, value: object) -> str:
        """Format a value of ours: a date, a whole number, a decimal; everything else as it stands."""
        if isinstance(value, date):
            return self.long_date(value)
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            return self.number(value)
        return str(value)

    def long_date(self, value: date) -> str:
        """Format a date in the long form of the language."""
        return str(format_date(value, format="long", locale=self.locale))

    def short_date(self, value: date) -> str:
        """Format a date for a table, the same width everywhere."""
        return value.isoformat()

    def number(self, value: float | Decimal, *, digits: int | None = None, signed: bool = False) -> str:
        """Format a number with thousands separators; ``digits`` after the point, or as many as it has up to two."""
        pattern = "#,##0.##" if digits is None else "#,##0" + ("." + "0" * digits if digits else "")
        if signed and value:
            pattern = f"+{pattern};-{pattern}"
        return str(format_decimal(value, format=pattern, locale=self.locale))

    def points(self, value: float) -> str:
        """Format points gained or lost, with their sign and one place."""
        return self.number(round(value, 1) + 0.0, digits=1, signed=True)

    def money(self, value: float | Decimal) -> str:
        """Format an amount in yuan as the reasons write it, with its fen where it has some."""
        return self._texts["money"].format(amount=self.number(value, digits=0 if value == int(value) else 2))

    def listing(self, items: Sequence[str]) -> str:
        """Join items as the language lists them."""
        return str(format_list(items, locale=self.locale))

    def percent(self, value: float, *, digits: int = 1) -> str:
        """Format a share as a percentage."""
        return str(format_percent(value, format="#,##0" + ("." + "0" * digits if digits else "") + "%", locale=self.locale))


@cache
def words(language: Language) -> Words:
    """Return the words of a language, read once."""
    return Words(language)
