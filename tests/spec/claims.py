"""What a specification is made of: a drawn world, and what each feature must say of it, worked out by hand.

Every claim is one test. `SPECIFIED` collects the features that have at least one; a test asks that none of the catalogue is missing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache

import pytest
from _pytest.mark.structures import ParameterSet

from features.build import FeatureMatrix, build_features
from features.ledger import build_ledger
from tests.drawn import AS_OF, draw

MISSING = math.nan

SPECIFIED: set[str] = set()
"""Names of all features some claim speaks of."""


@dataclass(frozen=True)
class World:
    """A few tables of one supplier `S`, and the values its features must have.

    Parameters
    ----------
    story : str
        What the world shows, in the words of a test's name.
    tables : mapping of table name to drawing
    values : mapping of feature name to value
        Worked out by hand; NaN is missing.
    """

    story: str
    tables: Mapping[str, str]
    values: Mapping[str, float]
    as_of: date = AS_OF
    zone: str = "UTC"

    def __hash__(self) -> int:
        return hash(self.story)

    @cache  # noqa: B019 - worlds live as long as the run
    def matrix(self) -> FeatureMatrix:
        """The features of the world's supplier at its as-of date."""
        tables = draw(self.tables, as_of=self.as_of, zone=self.zone)
        return build_features(build_ledger(tables), [self.as_of], ["S"])


def claims(*worlds: World) -> list[ParameterSet]:
    """One test per world and feature, named after both."""
    SPECIFIED.update(name for world in worlds for name in world.values)
    return [pytest.param(world, name, value, id=f"{world.story}: {name}") for world in worlds for name, value in world.values.items()]


def check(world: World, name: str, value: float) -> None:
    """Hold a feature to the value worked out by hand, to twelve digits; bitwise equality is the property tests' business."""
    matrix = world.matrix()
    found = float(matrix.values[0, matrix.names.index(name)])
    assert found == pytest.approx(value, rel=1e-12, abs=1e-12, nan_ok=True), f"{name} is {found}, by hand {value}"
