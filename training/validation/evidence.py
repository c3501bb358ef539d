"""What was proved or measured elsewhere about this model: monotone directions, and how stable its reasons are."""

import hashlib
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from training.bundle import ScoringBundle
from training.seal import load_json
from training.validation.clusters import Estimate

MONOTONE = "monotone.json"
REASONS, FIRST_FAMILY = "reason_stability", "first_family_survival"
_VERDICTS = ("monotone", "violated", "undecided")


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
    if not isinstance(found, dict) or found.get("verdict") not in _VERDICTS or type(found.get("violations")) is not int:
        return {"status": "not_proved", "source": source, "why": "unknown_form"}
    if found.get("model_sha256") != hashlib.sha256(bundle.content["model.txt"]).hexdigest():
        return {"status": "not_proved", "source": source, "why": "another_model"}
    # What says monotone and counts violations contradicts itself, and proves nothing good.
    verdict = str(found["verdict"])
    status = ("violated" if found["violations"] else "proved") if verdict == "monotone" else verdict
    kept = ("verdict", "claim", "model_sha256", "trees", "leaves", "pairs_checked", "violations", "features", "example", "witness")
    return {"status": status, "source": source, **{name: found[name] for name in kept if name in found}}


def reason_evidence(bundle: ScoringBundle) -> dict[str, Any]:
    """Return what training measured of the reasons' stability; ``status`` is ``measured`` or ``not_measured``."""
    found = bundle.model.get(REASONS)
    if not isinstance(found, dict) or survival(found) is None:
        return {"status": "not_measured", "why": "not_in_bundle" if found is None else "unknown_form"}
    return {"status": "measured", **found}


def survival(found: Mapping[str, Any], name: str = FIRST_FAMILY) -> Estimate | None:
    """Return the rate at which the first family of reasons survives a refit, or None where the document does not say it."""
    said = found.get(name)
    parts = said if isinstance(said, dict) else {}
    value, low, high, suppliers = (parts.get(end) for end in ("value", "low", "high", "n"))
    if not _is_number(value) or not all(end is None or _is_number(end) for end in (low, high)):
        return None
    return Estimate(value, low, high, suppliers if isinstance(suppliers, int) else 0)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
