"""A ledger on disk: immutable segments, and one manifest that names them.

Whatever is written goes to new folders first; then the manifest is replaced in one step, and only then what it no longer names is
removed. Whoever reads sees the old ledger or the new one, at every moment and after every kind of death.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import duckdb
import numpy as np

from credit.errors import CannotWrite, LedgerUnreadable
from features.collect import MEMORY, Collected, collect
from features.ledger import Ids, Ledger, ids_of, profiles_of, refuse_empty, survey
from features.read import RawTables
from features.segment import Segment, read_segment, write_segment

FORMAT: Final = 3
MANIFEST: Final = "manifest.json"
_OURS: Final = ("segment-", "names-", ".manifest-", ".lock")
_AGAIN: Final = "build it again with `lianxin ledger build DIR OUT`"


def save_ledger(ledger: Ledger, path: Path) -> None:
    """Write a ledger to a folder, complete or not at all; an existing ledger there is replaced.

    Raises
    ------
    LedgerUnreadable
        If the folder holds something else, or another process is writing to it.
    CannotWrite
        If the folder cannot be written.
    """
    with writing(path) as folder:
        segments = []
        for number, segment in enumerate(ledger.segments):
            segments.append(new_name("segment", number))
            write_segment(folder / segments[-1], iter([segment]))
        names = write_names(folder, ledger)
        commit(folder, manifest_of(ledger, segments, names), {})


def build_stored(
    tables: RawTables,
    path: Path,
    *,
    quality: Mapping[str, float | None] | None = None,
    progress: Callable[[str], None] | None = None,
    memory: int = MEMORY,
) -> Ledger:
    """Build a ledger straight onto disk, a bucket of suppliers at a time, and return it opened.

    Parameters are those of `features.ledger.build_ledger`, and `memory`, the bytes of records kept before the rest spills to disk.
    Raises as `build_ledger` and `save_ledger` do.
    """
    say = progress or (lambda stage: None)
    say("records")
    collected = collect(tables.con, zone=tables.zone, tables=tables.present, memory=memory)
    days: list[Any] = []
    counts: list[Any] = []
    try:
        with writing(path) as folder:
            say("facts")
            segment = new_name("segment", 0)
            write_segment(folder / segment, _surveyed(collected, days, counts))
            found = Ledger(
                segments=(),
                suppliers=ids_of(collected.codes.suppliers),
                parties=ids_of(collected.codes.parties),
                days=np.concatenate(days, axis=1),
                counts=np.concatenate(counts),
                zone=tables.zone,
                present=tables.present,
                digests=tables.digests,
                profiles=profiles_of(tables.con),
                quality=dict(quality or {}),
            )
            refuse_empty(found.counts)
            say("saving")
            commit(folder, manifest_of(found, [segment], write_names(folder, found)), {})
    finally:
        collected.close()
    return open_ledger(path, verify=False)


def _surveyed(collected: Collected, days: list[Any], counts: list[Any]) -> Iterator[Segment]:
    for number in range(collected.buckets):
        _, segment = collected.bucket(number)
        known, facts = survey(segment)
        days.append(known)
        counts.append(facts)
        yield segment


def open_ledger(path: Path, *, verify: bool = True) -> Ledger:
    """Open a stored ledger; its records are mapped into memory.

    Parameters
    ----------
    path : Path
    verify : bool
        Read every file once and compare its SHA-256 with the manifest (about a second per GB).

    Raises
    ------
    LedgerUnreadable
        If the folder is no ledger, of another format, or a file is missing or is not what was saved.
    """
    path = path.resolve()
    manifest = read_manifest(path)
    if verify:
        _check_digests(path, manifest["sha256"])
    try:
        segments = tuple(read_segment(path / name) for name in manifest["segments"])
        names = path / manifest["names"]
        suppliers, parties = (_read_ids(names, kind) for kind in ("suppliers", "parties"))
        days, counts = (np.load(names / f"{name}.npy", allow_pickle=False) for name in ("days", "counts"))
        profiles = _read_profiles(names / "profiles.parquet")
    except (OSError, EOFError, ValueError, KeyError, duckdb.Error) as error:
        raise LedgerUnreadable(f"{path} is damaged: {type(error).__name__} while opening it; {_AGAIN}") from error
    if days.shape != (3, len(suppliers)) or days.dtype != np.int32 or counts.shape != (len(suppliers),):
        raise LedgerUnreadable(f"{path} is damaged: its arrays do not fit together; {_AGAIN}")
    return Ledger(
        segments=segments,
        suppliers=suppliers,
        parties=parties,
        days=days,
        counts=counts,
        zone=manifest["zone"],
        present=frozenset(manifest["present"]),
        digests=manifest["digests"],
        profiles=profiles,
        quality=manifest["quality"],
    )


def read_manifest(path: Path) -> dict[str, Any]:
    """Return a ledger's manifest, or refuse with `LedgerUnreadable`."""
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        manifest = None
    if not isinstance(manifest, dict):
        raise LedgerUnreadable(f"{path} is not a ledger (no readable manifest.json); build one with `lianxin ledger build DIR OUT`")
    if manifest.get("format") != FORMAT:
        raise LedgerUnreadable(f"{path} has ledger format {manifest.get('format')}, this version reads {FORMAT}; {_AGAIN}")
    kinds = {"zone": str, "present": list, "digests": dict, "quality": dict, "sha256": dict, "segments": list, "names": str}
    wrong = [name for name, kind in kinds.items() if not isinstance(manifest.get(name), kind)]
    if wrong:
        raise LedgerUnreadable(f"{path} is damaged: its manifest lacks {', '.join(wrong)}; {_AGAIN}")
    return manifest


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Hold a ledger's folder for writing: made where it is missing, refused where it is something else or somebody else writes."""
    path = path.resolve()
    if path.exists() and not path.is_dir():
        raise LedgerUnreadable(f"{path} exists and is not a ledger; name another folder or remove it")
    if path.is_dir() and not (path / MANIFEST).is_file() and any(not file.name.startswith(_OURS) for file in path.iterdir()):
        raise LedgerUnreadable(f"{path} exists and is not a ledger; name another folder or remove it")
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = (path / ".lock").open("w")
    except OSError as error:
        raise CannotWrite(f"{path} cannot be written ({error.strerror}); name a folder that can be written") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LedgerUnreadable(f"{path} is being written by another process; wait until it is done") from error
        _sweep(path)
        try:
            yield path
        except OSError as error:
            raise CannotWrite(f"{path} cannot be written ({error.strerror}); free space or name another folder") from error
        finally:
            _sweep(path)


