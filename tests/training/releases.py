"""A recorded challenger with a dossier whose gates are green, an approver of the list, and the way to a champion."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.training import drawn
from training.approval import Approval
from training.bundle import ScoringBundle
from training.keys import APPROVERS, add_approver, read_key
from training.promotion import Promotion, approve, find_candidate, promote
from training.seal import dump_json
from training.track import RecordedVersion, record_run

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
APPROVER = "Wang Fang"
GREEN: Mapping[str, tuple[float, float | None, float | None]] = {
    "auc": (0.8, 0.77, 0.83),
    "slope": (0.97, 0.85, 1.09),
    "ece": (0.01, 0.008, 0.02),
    "grades.red": (0, None, None),
    "calibration.hl_p": (0.4, None, None),
    "psi.score": (0.02, 0.01, 0.04),
    "psi.feature_max": (0.1, 0.08, 0.2),
    "reasons.first_family_survival": (0.9, 0.88, 0.92),
    "fairness.min_ratio": (0.9, 0.85, 0.95),
    "monotone.violations": (0, None, None),
}


def block(changes: Mapping[str, tuple[float, float | None, float | None] | None] | None = None, n: int = 4000) -> dict[str, Any]:
    """Measures as a dossier holds them; a change to None takes one away."""
    measures = {**GREEN, **(changes or {})}
    return {name: {"value": found[0], "low": found[1], "high": found[2], "n": n} for name, found in measures.items() if found is not None}


def dossier(bundle: ScoringBundle, path: Path, **changes: tuple[float, float | None, float | None] | None) -> Path:
    """A dossier file of a bundle; names of changed measures have ``__`` for the dot."""
    measures = block({name.replace("__", "."): found for name, found in changes.items()})
    path.write_bytes(dump_json({"model": {"bundle_sha256": bundle.content_hash}, "measures": measures}))
    return path


def record(home: Path, bundle: ScoringBundle | None = None, **documents: Any) -> RecordedVersion:
    return record_run(home, bundle or drawn.bundle(), params={"seed": 1}, measures={"gini": 0.5}, documents=documents, plots={})


def enlist(home: Path) -> Path:
    """Enter the approver in the home's list; return the key."""
    key = home.parent / "approver" / "key.pem"
    add_approver(home / APPROVERS, APPROVER, key)
    return key


def approval(
    home: Path, path: Path, *, explanations: Mapping[str, str] | None = None, overrides: Mapping[str, str] | None = None
) -> Approval:
    candidate = find_candidate(home, dossier=path, at=NOW)
    key = read_key(enlist(home))
    return approve(candidate, approver=APPROVER, key=key, at=NOW, explanations=explanations or {}, overrides=overrides or {})


def promoted(home: Path, bundle: ScoringBundle, overrides: Mapping[str, str] | None = None) -> Promotion:
    """Approve and promote the challenger, whose dossier is green."""
    path = dossier(bundle, home.parent / "dossier.json")
    return promote(home, approval(home, path, overrides=overrides), at=NOW, dossier=path)
