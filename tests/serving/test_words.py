"""The words of pages and problems: whole in both languages, none fuzzy or empty, and none that a page asks for missing."""

import re
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

import credit
from credit.risk import EXPECTED_LOSS_SOURCE
from features.catalog import CATALOG
from features.columns import Tier
from features.facts import KINDS
from features.tables import CONTRACT
from serving.access.bodies import LookupBody
from serving.decisions.policy_in_force import packaged_financing_policy
from serving.evidence.table import HIDDEN_UNITS
from serving.http.languages import LOCALE_FOLDER, Language, words
from serving.pages import FOLDER
from serving.report.certificates import Validity
from serving.schemas import Purpose

FILES = sorted(path.name for path in (LOCALE_FOLDER / "en" / "LC_MESSAGES").glob("*.po"))


def catalogue(language: Language, file: str) -> Catalog:
    with (LOCALE_FOLDER / language.locale_name / "LC_MESSAGES" / file).open("rb") as stream:
        return read_po(stream, locale=language.locale_name)


def places(text: object) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(str(text)) if name}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("language", list(Language))
def test_no_translation_is_missing_fuzzy_or_obsolete(language: Language, file: str) -> None:
    found = catalogue(language, file)
    assert not found.obsolete
    for message in found:
        if message.id:
            assert message.string, message.id
            assert not message.fuzzy, message.id


@pytest.mark.parametrize("file", FILES)
def test_both_languages_say_the_same_things_of_the_same_values(file: str) -> None:
    zh, en = ({m.id: m.string for m in catalogue(language, file) if m.id} for language in (Language.ZH_CN, Language.EN))
    assert zh.keys() == en.keys()
    for key, text in zh.items():
        assert places(text) == places(en[key]), key


def test_every_packaged_source_has_chinese_words() -> None:
    """Each figure of a decision says its source: those the policy is packaged with, and those the code names."""
    told = {number.source for numbers in packaged_financing_policy().numbers.values() for number in numbers} | {EXPECTED_LOSS_SOURCE}
    code = "".join(path.read_text(encoding="utf-8") for path in Path(credit.__file__).parent.glob("*.py"))
    told |= set(re.findall(r"""\.given\([^)"]*"[^"]+",[^"]*"[^"]+", "([^"]+)"\)""", code)) | set(re.findall(r'source="([^"{]+)"', code))
    assert len(told) > 25
    chinese = words(Language.ZH_CN)
    assert [each for each in sorted(told) if chinese.source(each) == each] == []
    assert chinese.source("minutes of a meeting") == "minutes of a meeting"


def test_every_word_a_template_asks_for_is_there() -> None:
    known = words(Language.EN).keys()
    asked = {
        key
        for template in (FOLDER / "templates").rglob("*.j2")
        for key in re.findall(r"""\bt\(\s*["']([a-z_]+\.[A-Za-z_.]+)["']\s*[,)]""", template.read_text(encoding="utf-8"))
    }
    assert len(asked) > 100
    assert asked <= known, asked - known


def test_every_word_put_together_on_the_way_is_there() -> None:
    known = words(Language.EN).keys()
    kinds = [str(kind) for kind in CONTRACT["certificates"].column("certificate").words]
    operations = LookupBody.model_json_schema()["properties"]["operation"]["enum"]
    columns = {value.name for kind in KINDS for value in kind.values if value.unit not in HIDDEN_UNITS | {"civil_day"}} | {"count"}
    flags = {value.name for kind in KINDS for value in kind.values if value.unit in {"count", "characters", "cny_fen_days"}}
    wanted = {
        *(f"certificate.{name}" for name in (*kinds, *(v.value for v in Validity if v is not Validity.VALID))),
        *(f"look.{name}" for name in operations),
        *(f"purpose.{purpose.value}" for purpose in Purpose),
        *(f"evidence.{name}" for name in columns | flags),
        *(f"table.{name}" for name in CONTRACT),
        *(f"consents.tier.{tier.value}" for tier in Tier),
    }
    assert wanted <= known, wanted - known


def test_the_catalogues_labels_stand_in_both_languages() -> None:
    assert all(feature.zh and feature.en for feature in CATALOG)
