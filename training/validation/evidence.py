"""What was proved or measured elsewhere about this model: monotone directions, and how stable its reasons are."""

import hashlib
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from training.bundle import ScoringBundle
from training.seal import load_json
from training.validation.clusters import Estimate

MONOTONE, REASONS = "monotone.json", "reasons.json"


def monotone_evidence(bundle: ScoringBundle) -> dict[str, Any]:
    """Return what is known of the promised directions; ``status`` is ``proved``, ``violated``, ``undecided`` or ``not_proved``.

    The certificate comes from the bundle, or from `training.monotone` where the release has it. One that is of another model
    text proves nothing about this one.
    """
    if MONOTONE in bundle.content:
        source, found = "bundle", load_json(bundle.content[MONOTONE], MONOTONE)
    elif find_spec("training.monotone") is not None:
        prove = import_module("training.monotone").prove
        text = bundle.content["model.txt"].decode()
        source = "validation"
        found = prove(text, list(bundle.names), [factor.direction for factor in bundle.factors]).to_json()
    else:
        return {"status": "not_proved", "source": None, "why": "no_certificate"}
    if not isinstance(found, dict) or not isinstance(found.get("violations"), int):
        return {"status": "not_proved", "source": source, "why": "unknown_form"}
    if found.get("model_sha256") != hashlib.sha256(bundle.content["model.txt"]).hexdigest():
        return {"status": "not_proved", "source": source, "why": "another_model"}
    # A verdict other than monotone is no proof, whatever it is called.
    status = "proved" if found.get("verdict") == "monotone" and found["violations"] == 0 else str(found.get("verdict"))
    kept = ("verdict", "claim", "model_sha256", "trees", "leaves", "pairs_checked", "violations", "features", "example", "witness")
    return {"status": status, "source": source, **{name: found[name] for name in kept if name in found}}


def reason_evidence(bundle: ScoringBundle) -> dict[str, Any]:
    """Return what is known of the reasons' stability; ``status`` is ``measured`` or ``not_measured``."""
    if REASONS not in bundle.content:
        return {"status": "not_measured", "why": "not_in_bundle"}
    found = load_json(bundle.content[REASONS], REASONS)
    if not isinstance(found, dict) or survival(found) is None:
        return {"status": "not_measured", "why": "unknown_form"}
    return {"status": "measured", **found}


def survival(found: Mapping[str, Any]) -> Estimate | None:
    """Return the rate at which the first family of reasons survives a refit, or None where the document does not say it."""
    said = found.get("first_family_survival")
    parts = said if isinstance(said, dict) else {"value": said}
    value, low, high, rows = (parts.get(name) for name in ("value", "low", "high", "n"))
    if not _is_number(value) or not all(end is None or _is_number(end) for end in (low, high)):
        return None
    return Estimate(value, low, high, rows if isinstance(rows, int) else 0)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
