"""From challenger to champion, and from champion to a signed folder: who approved it, and whose key vouches for it."""

import os
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from credit.errors import BundleInvalid, BundleTampered, GateFailed
from training.bundle import ScoringBundle
from training.extra import TO_REGISTER, require_packages
from training.seal import public_key_hex
from training.track import CHALLENGER, CHAMPION, RecordedVersion, move_champion, version_at


@dataclass(frozen=True, slots=True)
class Promotion:
    """The version that is champion now, its bundle's content hash and who approved it."""

    version: str
    content_hash: str
    approved_by: str
    approved_at: str


@dataclass(frozen=True, slots=True)
class Release:
    """A signed bundle folder; a service is told ``trusted_key`` and loads nothing another key has signed."""

    path: Path
    version: str
    content_hash: str
    trusted_key: str
    approved_by: str


def promote(home: Path, *, approver: str, at: datetime) -> Promotion:
    """Make the challenger the champion.

    Raises
    ------
    GateFailed
        No approver is named, or the model's outcomes in the test period do not rise with its PDs.
    TrainingFailed
        There is no challenger, or MLflow is not installed.
    BundleTampered
        The recorded bundle is not the one that was trained.
    """
    require_packages(TO_REGISTER)
    if not approver.strip():
        raise GateFailed("a promotion must name its approver, found an empty name: say who answers for it")
    challenger = version_at(home, CHALLENGER)
    bundle = _recorded_bundle(challenger)
    slope = bundle.model.get("measures", {}).get("calibration_slope")
    if not (isinstance(slope, float) and slope > 0):
        raise GateFailed(f"the calibration slope in the test period must be above 0, found {slope}: train another model")
    approved_at = at.isoformat(timespec="seconds")
    move_champion(home, challenger, {"approved_by": approver.strip(), "approved_at": approved_at})
    return Promotion(challenger.version, bundle.content_hash, approver.strip(), approved_at)


def release(home: Path, out: Path, *, at: datetime, key: Path | None = None) -> Release:
    """Write the champion's bundle, signed, into the new folder ``out``.

    Parameters
    ----------
    home
        MLflow's home.
    out
        Folder to write; it must not exist or be empty.
    at
        The time of the release.
    key
        Ed25519 private key (PEM, PKCS #8); by default ``keys/release.pem`` under the home, made on first use.
    """
    require_packages(TO_REGISTER)
    champion = version_at(home, CHAMPION)
    bundle = _recorded_bundle(champion)
    signer = _signing_key(home / "keys" / "release.pem" if key is None else key, may_create=key is None)
    if out.is_dir() and not any(out.iterdir()):
        out.rmdir()
    approved_by = champion.tags.get("approved_by", "")
    content_hash = bundle.save(
        out,
        release={
            "version": champion.version,
            "run_id": champion.run_id,
            "approved_by": approved_by,
            "approved_at": champion.tags.get("approved_at", ""),
            "released_at": at.isoformat(timespec="seconds"),
        },
        key=signer,
    )
    return Release(out, champion.version, content_hash, public_key_hex(signer.public_key()), approved_by)


def _recorded_bundle(version: RecordedVersion) -> ScoringBundle:
    bundle = ScoringBundle.load(version.bundle)
    recorded = version.tags.get("bundle_sha256")
    if bundle.content_hash != recorded:
        raise BundleTampered(
            f"version {version.version} was recorded with the bundle {recorded}, and {version.bundle} holds "
            f"{bundle.content_hash}: train again"
        )
    return bundle


def _signing_key(path: Path, *, may_create: bool) -> Ed25519PrivateKey:
    if may_create and not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = Ed25519PrivateKey.generate()
        pem = made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
        return made
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise BundleInvalid(f"the signing key {path} must be readable by its owner alone: chmod 600 it")
        found = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise BundleInvalid(f"the signing key {path} must be an Ed25519 private key in PEM without password") from error
    if not isinstance(found, Ed25519PrivateKey):
        raise BundleInvalid(f"the signing key {path} must be Ed25519, found {type(found).__name__}")
    return found
