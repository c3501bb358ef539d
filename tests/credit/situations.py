"""Situation files: what an officer expects, as data."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark import ParameterSet

FOLDER = Path(__file__).parents[1] / "situations"


def situations(name: str) -> list[ParameterSet]:
    document = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    return [pytest.param(_plain(situation), id=situation["says"]) for situation in document["situation"]]


def _plain(situation: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in situation.items() if key != "says"}