def new_name(kind: str, number: int) -> str:
    """Return the name of a new folder inside a ledger, never used before."""
    return f"{kind}-{number:04d}-{uuid4().hex[:12]}"


def write_names(folder: Path, ledger: Ledger) -> str:
    """Write ids, known days and profiles to a new folder; return its name."""
    name = new_name("names", len(ledger.suppliers))
    names = folder / name
    names.mkdir()
    for kind, ids in (("suppliers", ledger.suppliers), ("parties", ledger.parties)):
        np.save(names / f"{kind}.npy", ids.data, allow_pickle=False)
        np.save(names / f"{kind}-starts.npy", ids.starts, allow_pickle=False)
    np.save(names / "days.npy", ledger.days, allow_pickle=False)
    np.save(names / "counts.npy", ledger.counts, allow_pickle=False)
    target = str(names / "profiles.parquet").replace("'", "''")
    ledger.profiles.cursor().execute(f"COPY (FROM profiles ORDER BY supplier_id) TO '{target}' (FORMAT parquet)")
    return name


def manifest_of(ledger: Ledger, segments: list[str], names: str) -> dict[str, Any]:
    """Return the manifest of a ledger in these folders."""
    return {
        "format": FORMAT,
        "zone": ledger.zone,
        "present": sorted(ledger.present),
        "digests": dict(sorted(ledger.digests.items())),
        "quality": dict(ledger.quality),
        "segments": segments,
        "names": names,
    }


def commit(folder: Path, manifest: dict[str, Any], known: Mapping[str, str]) -> None:
    """Make a manifest the ledger's, once all it names is safely on disk; `known` holds digests of files that were there before."""
    digests = {}
    for part in (*manifest["segments"], manifest["names"]):
        for file in sorted((folder / part).iterdir()):
            name = f"{part}/{file.name}"
            digests[name] = known.get(name) or _sync_and_digest(file)
        _sync(folder / part)
    part = folder / f".manifest-{uuid4().hex[:12]}"
    with part.open("w", encoding="utf-8") as stream:
        json.dump({**manifest, "sha256": digests}, stream, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(part, folder / MANIFEST)
    _sync(folder)


def _sweep(folder: Path) -> None:
    """Remove what the manifest does not name: what an interrupted write left, or what was replaced."""
    kept = {MANIFEST, ".lock"}
    if (folder / MANIFEST).is_file():
        try:
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            kept |= {*manifest.get("segments", ()), manifest.get("names", "")}
        except ValueError:
            return
    for entry in folder.iterdir():
        if entry.name.startswith(_OURS) and entry.name not in kept:
            shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink(missing_ok=True)


def _read_ids(folder: Path, kind: str) -> Ids:
    ids = Ids(np.load(folder / f"{kind}.npy", allow_pickle=False), np.load(folder / f"{kind}-starts.npy", allow_pickle=False))
    if ids.data.dtype != np.uint8 or ids.starts.dtype != np.int64 or ids.starts[0] != 0 or ids.starts[-1] > len(ids.data):
        raise ValueError(f"{kind} of another length")
    return ids


def _read_profiles(path: Path) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    source = str(path).replace("'", "''")
    con.execute(f"CREATE TABLE profiles AS FROM read_parquet('{source}')")
    return con


def _check_digests(path: Path, digests: Mapping[str, str]) -> None:
    for name, saved in digests.items():
        try:
            found = _digest(path / name)
        except OSError as error:
            raise LedgerUnreadable(f"{path} is damaged: {name} cannot be read; {_AGAIN}") from error
        if found != saved:
            raise LedgerUnreadable(f"{path} is damaged: {name} is not what was saved; {_AGAIN}")


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync_and_digest(file: Path) -> str:
    with file.open("rb") as stream:
        os.fsync(stream.fileno())
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
