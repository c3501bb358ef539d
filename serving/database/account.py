"""Under which system user does the embedded PostgreSQL run, and where may its files lie?

PostgreSQL refuses to run as root. Started by an ordinary user it runs as that user, in the folder that was asked for. Started by root it
runs as ``postgres`` or, where there is none, as ``nobody``; an existing data folder decides by its owner, so that installing another
PostgreSQL later changes nothing. No permission of an existing folder is ever widened: a place that user may not reach is answered by
another place, below ``/var/lib/lianxin``.
"""

import hashlib
import os
import pwd
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from credit.errors import ServiceUnavailable

SYSTEM_USERS = ("postgres", "nobody")
SYSTEM_FOLDER = Path("/var/lib/lianxin")


@dataclass(frozen=True, slots=True)
class Account:
    """The user the database server runs as; ``is_other`` where that is not the user of this process."""

    name: str
    uid: int
    gid: int
    is_other: bool

    def popen_arguments(self) -> Mapping[str, Any]:
        """Return the keyword arguments that make ``subprocess`` run a command as this user and nothing more."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.is_other else {}

    def may_traverse(self, folder: Path) -> bool:
        """Tell whether this user can pass through ``folder`` and everything above it; what does not exist yet is no hindrance."""
        for place in (folder, *folder.parents):
            try:
                found = place.stat()
            except FileNotFoundError:
                continue
            needed = stat.S_IXUSR if found.st_uid == self.uid else stat.S_IXGRP if found.st_gid == self.gid else stat.S_IXOTH
            if not found.st_mode & needed:
                return False
        return True

    def make_private_folder(self, folder: Path) -> None:
        """Create ``folder`` for this user alone (mode 0700); it must not exist yet."""
        folder.mkdir(mode=0o700)
        if self.is_other:
            os.chown(folder, self.uid, self.gid)


def server_account(data: Path) -> Account:
    """Choose the user for the server whose data folder is ``data``.

    Raises
    ------
    ServiceUnavailable
        This process is root and no usable system user exists, or the data folder belongs to another user than this one.
    """
    owner = data.stat().st_uid if data.exists() else None
    me = os.geteuid()
    if me != 0:
        if owner not in (None, me):
            raise ServiceUnavailable(
                f"A database folder is used by its owner only: {data} belongs to user id {owner}, this process to {me}. "
                f"Start as that user, or name another folder with --data."
            )
        entry = _entry(me)
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, is_other=False)
    if owner is not None:
        entry = _entry(owner)
        if entry.pw_uid == 0:
            raise ServiceUnavailable(
                f"PostgreSQL refuses to run as root, but {data} belongs to root. Remove it or give it to another user."
            )
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, is_other=True)
    for name in SYSTEM_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, is_other=True)
    raise ServiceUnavailable(
        f"PostgreSQL refuses to run as root, and none of the system users {', '.join(SYSTEM_USERS)} exists. "
        f"Start as an ordinary user, create one of them, or set DATABASE_URL."
    )


def _entry(uid: int) -> pwd.struct_passwd:
    """Return the user table's entry; PostgreSQL itself needs one."""
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        raise ServiceUnavailable(
            f"PostgreSQL needs a user with a name, but user id {uid} has no entry in the user table. Add one, or set DATABASE_URL."
        ) from None


def place_for(folder: Path) -> Path:
    """Return where the database of the wished ``folder`` really lies.

    That is the folder itself, unless this process is root and the server's user cannot reach it (a clone in root's home): then it is a
    folder below ``/var/lib/lianxin`` named after a hash of the wished path, so that the same wish finds the same database again.

    Raises
    ------
    ServiceUnavailable
        The wished folder, or something on the way to it, is a file.
    """
    folder = folder.resolve()
    for place in (folder / "data", folder, *folder.parents):
        if place.exists() and not place.is_dir():
            raise ServiceUnavailable(f"The database lies in a folder, but {place} is a file. Name a folder with --data.")
    if os.geteuid() != 0 or server_account(folder / "data").may_traverse(folder):
        return folder
    return SYSTEM_FOLDER / hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]


def make_reachable_folder(folder: Path) -> None:
    """Create the folder and what is missing above it: private for an ordinary user, passable but not readable where root makes it."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(exist_ok=True)
        place.chmod(0o711 if os.geteuid() == 0 else 0o700)
