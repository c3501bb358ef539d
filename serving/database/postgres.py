"""The one database: PostgreSQL, embedded, started and stopped with the service.

`EmbeddedPostgres` makes the database on its first start, adopts a server that a killed process left behind, and stops it at the end; one
process at a time owns a folder, held by a lock that the kernel releases however the process ends. The server listens on a private socket
only. ``DATABASE_URL`` puts an external server in its place (`serving.server`).
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psycopg
from sqlalchemy import URL

from credit.errors import ServiceUnavailable
from serving.database.account import Account, make_reachable_folder, place_for, server_account
from serving.database.cluster import (
    ADMIN_ROLE,
    Credentials,
    binaries_for,
    make_cluster,
    read_or_make_credentials,
    refuse_other_version,
    server_environment,
)
from serving.database.postmaster import (
    disarm_stale_pid_file,
    is_postmaster_of,
    running_postmaster,
    stop_postmaster,
    wait_until_gone,
)
from serving.database.roles import APP_ROLE, DATABASE, OWNER_ROLE, ensure_roles

READY_SECONDS = 60.0
SOCKET_PATH_BYTES = 107
_SOCKET_NAME = ".s.PGSQL.5432"
_SOCKET_PREFIX = "lianxin-"
_LOG_BYTES = 10_000_000
# fsync and synchronous_commit keep their defaults (on): what was acknowledged is on disk. Statements and values stay out of the log.
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": "5432",
    "max_connections": "40",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "password_encryption": "scram-sha-256",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
    "log_line_prefix": "%m [%p] ",
}


class EmbeddedPostgres:
    """A PostgreSQL server of our own on one folder; use it as a context manager.

    Parameters
    ----------
    folder
        Where its files shall lie. `place` is where they do lie: another folder where this process is root and the server's user cannot
        reach the wished one.
    ready_seconds
        How long to wait for the server to accept connections, recovery after a crash included.
    """

    def __init__(self, folder: Path, *, ready_seconds: float = READY_SECONDS) -> None:
        """Choose the place; nothing is started yet."""
        self.place = place_for(folder)
        self._ready_seconds = ready_seconds
        self._data = self.place / "data"
        self._log = self.place / "postgres.log"
        self._lock: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._credentials: Credentials | None = None
        self.pid: int | None = None
        self.socket_folder: Path | None = None
        self.was_adopted = False

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop, whatever happened."""
        self.stop()

    def start(self) -> None:
        """Adopt the running server or start one, making the database first where there is none; return when it accepts connections.

        Raises
        ------
        ServiceUnavailable
            Another process owns the folder, the folder is of another version or user, or the server did not come up in time.
        """
        self._take_lock()
        try:
            self._start_locked()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server, wait until it is gone, and give the folder free; calling it again does nothing."""
        try:
            if self.pid is not None:
                stop_postmaster(self._data, self.pid)
                if self._process is not None:
                    self._process.wait()
            self._remove_socket_folder(self.socket_folder)
        finally:
            self.pid = self._process = self.socket_folder = None
            if self._lock is not None:
                self._lock.close()
                self._lock = None

    def start_again(self) -> bool:
        """Start a server that died under us anew, at the address it had; False where it lives or was never started.

        A killed server's children live on for a moment and the new one refuses to start beside them: ask again.

        Raises
        ------
        ServiceUnavailable
            It did not come up.
        """
        if self._lock is None or self.socket_folder is None or self._lives():
            return False
        for left in self.socket_folder.glob(f"{_SOCKET_NAME}*"):
            left.unlink(missing_ok=True)
        disarm_stale_pid_file(self._data)
        account = server_account(self._data)
        self._launch(binaries_for(self.place, account), account)
        self._wait_until_ready()
        return True

    def owner_url(self) -> URL:
        """Return the address for the owner of the tables, for migrations only; it carries a password, never print it."""
        return _url(OWNER_ROLE, self._known_credentials().owner, self.socket_folder)

    def app_url(self) -> URL:
        """Return the address for the application; it carries a password, never print it."""
        return _url(APP_ROLE, self._known_credentials().app, self.socket_folder)

    def _known_credentials(self) -> Credentials:
        """Return the passwords of the started server."""
        if self._credentials is None or self.socket_folder is None:
            raise ServiceUnavailable("The embedded database has an address only while it runs. Start it first.")
        return self._credentials

    def _take_lock(self) -> None:
        """Become the one process that owns the folder; the lock ends with this process, not with the server it starts."""
        make_reachable_folder(self.place)
        lock = (self.place / "lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise ServiceUnavailable(
                f"One process at a time uses a database folder: {self.place} is in use by process {holder}. Stop it, or name another "
                f"folder with --data."
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        self._lock = lock

    def _start_locked(self) -> None:
        """Bring the server up; the folder is ours."""
        has_data = self._data.exists()
        account = server_account(self._data)
        if has_data:
            refuse_other_version(self._data)
        self._credentials = read_or_make_credentials(self.place, has_data=has_data)
        if has_data:
            self._adopt()
        if self.pid is None:
            binaries = binaries_for(self.place, account)
            if not has_data:
                make_cluster(binaries, self._data, account, self._credentials.admin)
            self._launch(binaries, account)
        self._wait_until_ready()
        ensure_roles(str(self.socket_folder), self._credentials)

    def _adopt(self) -> None:
        """Take over the server a killed process left behind, or clear what it left of a dead one."""
        found = running_postmaster(self._data)
        if found is not None and found.is_stopping:
            if not wait_until_gone(self._data, found.pid, self._ready_seconds):
                raise ServiceUnavailable(f"The database server of {self._data} (process {found.pid}) has been stopping for too long.")
            found = None
        if found is not None and found.is_ready and not (found.socket_folder / _SOCKET_NAME).exists():
            # Its socket was swept away, so nobody can ever reach it again.
            stop_postmaster(self._data, found.pid)
            found = None
        if found is None:
            self._remove_socket_folder(_stale_socket_folder(self._data))
            disarm_stale_pid_file(self._data)
            return
        self.pid, self.was_adopted = found.pid, True

    def _launch(self, binaries: Path, account: Account) -> None:
        """Start the server in a session of its own, so that Ctrl-C reaches the service alone, which then stops it in order."""
        self.socket_folder = self.socket_folder or self._make_socket_folder(account)
        if self._log.exists() and self._log.stat().st_size > _LOG_BYTES:
            self._log.replace(self._log.with_suffix(".log.1"))
        settings = _SETTINGS | {"unix_socket_directories": str(self.socket_folder)}
        command = [str(binaries / "postgres"), "-D", str(self._data)]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with os.fdopen(os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self._data if not account.is_other else "/",
                env=server_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **account.popen_arguments(),
            )
        self.pid = self._process.pid

    def _make_socket_folder(self, account: Account) -> Path:
        """Choose the private folder of the socket: beside the data, or a short one of its own where the path would be too long."""
        folder = self.place / "run"
        if len(os.fsencode(folder / _SOCKET_NAME)) > SOCKET_PATH_BYTES:
            folder = Path(tempfile.mkdtemp(prefix=_SOCKET_PREFIX, dir="/tmp"))
            if account.is_other:
                os.chown(folder, account.uid, account.gid)
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        account.make_private_folder(folder)
        return folder

    def _remove_socket_folder(self, folder: Path | None) -> None:
        """Remove the socket's folder, if it is one that this class makes."""
        if folder is not None and (folder == self.place / "run" or folder.name.startswith(_SOCKET_PREFIX)):
            shutil.rmtree(folder, ignore_errors=True)

    def _wait_until_ready(self) -> None:
        """Wait until the server takes a connection with our password."""
        end = time.monotonic() + self._ready_seconds
        while True:
            self._refuse_if_ended()
            found = running_postmaster(self._data)
            if found is not None and found.is_ready:
                self.socket_folder = found.socket_folder
                if self._answers():
                    return
            if time.monotonic() > end:
                raise ServiceUnavailable(f"The database server did not get ready in {self._ready_seconds:g} s. {self._last_log_lines()}")
            time.sleep(0.02)

    def _refuse_if_ended(self) -> None:
        """Raise when the server's process has ended while we wait for it."""
        if not self._lives():
            self.pid = None
            raise ServiceUnavailable(f"The database server ended while it was starting. {self._last_log_lines()}")

    def _lives(self) -> bool:
        """Tell whether the server's process is there."""
        return self._process.poll() is None if self._process else is_postmaster_of(self._data, self.pid or 0)

    def _answers(self) -> bool:
        """Tell whether the administrator can log in; a wrong password is an error, not a reason to wait."""
        try:
            password = self._known_credentials().admin
            with psycopg.connect(host=str(self.socket_folder), dbname="postgres", user=ADMIN_ROLE, password=password, connect_timeout=5):
                return True
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise ServiceUnavailable(f"The passwords in {self.place / 'credentials.json'} are not those of its database.") from None
            return False

    def _last_log_lines(self) -> str:
        """Return the end of the server's log for a message."""
        try:
            lines = self._log.read_text("utf-8", "replace").splitlines()[-5:]
        except OSError:
            return ""
        return f"The last lines of {self._log}: " + " / ".join(lines)


def _stale_socket_folder(data: Path) -> Path | None:
    """Return the socket folder a dead server wrote down."""
    try:
        lines = (data / "postmaster.pid").read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    return Path(lines[4].strip()) if len(lines) > 4 and lines[4].strip() else None


def running_urls(folder: Path) -> tuple[URL, URL] | None:
    """Return the owner's and the application's address of a server that runs on the folder, whoever started it; None where none runs."""
    place = place_for(folder)
    found = running_postmaster(place / "data")
    if found is None or not found.is_ready:
        return None
    kept = read_or_make_credentials(place, has_data=True)
    return _url(OWNER_ROLE, kept.owner, found.socket_folder), _url(APP_ROLE, kept.app, found.socket_folder)


def _url(role: str, password: str, socket_folder: Path | None) -> URL:
    """Build an address on the private socket."""
    return URL.create("postgresql+psycopg", role, password, database=DATABASE, query={"host": str(socket_folder)})
