"""Is a PostgreSQL server already running on this data folder, and which process is it?

The server writes ``postmaster.pid`` into its data folder. After a crash the file may be stale and its process id given to a stranger, so
the file alone proves nothing: only a living process whose command line names this very folder is our postmaster. Read before every
start; a postmaster found so is adopted, never doubled.
"""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from credit.errors import ServiceUnavailable

PID_FILE = "postmaster.pid"
FAST_SECONDS = 20.0
IMMEDIATE_SECONDS = 10.0
_NO_SUCH_PID = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Postmaster:
    """A running server: its process id, the folder of its socket, and the state it last wrote of itself."""

    pid: int
    socket_folder: Path
    state: str

    @property
    def is_ready(self) -> bool:
        """Whether the server says that it accepts connections."""
        return self.state == "ready"

    @property
    def is_stopping(self) -> bool:
        """Whether the server is already on its way down."""
        return self.state == "stopping"


def running_postmaster(data: Path) -> Postmaster | None:
    """Return the living postmaster of the data folder, or None where there is none."""
    try:
        lines = (data / PID_FILE).read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return None
    # pid, data folder, start time, port, socket folder, address, shared memory, state: the last ones come while it starts.
    lines += [""] * (8 - len(lines))
    if not lines[0].strip().isdigit() or not is_postmaster_of(data, int(lines[0])):
        return None
    return Postmaster(int(lines[0]), Path(lines[4].strip() or "/"), lines[7].strip())


def is_postmaster_of(data: Path, pid: int) -> bool:
    """Tell whether the process is alive and was started as the server of this data folder."""
    try:
        process = psutil.Process(pid)
        command = process.cmdline()
        return process.status() != psutil.STATUS_ZOMBIE and _is_server_command(command, data)
    except (psutil.Error, ValueError, OverflowError):
        return False


def _is_server_command(command: list[str], data: Path) -> bool:
    """Tell whether the command line is ``postgres -D <data> ...``; the server's own children carry another title."""
    return len(command) > 2 and Path(command[0]).name == "postgres" and command[1] == "-D" and Path(command[2]) == data


def disarm_stale_pid_file(data: Path) -> None:
    """Make a stale pid file harmless when its number now belongs to a stranger, keeping the server's own check for surviving children.

    The server refuses to start while the process in the file lives, whoever it is. Deleting the file would also throw away the key of
    the shared memory by which it recognises children of a killed server; so only the number is replaced, by one no process can have.
    """
    file = data / PID_FILE
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return
    if not lines or not lines[0].strip().isdigit():
        file.unlink()
        return
    lines[0] = str(_NO_SUCH_PID)
    file.write_text("\n".join(lines) + "\n", "utf-8")


def stop_postmaster(data: Path, pid: int) -> None:
    """Stop the server of the data folder: open transactions are rolled back, everything acknowledged is on disk; return when it is gone.

    Raises
    ------
    ServiceUnavailable
        The process is still there after an immediate shutdown was asked for too.
    """
    for how, patience in ((signal.SIGINT, FAST_SECONDS), (signal.SIGQUIT, IMMEDIATE_SECONDS)):
        if not is_postmaster_of(data, pid):
            return
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            return
        if wait_until_gone(data, pid, patience):
            return
    raise ServiceUnavailable(f"The database server (process {pid}, folder {data}) did not stop. Look into its log and stop it by hand.")


def wait_until_gone(data: Path, pid: int, seconds: float) -> bool:
    """Wait until the postmaster has ended; False when it has not within ``seconds``."""
    end = time.monotonic() + seconds
    while is_postmaster_of(data, pid):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
