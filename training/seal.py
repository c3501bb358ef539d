"""Is this folder exactly what was released? Hashes, signature and shape of a bundle folder, checked before any parsing.

``manifest.json`` lists the SHA-256 of every content file and a release block; ``manifest.sig`` holds the Ed25519 public
key and the signature of the manifest's bytes, in hexadecimal, one per line. The content hash is over the list of content
files alone, so that it does not change with the signature, the run or the time.
"""

import hashlib
import json
import os
import re
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from credit.errors import BundleInvalid, BundleTampered

FORMAT = 1
CONTENT = (
    "model.txt",
    "calibration.json",
    "scale.json",
    "grades.json",
    "catalog.json",
    "reference.json",
    "interval.json",
    "sufficiency.json",
    "golden.json",
    "model.json",
)
"""What every bundle holds."""
OPTIONAL = ("monotone.json",)
"""What newer bundles hold besides; an older one loads without it."""
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
LARGEST = 64 * 2**20
"""Bytes one file may hold; a model of 2,000 trees of depth 6 needs a tenth of it."""

_SIGNATURE_TEXT = re.compile(rb"([0-9a-f]{64})\n([0-9a-f]{128})\n")


@dataclass(frozen=True, slots=True)
class Sealed:
    """The verified bytes of a bundle folder: content by file name, release block, hash, and who signed."""

    content: Mapping[str, bytes]
    release: Mapping[str, Any]
    content_hash: str
    signed_by: str | None


def seal(folder: Path, content: Mapping[str, bytes], release: Mapping[str, Any], key: Ed25519PrivateKey | None) -> str:
    """Write content, manifest and, with a key, the signature into the new ``folder``; return the content hash.

    The folder appears whole or not at all: it is written under another name and renamed.
    """
    if not _is_whole(content):
        raise BundleInvalid(
            f"a bundle must hold {', '.join(CONTENT)} and may hold {', '.join(OPTIONAL)}; found {', '.join(sorted(content))}"
        )
    if folder.exists():
        raise BundleInvalid(f"a bundle is never overwritten, and {folder} exists: name a new folder")
    digests = _digests(content)
    whole = _hash_of(digests)
    manifest = dump_json({"format": FORMAT, "content": digests, "content_hash": whole, "release": dict(release)})
    parts = {**content, MANIFEST: manifest}
    if key is not None:
        parts[SIGNATURE] = f"{public_key_hex(key.public_key())}\n{key.sign(manifest).hex()}\n".encode()
    draft = folder.with_name(f".{folder.name}.{os.getpid()}.draft")
    draft.mkdir(parents=True)
    for name, data in parts.items():
        with (draft / name).open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    draft.rename(folder)
    return whole


def unseal(folder: Path, *, trusted_key: str | None = None, wanted_hash: str | None = None) -> Sealed:
    """Read and verify a bundle folder; nothing in it is parsed before its signature and hashes hold.

    Parameters
    ----------
    folder
        The bundle.
    trusted_key
        Ed25519 public key in hexadecimal that must have signed it. None accepts an unsigned bundle or any signer, for
        work on one's own machine.
    wanted_hash
        The content hash it must have; None takes any.

    Raises
    ------
    BundleTampered
        Unexpected, linked or oversized files, a hash that differs, a signature that is missing, wrong or another's.
    BundleInvalid
        No such folder, a missing part, or another format.
    """
    parts = _read_parts(folder)
    signed_by = _verify_signature(folder, parts, trusted_key)
    manifest = load_json(parts[MANIFEST], MANIFEST)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise BundleInvalid(f"{folder}: the manifest must say format {FORMAT}; use the release that wrote the bundle")
    digests = manifest.get("content")
    if not isinstance(digests, dict) or not _is_whole(digests) or set(digests) != set(parts) - {MANIFEST, SIGNATURE}:
        raise BundleTampered(f"{folder}: the manifest must list {', '.join(CONTENT)}, and of {', '.join(OPTIONAL)} what lies there")
    for name in digests:
        found = hashlib.sha256(parts[name]).hexdigest()
        if found != digests[name]:
            raise BundleTampered(f"{folder}: {name} must have SHA-256 {digests[name]}, found {found}: fetch it again")
    whole = _hash_of(digests)
    if manifest.get("content_hash") != whole:
        raise BundleTampered(f"{folder}: the content hash must be {whole}, found {manifest.get('content_hash')!r}")
    if wanted_hash is not None and whole != wanted_hash:
        raise BundleTampered(f"{folder}: the bundle that was asked for has the content hash {wanted_hash}, this one {whole}")
    release = manifest.get("release")
    if not isinstance(release, dict):
        raise BundleInvalid(f"{folder}: the manifest must hold a release block, found {release!r}")
    return Sealed({name: parts[name] for name in digests}, release, whole, signed_by)


