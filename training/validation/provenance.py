"""On which data does the dossier rest, and do the trainer's own numbers come out of them again?"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from credit.errors import TrainingFailed
from features.ledger import Ledger
from features.read import RawTables
from training.bundle import ScoringBundle
from training.measures import auc, brier, calibration_line, ece, ks, log_loss
from training.validation.sample import Sample

Rows = NDArray[np.intp]
_TOLERANCE = 1e-9
"""Relative: two ways to add the same numbers may differ in the last digits."""


def describe_data(bundle: ScoringBundle, tables: RawTables, ledger: Ledger, sample: Sample) -> dict[str, Any]:
    """Return digests, windows, counts per as-of date, and what of the bundle's own account comes out again.

    ``is_same_data`` says that every file has the digest the bundle was trained on; ``is_reproduced`` that rows, bads and
    measures of the bundle's windows come out as the bundle says.
    """
    said = dict(bundle.model.get("digests", {}))
    digests = [{"file": name, "sha256": found, "is_same": said.get(name) == found} for name, found in sorted(tables.digests.items())] + [
        {"file": name, "sha256": None, "is_same": False} for name in sorted(set(said) - set(tables.digests))
    ]
    judged = sample.frame.as_of[sample.test] <= np.datetime64(sample.windows.test_to)
    windows = {
        "train": _window(sample, sample.train, bundle.model["trained_on"]),
        "test": _window(sample, sample.test[judged], bundle.model["tested_on"]),
        "test_whole": _window(sample, sample.test, None),
    }
    measures = _recomputed(bundle, sample, judged)
    is_counted = all(windows[name]["is_as_said"] for name in ("train", "test"))
    return {
        "digests": digests,
        "is_same_data": bool(digests) and all(one["is_same"] for one in digests),
        "is_ledger_of_these_files": dict(ledger.digests) == dict(tables.digests) if ledger.digests else None,
        "last_day": sample.last_day,
        "zone": tables.zone,
        "currency": tables.currency,
        "windows": windows,
        "recomputed": measures,
        "is_reproduced": is_counted and all(one["is_same"] for one in measures),
        "counts": dict(sample.frame.counts),
        "as_of_dates": _as_of_dates(sample),
        "rows_sha256": _digest(sample),
    }


def _window(sample: Sample, rows: Rows, said: Mapping[str, Any] | None) -> dict[str, Any]:
    as_of, y = sample.frame.as_of[rows], sample.frame.y[rows]
    found = {
        "from": as_of.min().item() if len(rows) else None,
        "to": as_of.max().item() if len(rows) else None,
        "rows": len(rows),
        "suppliers": len(np.unique(sample.frame.supplier_ids[rows])),
        "bads": int(y.sum()),
        "bad_rate": float(y.mean()) if len(rows) else None,
    }
    if said is None:
        return found
    counts = {"rows_said": said.get("rows"), "bads_said": said.get("bads")}
    return {**found, **counts, "is_as_said": (found["rows"], found["bads"]) == (said.get("rows"), said.get("bads"))}


def _recomputed(bundle: ScoringBundle, sample: Sample, judged: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Return the measures the bundle says of its test window beside those of the same rows here."""
    y, pd = sample.y[judged], sample.scores.pd[judged]
    found: dict[str, float] = {}
    if 0 < y.sum() < len(y):
        found = {"auc": auc(y, pd), "ks": ks(y, pd), "brier": brier(y, pd), "log_loss": log_loss(y, pd), "ece": ece(y, pd)}
        with suppress(TrainingFailed):
            found["calibration_slope"], found["calibration_intercept"] = calibration_line(y, pd)
    said = bundle.model.get("measures", {})
    return [
        {"name": name, "said": said[name], "found": value, "is_same": abs(said[name] - value) <= _TOLERANCE * max(1.0, abs(value))}
        for name, value in found.items()
        if isinstance(said.get(name), float)
    ]


def _as_of_dates(sample: Sample) -> list[dict[str, Any]]:
    dates = []
    for window, rows in (("train", sample.train), ("test", sample.test)):
        as_of, y = sample.frame.as_of[rows], sample.frame.y[rows]
        for day in np.unique(as_of):
            there = as_of == day
            dates.append({"as_of": day.item(), "window": window, "rows": int(there.sum()), "bads": int(y[there].sum())})
    return dates


def _digest(sample: Sample) -> str:
    """Return the SHA-256 over suppliers, dates, outcomes and feature values of all rows, bit for bit."""
    frame, hashed = sample.frame, hashlib.sha256()
    keys = zip(frame.supplier_ids.tolist(), np.datetime_as_string(frame.as_of, unit="D").tolist(), strict=True)
    hashed.update("\n".join(f"{supplier_id} {day}" for supplier_id, day in keys).encode())
    # One bit pattern for every missing value.
    values = np.where(np.isnan(frame.values), np.nan, frame.values + 0.0)
    for part in (frame.y, values):
        hashed.update(np.ascontiguousarray(part, dtype="<f8").tobytes())
    return hashed.hexdigest()
