"""Who signs? Ed25519 keys in files, and the bank's list of approvers.

A private key is a PEM file (PKCS #8, no password) that its owner alone can read. The list of approvers is a text file, one
approver a line: the public key in hexadecimal, a space, the name; ``#`` begins a comment. It belongs where those who train
cannot write.
"""

import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from credit.errors import ApprovalInvalid, BundleInvalid
from training.seal import public_key_hex

HOME_KEY = Path("keys") / "release.pem"
"""The home's own key, under MLflow's home: it signs what is trained there, and by default what is released."""
APPROVERS = Path("keys") / "approvers.txt"


def read_key(path: Path) -> Ed25519PrivateKey:
    """Read a private key; raise `BundleInvalid` where others can read it or it is none."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise BundleInvalid(f"the signing key {path} must be readable by its owner alone: chmod 600 it")
        found = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise BundleInvalid(f"the signing key {path} cannot be read ({error.strerror}): name the file of a private key") from error
    except (ValueError, TypeError) as error:
        raise BundleInvalid(f"the signing key {path} must be an Ed25519 private key in PEM without password") from error
    if not isinstance(found, Ed25519PrivateKey):
        raise BundleInvalid(f"the signing key {path} must be Ed25519, found {type(found).__name__}")
    return found


def read_or_make_key(path: Path) -> Ed25519PrivateKey:
    """Read a private key, or make one where there is no file."""
    if path.exists():
        return read_key(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = Ed25519PrivateKey.generate()
    pem = made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    return made


def read_approvers(path: Path) -> dict[str, str]:
    """Return the names of the approvers by their public keys; raise `ApprovalInvalid` naming the line that is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ApprovalInvalid(f"the list of approvers {path} cannot be read: add one with `lianxin approver NAME`") from error
    approvers: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, _, name = line.strip().partition(" ")
        if len(key) != 64 or not set(key) <= set("0123456789abcdef") or not name.strip() or key in approvers:
            raise ApprovalInvalid(f"{path}, line {number}: must be 64 hexadecimal digits, a space and a name, each key once")
        approvers[key] = name.strip()
    return approvers


def add_approver(path: Path, name: str, key: Path) -> str:
    """Enter the public half of ``key`` (made where there is none) in the list of approvers; return it in hexadecimal."""
    name = " ".join(name.split())
    if not name:
        raise ApprovalInvalid("an approver must have a name: say who answers for the models")
    public = public_key_hex(read_or_make_key(key).public_key())
    known = read_approvers(path) if path.exists() else {}
    if known.get(public, name) != name:
        raise ApprovalInvalid(f"{path}: the key {key} stands there as {known[public]!r}: name another key for {name!r}")
    if public not in known:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{public} {name}\n")
    return public
