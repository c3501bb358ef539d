"""Peer: getML's FastProp, which propositionalises the same events over the same windows.

FastProp knows counts and sums per window, not ratios, HHI or repeat shares: it is asked for COUNT and SUM of the columns the quantities
are made of, its cheapest aggregations, and 68 of our 84 features are worked out of them to be compared. Its cost is counted per cell it
computes (it adds sums of time differences of its own accord). The frames are typed and joined by pandas as in `pandas_dates`, and handed
over as integers and floats. The engine is a server: its CPU seconds are read from /proc. Needs Linux, and an environment of its own:
getml 1.5 asks for numpy < 2.3 and pandas < 2.3.
"""

import os
import re
import signal
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any, Final

import getml
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow

from benchmarks.features_peers.pandas_dates import EVENTS, prepare, read
from benchmarks.features_peers.workload import (
    NAMES,
    PARTY_QUANTITIES,
    SUMS,
    WINDOWS,
    Answer,
    Sums,
    epoch_days,
    lay_out,
)

COUNTED: Final = {"one", "has_inspection"}
"""Columns that are one in every row they are summed over: COUNT(*) stands for them."""

FITTED_ROWS: Final = 1000
_TICKS: Final = os.sysconf("SC_CLK_TCK")


def _engine_pids(home: str) -> list[int]:
    """Processes of the engine that keeps its projects under this folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if f"project-directory={home}" in command:
                found.append(int(entry.name))
    return found


def _cpu_seconds(pids: Sequence[int]) -> float:
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS


def _frames(folder: Path, days: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.str_], dict[str, Any], dict[str, Any]]:
    """Supplier ids, the population (few rows to fit, all rows to transform), and the events, as the engine's frames."""
    roles = getml.data.roles
    ids, frames = read(folder)
    events = prepare(frames, frames["orders"])
    suppliers, seen = np.repeat(np.arange(len(ids), dtype=np.int32), len(days)), np.tile(days - 1, len(ids))
    # getML 1.5.1 leaves the last 5,000 rows zero where the rows are a multiple of that: one row more, dropped from the answer
    suppliers, seen = np.append(suppliers, suppliers[-1:]), np.append(seen, seen[-1:])
    population = pd.DataFrame(
        {
            "supplier": suppliers,
            # an event of the day before is the last one a row may see
            "day": pd.to_datetime(seen, unit="D"),
            "target": np.random.default_rng(1).random(len(suppliers)),
        }
    )
    held = {
        name: getml.data.DataFrame.from_pandas(
            frame, name, roles={roles.join_key: ["supplier"], roles.time_stamp: ["day"], roles.target: ["target"]}
        )
        for name, frame in (("few", population.iloc[:FITTED_ROWS]), ("rows", population))
    }
    peripheral = {}
    for day, (_, sums) in EVENTS.items():
        numbers = list(dict.fromkeys(column for column in sums.values() if column not in COUNTED))
        frame = events[day]
        if day == "inspected":
            frame = frame[frame["has_inspection"] == 1.0]
        frame = frame[["supplier", *numbers]].assign(day=pd.to_datetime(frame[day], unit="D"))
        peripheral[day] = getml.data.DataFrame.from_pandas(
            frame, day, roles={roles.join_key: ["supplier"], roles.time_stamp: ["day"], roles.numerical: numbers}
        )
    return ids, held, peripheral


def _pipeline(population: Any, peripheral: dict[str, Any], threads: int) -> Any:
    model = getml.data.DataModel(population.to_placeholder("population"))
    model.add(getml.data.to_placeholder(**{day: [frame] * len(WINDOWS) for day, frame in peripheral.items()}))
    for day in peripheral:
        for placeholder, window in zip(getattr(model, day), WINDOWS, strict=True):
            model.population.join(placeholder, on="supplier", time_stamps="day", memory=getml.data.time.days(window))
    kinds = getml.feature_learning.aggregations
    learner = getml.feature_learning.FastProp(
        loss_function="SquareLoss", aggregation=[kinds.SUM, kinds.COUNT], num_threads=threads, num_features=10_000
    )
    return getml.Pipeline(data_model=model, feature_learners=[learner])


def _sums(pipeline: Any, values: npt.NDArray[np.float64], peripheral: dict[str, Any]) -> Sums:
    """Pick, by the SQL the engine gives for each feature, the sums the quantities are made of."""
    out = {name: np.zeros((len(values), len(WINDOWS))) for name in SUMS}
    taken = set()
    for place, feature in enumerate(pipeline.features):
        sql = feature.sql[feature.sql.rindex("SELECT") :]
        what = re.search(r'SELECT (?:COUNT\( (\*) \)|SUM\( t2\."(\w+)" \))', sql)
        table = re.search(r'JOIN "([A-Z]+?)__STAGING', sql)
        window = re.search(r"'\+(\d+)\.0+ days'\" > t1", sql)
        if not (what and table and window):
            continue
        for name, column in EVENTS[table[1].lower()][1].items():
            if column == what[2] or (what[1] and column in COUNTED):
                out[name][:, WINDOWS.index(int(window[1]))] = np.nan_to_num(values[:, place])
                taken.add((name, int(window[1])))
    if missing := {(name, window) for name in SUMS for window in WINDOWS} - taken:
        raise ValueError(f"FastProp gave no feature for {sorted(missing)}; the SQL it writes may have changed")
    return out


def compute(folder: Path, as_of: Sequence[date], *, threads: int = 1) -> Answer:
    """Return what of the features can be worked out of FastProp's counts and sums."""
    if getml.engine.is_engine_alive():
        raise RuntimeError("a getML engine is already running; its seconds could not be told apart: stop it first")
    pyarrow.set_cpu_count(threads)
    pyarrow.set_io_thread_count(threads)
    days = epoch_days(as_of)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        getml.engine.launch(launch_browser=False, allow_push_notifications=False, home_directory=home, quiet=True)
        pids = _engine_pids(home)
        try:
            getml.engine.set_project("features")
            # a project has an engine process of its own
            pids = _engine_pids(home)
            ids, population, peripheral = _frames(folder, days)
            pipeline = _pipeline(population["rows"], peripheral, threads)
            container = getml.data.Container(few=population["few"], rows=population["rows"])
            container.add(**peripheral)
            pipeline.fit(container.few, check=False)
            values = pipeline.transform(container.rows)[:-1]
            elsewhere = _cpu_seconds(pids)
            sums = _sums(pipeline, values, peripheral)
        finally:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
    parties = {name: np.full((len(values), len(WINDOWS)), np.nan) for name in PARTY_QUANTITIES}
    names = tuple(name for name in NAMES if name.rpartition("_")[0] not in PARTY_QUANTITIES)
    columns = [NAMES.index(name) for name in names]
    return Answer(
        np.repeat(ids, len(days)),
        np.tile(days.astype("datetime64[D]"), len(ids)),
        lay_out(sums, parties)[:, columns],
        names,
        elsewhere=elsewhere,
        cells=values.size,
    )
