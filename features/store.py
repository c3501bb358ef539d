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
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import duckdb
import numpy as np
import numpy.typing as npt

from credit.errors import CannotWrite, LedgerUnreadable
from features.buckets import Collected, parts_of
from features.civil import to_date, to_day
from features.collect import MEMORY, collect
from features.ledger import Ids, Ledger, ledger_of, refuse_empty, survey
from features.network import TOTALS
from features.read import RawTables
from features.segment import Segment, read_segment, write_segment
from features.text_memory import TextMemory
from features.totals import Totals, kept_totals

FORMAT: Final = 4
MANIFEST: Final = "manifest.json"
_OURS: Final = ("segment-", "names-", "network-", ".manifest-", ".lock")
_TOTALS: Final = "totals.npy"
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
        commit(folder, manifest_of(ledger, segments, write_names(folder, ledger), write_networks(folder, kept_totals(ledger))), {})


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
    learned = TextMemory().with_reviews(tables.con, tables.zone)
    collected = collect(tables.con, zone=tables.zone, tables=tables.present, score=learned.scorer(), memory=memory)
    days: list[Any] = []
    counts: list[Any] = []
    try:
        with writing(path) as folder:
            say("facts")
            segment = new_name("segment", 0)
            write_segment(folder / segment, _surveyed(collected, days, counts))
            found = ledger_of(tables, collected.codes, np.concatenate(days, axis=1), np.concatenate(counts), learned, quality)
            refuse_empty(found.counts)
            networks = write_networks(folder, kept_totals(found, (part for _, part in parts_of(collected))))
            say("saving")
            commit(folder, manifest_of(found, [segment], write_names(folder, found), networks), {})
    finally:
        collected.close()
    return open_ledger(path, verify=False)


def _surveyed(collected: Collected, days: list[Any], counts: list[Any]) -> Iterator[Segment]:
    for _, segment in parts_of(collected):
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
    manifest = read_manifest(path)
    path = path.resolve()
    while True:
        try:
            return _opened(path, manifest, verify)
        except LedgerUnreadable:
            newer = read_manifest(path)
            if newer == manifest:
                raise
            manifest = newer  # somebody replaced the ledger meanwhile, and what the older manifest names is gone


def _opened(path: Path, manifest: dict[str, Any], verify: bool) -> Ledger:
    if verify:
        check_digests(path, manifest["sha256"])
    try:
        segments = tuple(read_segment(path / name) for name in manifest["segments"])
        names = path / manifest["names"]
        suppliers, parties = (_read_ids(names, kind) for kind in ("suppliers", "parties"))
        days, counts = (np.load(names / f"{name}.npy", allow_pickle=False) for name in ("days", "counts"))
        profiles = _read_profiles(names / "profiles.parquet")
        networks = {month: _read_totals(path / name, len(parties)) for month, name in networks_of(manifest).items()}
    except (OSError, EOFError, ValueError, TypeError, duckdb.Error) as error:
        raise LedgerUnreadable(f"{path} is damaged: {type(error).__name__} while opening it; {_AGAIN}") from error
    is_counted = (days.dtype, days.shape, counts.dtype, counts.shape) == (np.int32, (3, len(suppliers)), np.int64, (len(suppliers),))
    if not is_counted or any(segment.suppliers > len(suppliers) for segment in segments):
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
        texts=partial(TextMemory.load, names),
        currency=manifest["currency"],
        networks={(month, month): totals[None] for month, totals in networks.items()},
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
    objects, lists = ("digests", "quality", "sha256", "networks"), ("present", "segments", "months")
    kinds: dict[str, type] = {
        **dict.fromkeys(objects, dict),
        **dict.fromkeys(lists, list),
        **dict.fromkeys(("zone", "currency", "names"), str),
    }
    kinds |= {"open": bool, "updates": int}
    wrong = [name for name, kind in kinds.items() if not isinstance(manifest.get(name), kind)]
    if wrong:
        raise LedgerUnreadable(f"{path} is damaged: its manifest lacks {', '.join(wrong)}; {_AGAIN}")
    return manifest


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Hold a ledger's folder for writing: made where it is missing, refused where it is something else or somebody else writes."""
    try:
        path = path.resolve()
        if path.exists() and not _may_be_ours(path):
            raise LedgerUnreadable(f"{path} exists and is not a ledger; name another folder or remove it")
        path.mkdir(parents=True, exist_ok=True)
        lock = (path / ".lock").open("w")
    except (OSError, ValueError) as error:
        told = error.strerror if isinstance(error, OSError) else str(error)
        raise CannotWrite(f"{str(path)!r} cannot be written ({told}); name a folder that can be written") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LedgerUnreadable(f"{path} is being written by another process; wait until it is done") from error
        _sweep(path)
        try:
            yield path
        except (OSError, duckdb.IOException) as error:
            told = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
            raise CannotWrite(f"{path} cannot be written ({told}); free space or name another folder") from error
        finally:
            _sweep(path)


