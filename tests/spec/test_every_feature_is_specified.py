import importlib
from pathlib import Path

from features.catalog import CATALOG
from tests.spec.claims import SPECIFIED


def test_every_feature_of_the_catalogue_has_a_drawn_table() -> None:
    for module in sorted(Path(__file__).parent.glob("test_*_spec.py")):
        importlib.import_module(f"tests.spec.{module.stem}")
    names = {feature.name for feature in CATALOG}
    assert names - SPECIFIED == set(), "features without a value worked out by hand in tests/spec"
    assert SPECIFIED - names == set(), "tests/spec speaks of features the catalogue does not have"