def dump_json(document: Any) -> bytes:
    """Return a document as UTF-8 JSON with sorted keys: one document, one text."""
    return (json.dumps(document, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False) + "\n").encode()


def load_json(data: bytes, name: str) -> Any:
    """Parse a part of a bundle; NaN, infinities and repeated keys are refused."""
    try:
        return json.loads(data, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise BundleInvalid(f"{name} must be plain JSON: {type(error).__name__} {error}"[:200]) from error


def public_key_hex(key: Ed25519PublicKey) -> str:
    """Return the 32 bytes of a public key in hexadecimal: the form in which a key is trusted."""
    return key.public_bytes_raw().hex()


def _read_parts(folder: Path) -> dict[str, bytes]:
    try:
        found = sorted(entry.name for entry in os.scandir(folder))
    except OSError as error:
        raise BundleInvalid(f"{folder} must be a bundle folder that can be read: {error.strerror}") from error
    required = {*CONTENT, MANIFEST}
    unexpected = set(found) - required - {*OPTIONAL, SIGNATURE}
    if unexpected:
        raise BundleTampered(f"{folder}: only the parts of a bundle may lie in it, found {sorted(unexpected)[:5]}")
    missing = required - set(found)
    if missing:
        raise BundleInvalid(f"{folder}: a bundle must hold {', '.join(sorted(missing))}")
    return {name: _read_part(folder / name) for name in found}


def _read_part(path: Path) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise BundleTampered(f"{path} must be a plain file, not a link: {error.strerror}") from error
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise BundleTampered(f"{path} must be a plain file")
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise BundleTampered(f"{path} must not exceed {LARGEST} bytes")
    return data


def _verify_signature(folder: Path, parts: Mapping[str, bytes], trusted_key: str | None) -> str | None:
    if SIGNATURE not in parts:
        if trusted_key is not None:
            raise BundleTampered(f"{folder}: it must be signed by {trusted_key}, and has no signature: release it again")
        return None
    match = _SIGNATURE_TEXT.fullmatch(parts[SIGNATURE])
    if match is None:
        raise BundleTampered(f"{folder}: {SIGNATURE} must hold a public key and a signature in hexadecimal")
    signer = match[1].decode()
    if trusted_key is not None and signer != trusted_key.strip().lower():
        raise BundleTampered(f"{folder}: it must be signed by {trusted_key}, and was signed by {signer}")
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(signer)).verify(bytes.fromhex(match[2].decode()), parts[MANIFEST])
    except (InvalidSignature, ValueError) as error:
        raise BundleTampered(f"{folder}: the signature does not fit the manifest: fetch the bundle again") from error
    return signer


def content_hash(content: Mapping[str, bytes]) -> str:
    """Return the SHA-256 over the names and digests of the content files, in their order."""
    return _hash_of(_digests(content))


def _is_whole(parts: Collection[str]) -> bool:
    return set(CONTENT) <= set(parts) <= {*CONTENT, *OPTIONAL}


def _digests(content: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(content[name]).hexdigest() for name in (*CONTENT, *OPTIONAL) if name in content}


def _hash_of(digests: Mapping[str, str]) -> str:
    text = "".join(f"{digests[name]}  {name}\n" for name in (*CONTENT, *OPTIONAL) if name in digests)
    return hashlib.sha256(f"lianxin bundle {FORMAT}\n{text}".encode()).hexdigest()


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not a number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) != len(pairs):
        raise ValueError("a key is repeated")
    return keys
