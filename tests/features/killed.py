"""Kills an update just before the n-th call that touches the ledger's files, for every n, and looks at what is left.

Run as `python -m tests.features.killed LEDGER DAY NEXT WORK FIRST STEP` for n = FIRST, FIRST + STEP and so on, so that several may share
the work; prints one JSON object per n. Each update runs in a process of its own, forked from this one, which has compiled everything
before.
"""

import gc
import hashlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

from features.build import build_features
from features.store import folders_of, open_ledger, read_manifest
from features.update import update_ledger

CALLS = ("open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate", "shutil.rmtree")
DATES = [date(2025, 6, 20), date(2025, 8, 1)]


def state(path: Path) -> str:
    """What every feature of every supplier says, from a ledger whose every file is what was saved."""
    ledger = open_ledger(path, verify=True)
    return hashlib.sha256(build_features(ledger, DATES).values.tobytes() + str(ledger.facts).encode()).hexdigest()


def kill_before(call: int, path: Path, log: Path) -> None:
    """From now on count the calls that touch files under `path`, and die just before one of them; `log` says which."""
    counted = 0

    def count(name: str, what: object) -> None:
        nonlocal counted
        counted += 1
        if counted == call:
            log.write_text(f"{name} {str(what).removeprefix(str(path))}")
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in CALLS and str(arguments[0]).startswith(str(path)):
            count(event, arguments[0])

    fsync = os.fsync

    def counted_fsync(handle: int) -> None:
        count("os.fsync", "")
        fsync(handle)

    os.fsync = counted_fsync  # type: ignore[assignment]
    sys.addaudithook(hook)


def forked(work: Callable[[], None]) -> int:
    """Run something in a process of its own; return its exit code, below zero for a signal."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            sys.stderr.flush()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def finish(path: Path, day: Path, following: Path, found: Path) -> None:
    """Say which ledger is left, then do what the killed update was to do, and the next; nothing may lie about afterwards."""
    left = state(path)
    has_changed = update_ledger(path, day).has_changed
    update_ledger(path, following)
    manifest = read_manifest(path)
    named = {*folders_of(manifest), "manifest.json", ".lock"}
    found.write_text(
        json.dumps({"left": left, "again": has_changed, "end": state(path), "swept": {e.name for e in path.iterdir()} == named})
    )


def main(ledger: Path, day: Path, following: Path, work: Path, first: int, step: int) -> None:
    """Kill the update before every `step`-th call from the first on, in turn; the last is the one that is left alone."""
    for folder in (day, following, None):  # compiles all there is to compile, and says what must be found
        shutil.copytree(ledger, work, dirs_exist_ok=True) if folder is day else None
        tell({"state": state(work)})
        update_ledger(work, folder) if folder else None
    gc.collect()
    threads = len(os.listdir("/proc/self/task"))
    call, code = first - step, -signal.SIGKILL
    while code == -signal.SIGKILL:
        call += step
        shutil.rmtree(work)
        shutil.copytree(ledger, work)
        log, found = work.with_suffix(".log"), work.with_suffix(".json")
        log.write_text("")

        def update(call: int = call, log: Path = log) -> None:
            kill_before(call, work, log)
            update_ledger(work, day)

        code = forked(update)
        finished = forked(lambda found=found: finish(work, day, following, found))  # type: ignore[misc]
        said = json.loads(found.read_text()) if finished == 0 else {}
        tell({"call": call, "code": code, "before": log.read_text(), "threads": threads, "finished": finished, **said})


def tell(found: dict[str, object]) -> None:
    """Print a JSON object."""
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:5]), *map(int, sys.argv[5:]))  # type: ignore[arg-type]
