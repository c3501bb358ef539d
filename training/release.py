"""From champion to a signed folder, and back to the champion before it in one step."""

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from credit.errors import ApprovalInvalid, CannotWrite, GateFailed
from training.bundle import ScoringBundle
from training.extra import TO_REGISTER, require_packages
from training.keys import HOME_KEY, read_key, read_or_make_key
from training.promotion import recorded_bundle
from training.seal import load_json, public_key_hex
from training.track import CHALLENGER, CHAMPION, RecordedVersion, read_document, return_champion, version_at, version_of


@dataclass(frozen=True, slots=True)
class Release:
    """A signed bundle folder; a service is told ``trusted_key`` and loads nothing another key has signed."""

    path: Path
    version: str
    content_hash: str
    trusted_key: str
    approved_by: str


def release(home: Path, out: Path, *, at: datetime, key: Path | None = None) -> Release:
    """Write the champion's bundle, signed, into the new folder ``out``; the approval goes with it.

    Parameters
    ----------
    home
        MLflow's home.
    out
        Folder to write; it must not exist or be empty.
    at
        The time of the release.
    key
        Ed25519 private key (PEM, PKCS #8); by default ``keys/release.pem`` under the home.

    Raises
    ------
    TrainingFailed
        There is no champion, or MLflow is not installed.
    ApprovalInvalid
        The champion's approval is missing, or was signed by the key of the release.
    """
    require_packages(TO_REGISTER)
    return _write(home, version_at(home, CHAMPION), out, at=at, key=key)


def copy_challenger(home: Path, out: Path) -> tuple[str, ScoringBundle]:
    """Write the challenger's recorded bundle into the new folder ``out``; return its version's number and the bundle."""
    require_packages(TO_REGISTER)
    version = version_at(home, CHALLENGER)
    bundle = recorded_bundle(version)
    try:
        shutil.copytree(version.bundle, out)
    except OSError as error:
        raise CannotWrite(f"{out} must be a new folder in a place that can be written: {error}"[:300]) from error
    return version.version, bundle


def rollback(home: Path, out: Path, *, by: str, why: str, at: datetime, key: Path | None = None) -> Release:
    """Make the former champion the champion again, and write its bundle, signed, into the new folder ``out``.

    The bundle's content is the former one to the last byte, and so are its scores. Who and why is kept on both versions and in a
    run of its own. Nothing is approved anew: the former champion was.

    Raises
    ------
    GateFailed
        Nobody is named, no reason is given, or there was no champion before this one.
    """
    require_packages(TO_REGISTER)
    if not by.strip() or not why.strip():
        raise GateFailed("a rollback must say who does it and why: name both")
    left = version_at(home, CHAMPION)
    former = left.tags.get("former_champion")
    if not former:
        raise GateFailed(f"version {left.version} had no champion before it: train and promote another model")
    back = version_of(home, former)
    done = _write(home, back, out, at=at, key=key)
    tags = {"rolled_back_by": by.strip(), "rolled_back_why": why.strip(), "rolled_back_at": at.isoformat(timespec="seconds")}
    return_champion(home, left=left, back=back, tags=tags)
    return done


def _write(home: Path, version: RecordedVersion, out: Path, *, at: datetime, key: Path | None) -> Release:
    bundle = recorded_bundle(version)
    signer = read_or_make_key(home / HOME_KEY) if key is None else read_key(key)
    public = public_key_hex(signer.public_key())
    approval = _approval(home, version)
    if approval["key"] == public:
        raise ApprovalInvalid(f"version {version.version} was approved with the key of this release: sign it with another")
    if out.is_dir() and not any(out.iterdir()):
        out.rmdir()
    approved_by = version.tags.get("approved_by", "")
    content_hash = bundle.save(
        out,
        release={
            "version": version.version,
            "run_id": version.run_id,
            "approved_by": approved_by,
            "approved_at": version.tags.get("approved_at", ""),
            "released_at": at.isoformat(timespec="seconds"),
            "approval": approval,
        },
        key=signer,
    )
    return Release(out, version.version, content_hash, public, approved_by)


def _approval(home: Path, version: RecordedVersion) -> dict[str, Any]:
    text = read_document(home, version.run_id, "approval.json")
    document = None if text is None else load_json(text, "approval.json")
    if not isinstance(document, dict) or document.get("statement", {}).get("bundle_sha256") != version.tags.get("bundle_sha256"):
        raise ApprovalInvalid(f"version {version.version} must have the approval it was promoted with: promote it again")
    return document
