"""One side in a process of its own: CPU seconds, wall seconds and peak memory of one answer.

    python -m benchmarks.features_peers.measured SIDE FOLDER OUT --as-ofs 24 [--sample 4] [--threads 1] [--memory 2GB] [--warm FOLDER]

Prints one line of JSON. CPU seconds are those of the process, of its children that have ended, and of the server it drives; starting
Python, importing, and one answer on a tiny folder (compiling, opening) are not counted. Needs numpy alone besides what the side needs.
"""

import argparse
import importlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from benchmarks.features_peers.workload import Answer, as_of_dates, save

SIDES: Final = {
    "ours": ("ours", "compute", ("features",)),
    "scan": ("scan", "compute", ("duckdb",)),
    "polars": ("polars_plan", "compute", ("polars",)),
    "polars daily": ("polars_plan", "compute_daily", ("polars",)),
    "DuckDB per date": ("duckdb_dates", "compute_from_files", ("duckdb",)),
    "DuckDB prepared, per date": ("duckdb_dates", "compute", ("duckdb",)),
    "pandas per date": ("pandas_dates", "compute", ("pandas", "pyarrow")),
    "pandas prepared, per date": ("pandas_dates", "compute_prepared", ("pandas", "pyarrow")),
    "FastProp": ("fastprop", "compute", ("getml",)),
}
"""Each side: its module, its function, and the packages it needs."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run of one side cost.

    Attributes
    ----------
    seconds, wall : float
        CPU seconds of the answer, and the time it took.
    prepared : float
        CPU seconds of these that more dates would not cost again.
    dates, cells : int
        As-of dates computed, and cells.
    megabytes : float
        Peak memory of the process since it began.
    out : Path
        Where the answer lies.
    """

    seconds: float
    wall: float
    prepared: float
    dates: int
    cells: int
    megabytes: float
    out: Path

    def over(self, dates: int) -> float:
        """CPU seconds for so many dates, were the others like those computed."""
        return self.prepared + (self.seconds - self.prepared) * dates / self.dates


def is_there(side: str, python: str = sys.executable) -> bool:
    """Whether the packages of a side stand in an interpreter's environment."""
    packages = SIDES[side][2]
    if python == sys.executable:
        return all(importlib.util.find_spec(package) for package in packages)
    return subprocess.run([python, "-c", f"import {', '.join(packages)}"], check=False, capture_output=True).returncode == 0


def sampled(as_of: list[date], sample: int) -> list[date]:
    """Return so many dates evenly spread, or all."""
    if not 0 < sample < len(as_of):
        return as_of
    return [as_of[(2 * i + 1) * len(as_of) // (2 * sample)] for i in range(sample)]


def measure(
    side: str,
    folder: Path,
    out: Path,
    *,
    as_ofs: int,
    sample: int = 0,
    threads: int = 1,
    memory: str | None = None,
    warm: Path | None = None,
    python: str = sys.executable,
) -> Measured:
    """Run one side in a fresh process and return what it cost."""
    command = [python, "-m", "benchmarks.features_peers.measured", side, str(folder), str(out), "--as-ofs", str(as_ofs)]
    command += ["--sample", str(sample), "--threads", str(threads), *(["--memory", memory] if memory else [])]
    command += ["--warm", str(warm)] if warm else []
    one = {name: str(threads) for name in ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "ARROW_IO_THREADS", "NUMBA_NUM_THREADS")}
    here = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
    done = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, **one, "PYTHONPATH": path})
    if done.returncode:
        raise SystemExit(f"{side} failed on {folder}:\n{done.stderr[-3000:]}")
    return Measured(**json.loads(done.stdout.splitlines()[-1]), out=out)


def peak_megabytes() -> float:
    """Return the peak memory of this process; unlike ru_maxrss it begins anew where a process executes a program (Linux)."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc/self/status names no VmHWM; the benchmark needs Linux")


def _seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _run(options: argparse.Namespace) -> None:
    module, function, _ = SIDES[options.side]
    compute = getattr(importlib.import_module(f"benchmarks.features_peers.{module}"), function)
    as_of = as_of_dates(options.as_ofs)
    more: dict[str, Any] = {"threads": options.threads, **({"memory": options.memory} if options.memory else {})}
    if options.warm:
        compute(options.warm, as_of[-2:], **more)
    dates = sampled(as_of, options.sample)
    began, cpu = time.perf_counter(), _seconds()
    answer: Answer = compute(options.folder, dates, **more)
    cost = {
        "seconds": _seconds() - cpu + answer.elsewhere,
        "wall": time.perf_counter() - began,
        "prepared": answer.prepared,
        "dates": len(dates),
        "cells": answer.cells or answer.values.size,
        "megabytes": peak_megabytes(),
    }
    save(answer, options.out)
    print(json.dumps(cost))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("side", choices=SIDES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--as-ofs", type=int, default=24)
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--memory")
    parser.add_argument("--warm", type=Path)
    _run(parser.parse_args())
