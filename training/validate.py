"""The straight way from a bundle and a bank's tables to a validation dossier. Whoever has read `validate` has read it.

The same bundle, tables and release of lianxin give the same document and the same hash: nothing in it depends on the time, the
place, the number of threads or who asks.
"""

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from credit.errors import CannotWrite
from credit.policy import PolicyHistory
from features.ledger import Ledger, build_ledger
from features.read import RawTables
from training.bundle import ScoringBundle
from training.labels import last_day_seen
from training.validation.certainty import certainty_section
from training.validation.challenger import challenge
from training.validation.data_use import describe_data_use, describe_model, describe_policy
from training.validation.document import FORMAT, canonical, digest, encode
from training.validation.evidence import monotone_evidence, reason_evidence
from training.validation.findings import find
from training.validation.limits import Limits, policy_in_force
from training.validation.page import render
from training.validation.provenance import describe_data
from training.validation.sample import Sample, draw_sample
from training.validation.sections import (
    calibration_section,
    discrimination_section,
    fairness_section,
    flat_measures,
    sensitivity_section,
    stability_section,
    weak_spots_section,
)

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Dossier:
    """A finished validation.

    Attributes
    ----------
    document
        Everything in it, plain types alone; ``measures`` holds ``value``, ``low``, ``high`` and ``n`` by name.
    sha256
        Of the document's canonical JSON.
    sample
        The rows it rests on, for notebooks.
    """

    document: Mapping[str, Any]
    sha256: str
    sample: Sample


@dataclass(frozen=True, slots=True)
class DossierPaths:
    """The files of a written dossier: one page, one JSON, and the JSON's hash as sha256sum reads it."""

    html: Path
    json: Path
    sha256: Path


def validate(
    bundle: ScoringBundle,
    tables: RawTables,
    *,
    ledger: Ledger | None = None,
    policy: PolicyHistory | None = None,
    progress: Progress | None = None,
) -> Dossier:
    """Judge a bundle on a bank's own tables, as if its trainer had said nothing but the windows.

    Parameters
    ----------
    bundle
        A verified bundle of `training.pipeline.train`.
    tables
        The contract's tables with the outcomes: those it was trained on, or a platform's newer ones.
    ledger
        The tables' ledger, where it was built before.
    policy
        A bank's own policy `validation`; the packaged one by default, in force on the last day of the data.
    progress
        Told each step and the share that is done.

    Raises
    ------
    BundleInvalid
        The bundle does not say its windows, or scores other features than this release's.
    NotEnoughHistory
        The tables hold no outcomes, or no good and bad rows in the test window.
    """
    say: Progress = progress or (lambda _step, _share: None)
    in_force = policy_in_force(last_day_seen(tables), policy)
    limits = Limits.from_policy(in_force)
    say("ledger", 0.0)
    ledger = ledger or build_ledger(tables)
    sample = draw_sample(bundle, tables, ledger, progress=say)
    document: dict[str, Any] = {
        "format": FORMAT,
        "model": describe_model(bundle),
        "data": describe_data(bundle, tables, ledger, sample),
        "policy": describe_policy(in_force),
        "data_use": describe_data_use(bundle),
        "monotone": monotone_evidence(bundle),
        "reasons": reason_evidence(bundle),
    }
    for name, section in (
        ("discrimination", discrimination_section),
        ("calibration", calibration_section),
        ("certainty", certainty_section),
        ("stability", stability_section),
        ("fairness", fairness_section),
        ("sensitivity", sensitivity_section),
        ("weak_spots", weak_spots_section),
        ("challenger", challenge),
    ):
        say(name.replace("_", " "), 0.4 + 0.08 * len(document) / 2)
        document[name] = section(bundle, sample, limits)
    document["measures"] = flat_measures(document)
    document = canonical(document)
    document["findings"] = canonical({"all": find(document, limits)})["all"]
    return Dossier(document, digest(document), sample)


def write_dossier(dossier: Dossier, folder: Path) -> DossierPaths:
    """Write ``dossier.html``, ``dossier.json`` and ``dossier.json.sha256`` into a folder, made where it is missing.

    Files of an earlier dossier there are replaced, each in one step. Raises `CannotWrite` where the folder takes no files.
    """
    data = encode(dossier.document)
    page = render(dossier.document, dossier.sha256).encode()
    name = "dossier.json"
    parts = {"dossier.html": page, name: data, f"{name}.sha256": f"{hashlib.sha256(data).hexdigest()}  {name}\n".encode()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for part, content in parts.items():
            draft = folder / f".{part}.{os.getpid()}.draft"
            draft.write_bytes(content)
            draft.replace(folder / part)
    except OSError as error:
        raise CannotWrite(f"the dossier cannot be written to {folder}: {error.strerror}; name a folder that can be written") from error
    return DossierPaths(folder / "dossier.html", folder / name, folder / f"{name}.sha256")