def _may_be_ours(path: Path) -> bool:
    """Whether what stands there is a ledger, or what was left of writing one."""
    return path.is_dir() and ((path / MANIFEST).is_file() or all(file.name.startswith(_OURS) for file in path.iterdir()))


def new_name(kind: str, number: int) -> str:
    """Return the name of a new folder inside a ledger, never used before."""
    return f"{kind}-{number:04d}-{uuid4().hex[:12]}"


def write_names(folder: Path, ledger: Ledger) -> str:
    """Write ids, known days, profiles and what the texts have taught to a new folder; return its name."""
    name = new_name("names", len(ledger.suppliers))
    names = folder / name
    names.mkdir()
    for kind, ids in (("suppliers", ledger.suppliers), ("parties", ledger.parties)):
        np.save(names / f"{kind}.npy", ids.data, allow_pickle=False)
        np.save(names / f"{kind}-starts.npy", ids.starts, allow_pickle=False)
    np.save(names / "days.npy", ledger.days, allow_pickle=False)
    np.save(names / "counts.npy", ledger.counts, allow_pickle=False)
    ledger.texts().save(names)
    target = str(names / "profiles.parquet").replace("'", "''")
    ledger.profiles.cursor().execute(f"COPY (FROM profiles ORDER BY supplier_id) TO '{target}' (FORMAT parquet)")
    return name


def write_networks(folder: Path, totals: Totals) -> dict[str, str]:
    """Write totals of the buyer network to a new folder for each month; return their names by month."""
    written = {}
    for month, numbers in totals.items():
        first = to_date(month)
        name = written[first.isoformat()] = new_name("network", 100 * first.year + first.month)
        (folder / name).mkdir()
        np.save(folder / name / _TOTALS, numbers, allow_pickle=False)
    return written


def networks_of(manifest: Mapping[str, Any]) -> dict[int, str]:
    """Return the folders of the buyer network's totals by the first day of their month."""
    return {to_day(date.fromisoformat(month)): name for month, name in manifest["networks"].items()}


def folders_of(manifest: Mapping[str, Any]) -> list[str]:
    """Return all folders a manifest names."""
    return [str(name) for name in (*manifest["segments"], manifest["names"], *manifest["networks"].values())]


def manifest_of(ledger: Ledger, segments: list[str], names: str, networks: Mapping[str, str]) -> dict[str, Any]:
    """Return the manifest of a ledger in these folders, all segments closed: only an update opens one, for the month it names."""
    return {
        "format": FORMAT,
        "zone": ledger.zone,
        "currency": ledger.currency,
        "present": sorted(ledger.present),
        "digests": dict(sorted(ledger.digests.items())),
        "quality": dict(ledger.quality),
        "segments": segments,
        "months": [None] * len(segments),
        "open": False,
        "updates": 0,
        "names": names,
        "networks": dict(networks),
    }


def commit(folder: Path, manifest: dict[str, Any], known: Mapping[str, str]) -> None:
    """Make a manifest the ledger's, once all it names is safely on disk; `known` holds digests of files that were there before."""
    digests = {}
    for named in folders_of(manifest):
        for file in sorted((folder / named).iterdir()):
            name = f"{named}/{file.name}"
            digests[name] = known.get(name) or _sync_and_digest(file)
        _sync(folder / named)
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
            manifest = read_manifest(folder)
        except LedgerUnreadable:
            return  # of another version, or damaged: nobody can say what it names
        kept |= set(folders_of(manifest))
    for entry in folder.iterdir():
        if entry.name.startswith(_OURS) and entry.name not in kept:
            shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink(missing_ok=True)


def _read_ids(folder: Path, kind: str) -> Ids:
    data, starts = (np.load(folder / f"{name}.npy", allow_pickle=False) for name in (kind, f"{kind}-starts"))
    if (data.dtype, data.ndim, starts.dtype, starts.ndim) != (np.uint8, 1, np.int64, 1) or not len(starts):
        raise ValueError(f"{kind} of another shape")
    if starts[0] != 0 or starts[-1] != len(data) or (np.diff(starts) < 0).any():
        raise ValueError(f"{kind} of another length")
    return Ids(data, starts)


def _read_totals(folder: Path, parties: int) -> npt.NDArray[np.int64]:
    """Totals of a month, mapped; copied where they are written to, so that what is compiled for those in memory will do."""
    found = np.asarray(np.load(folder / _TOTALS, mmap_mode="c", allow_pickle=False))
    if found.dtype != np.int64 or found.ndim != 2 or found.shape[1] != TOTALS or len(found) > parties:
        raise ValueError("totals of another shape")
    return found


def _read_profiles(path: Path) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    source = str(path).replace("'", "''")
    con.execute(f"CREATE TABLE profiles AS FROM read_parquet('{source}')")
    return con


def check_digests(path: Path, digests: Mapping[str, str]) -> None:
    """Refuse files of a ledger that are not what was saved, by the manifest's digests of them.

    Raises
    ------
    LedgerUnreadable
        Naming the first such file.
    """
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
