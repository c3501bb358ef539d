"""The feature engine beside its peers on one workload: 20,000 suppliers, 24 monthly as-of dates, 84 features, 10 million orders.

    python -m benchmarks.features [--orders 10e6] [--only polars pandas] [--getml-python PATH]

Every side runs in a fresh process, on one thread unless said, in turn, three rounds; its answer is compared with ours of the same round
(counts and sums exactly, ratios within 1e-9, missing where missing) before any time is printed. Figures are CPU seconds from the Parquet
files to the matrix; medians, and the median of the rounds' ratios. Per-date peers compute `--sample-dates` of the dates (0: all); what they
do once is counted once, the rest scaled to all dates. Peers not installed are left out and named. Needs the extra `bench`;
getML needs an environment of its own (`pip install getml`), whose python is given by `--getml-python`. Linux only.
"""

import argparse
import math
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.features_peers.measured import Measured, is_there, measure
from benchmarks.features_peers.platform import draw_platform
from benchmarks.features_peers.workload import NAMES, as_of_dates, differences, load

MEASURES = ("scan", "polars", "duckdb", "pandas", "getml", "growth", "threads", "supplier", "rows")
BESIDE = {
    "polars": ("polars daily",),
    "DuckDB per date": ("DuckDB prepared, per date",),
    "pandas per date": ("pandas prepared, per date",),
}
"""Other plans of a peer, run in the first round and shown beside the same marks."""
PEERS = {"polars": "polars", "duckdb": "DuckDB per date", "pandas": "pandas per date", "getml": "FastProp"}
GOALS = {
    "scan": ("9", "6"), "polars": ("3.5", "5"), "duckdb": ("11", "20"), "pandas": ("14", "20"), "getml": ("15", "20"),
    "growth": ("1.0", "0.9"), "memory": ("4 GB", "2 GB"), "threads": ("1.6", "1.8"), "supplier": ("5 ms", "1 ms"), "rows": ("1.5", "0.5"),
}  # fmt: skip
"""What is accepted and what is aimed at."""

WARM_ORDERS, WARM_SUPPLIERS = 3000, 60


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line asked for."""

    orders: int = 10_000_000
    suppliers: int = 20_000
    as_ofs: int = 24
    rounds: int = 3
    sample_dates: int = 4
    seed: int = 20261121
    growth: tuple[int, ...] = (1_000_000, 10_000_000, 40_000_000)
    memory: str = "1GB"
    ledger_orders: int = 1_000_000
    only: tuple[str, ...] = MEASURES
    getml_python: str = sys.executable
    folder: Path = field(default_factory=lambda: Path(tempfile.gettempdir()) / "lianxin-features")

    def platform(self, orders: int) -> Path:
        """Return the folder of the platform with so many orders, drawn if it is not there."""
        folder = self.folder / f"{orders}-{self.suppliers}-{self.seed}"
        draw_platform(folder, orders=orders, suppliers=self.suppliers, seed=self.seed)
        return folder

    def warm(self) -> Path:
        """Return the tiny folder on which every side runs once before it is measured."""
        folder = self.folder / "warm"
        draw_platform(folder, orders=WARM_ORDERS, suppliers=WARM_SUPPLIERS, seed=self.seed)
        return folder


def show(measure_name: str, what: str, value: str, seconds: str = "") -> None:
    """Print one line of the table."""
    accept, aim = GOALS[measure_name]
    print(f"{what:44s} {value:>10s}   accept {accept:>5s}  aim {aim:>5s}   {seconds}", flush=True)


def _run(
    settings: Settings, side: str, folder: Path, out: Path, *, sample: int = 0, threads: int = 1, memory: str | None = None
) -> Measured:
    fastprop = side == "FastProp"
    return measure(
        side, folder, out, as_ofs=settings.as_ofs, sample=sample, threads=threads, memory=memory,
        warm=None if fastprop else settings.warm(), python=settings.getml_python if fastprop else sys.executable,
    )  # fmt: skip


def _checked(side: str, ours: Path, theirs: Path) -> None:
    """Stop where an answer differs from ours."""
    if found := differences(load(ours), load(theirs)):
        raise SystemExit(f"{side} does not give what we give, so no time is printed:\n  " + "\n  ".join(found))


def compare_peers(settings: Settings, work: Path) -> dict[str, list[Measured]]:
    """Run all sides in turn and print each ratio."""
    sides = ["ours"]
    for name in ("scan", *PEERS):
        if name not in settings.only:
            continue
        side = PEERS.get(name, name)
        if is_there(side, settings.getml_python if side == "FastProp" else sys.executable):
            sides += [side, *BESIDE.get(side, ())]
        else:
            print(f"{side}: not installed, left out (extra `bench`; getML by --getml-python)")
    if sides == ["ours"]:
        return {}
    folder = settings.platform(settings.orders)
    rounds: dict[str, list[Measured]] = {side: [] for side in sides}
    for number in range(settings.rounds):
        for side in sides:
            if number and any(side in others for others in BESIDE.values()):
                continue
            sample = settings.sample_dates if side.endswith("per date") else 0
            found = _run(settings, side, folder, work / side, sample=sample)
            if side not in {"ours", "scan"}:
                _checked(side, work / "ours", work / side)
            rounds[side].append(found)
    _print_peers(settings, rounds)
    return rounds


def _print_peers(settings: Settings, rounds: dict[str, list[Measured]]) -> None:
    ours, cells = rounds["ours"], settings.suppliers * settings.as_ofs * len(NAMES)
    seconds = _median([run.seconds for run in ours])
    print(
        f"{settings.orders:,} orders, {settings.suppliers:,} suppliers x {settings.as_ofs} dates x {len(NAMES)} features: "
        f"ours {seconds:.2f} CPU s, {ours[0].wall:.1f} s, {_median([run.megabytes for run in ours]):.0f} MB"
    )
    for name in ("scan", *PEERS):
        theirs = rounds.get(PEERS.get(name, name))
        if not theirs:
            continue
        pairs = list(zip(ours, theirs, strict=True))
        total = f"{_median([run.over(settings.as_ofs) for run in theirs]):.2f} CPU s"
        sample = f" (scaled: {theirs[0].dates} of {settings.as_ofs} dates run)" if theirs[0].dates < settings.as_ofs else ""
        if name == "scan":
            ratio = _median([mine.seconds / run.seconds for mine, run in pairs])
            show(name, "ours / DuckDB scan", f"{ratio:.2f}", f"scan {total}")
        elif name == "getml":
            per_cell = [run.seconds / run.cells for run in theirs]
            ratio = _median([cost / (mine.seconds / cells) for cost, mine in zip(per_cell, ours, strict=True)])
            show(name, "FastProp / ours, per cell", f"{ratio:.1f}", f"{1e9 * _median(per_cell):.0f} ns a cell, {total}")
        else:
            ratio = _median([run.over(settings.as_ofs) / mine.seconds for mine, run in pairs])
            show(name, f"{PEERS[name]} / ours", f"{ratio:.1f}", total + sample)
    for name, side in ((name, other) for name, peer in PEERS.items() for other in BESIDE.get(peer, ()) if other in rounds):
        spent = rounds[side][0].over(settings.as_ofs)
        show(name, f"{side} / ours", f"{spent / ours[0].seconds:.1f}", f"{spent:.2f} CPU s, once")


def measure_growth(settings: Settings, work: Path) -> None:
    """Print CPU seconds, exponent and peak memory over growing platforms, DuckDB's memory limited."""
    runs: dict[int, list[Measured]] = {orders: [] for orders in settings.growth}
    for number in range(settings.rounds):
        for orders, found in runs.items():
            folder = settings.platform(orders)
            found.append(_run(settings, "ours", folder, work / f"ours-{orders}", memory=settings.memory))
            if number == 0:
                _run(settings, "DuckDB per date", folder, work / "check", sample=1)
                _checked("DuckDB per date", work / f"ours-{orders}", work / "check")
                shutil.rmtree(work / "check")
            shutil.rmtree(work / f"ours-{orders}")
    cost = {orders: _median([run.seconds for run in found]) for orders, found in runs.items()}
    for orders, found in runs.items():
        print(f"    {orders:>12,} orders: {cost[orders]:.2f} CPU s, {_median([run.megabytes for run in found]):.0f} MB at the peak")
    for small, large in zip(settings.growth, settings.growth[1:], strict=False):
        exponent = math.log(cost[large] / cost[small]) / math.log(large / small)
        show("growth", f"growth exponent {small / 1e6:g} to {large / 1e6:g} million orders", f"{exponent:.2f}")
    largest = settings.growth[-1]
    peak = _median([run.megabytes for run in runs[largest]]) / 1024
    show("memory", f"peak memory at {largest / 1e6:g} million orders", f"{peak:.2f} GB", f"DuckDB memory_limit {settings.memory}")


def measure_threads(settings: Settings, work: Path) -> None:
    """Print how much sooner two threads are done than one."""
    folder = settings.platform(settings.orders)
    walls: list[tuple[float, float]] = []
    for _ in range(settings.rounds):
        one, two = (_run(settings, "ours", folder, work / f"threads-{threads}", threads=threads) for threads in (1, 2))
        first, second = load(one.out), load(two.out)
        if first.values.tobytes() != second.values.tobytes():
            raise SystemExit("one and two threads do not give the same features bit for bit, so no time is printed")
        walls.append((one.wall, two.wall))
    one_wall, two_wall = (_median([pair[i] for pair in walls]) for i in (0, 1))
    show("threads", "two threads against one", f"{_median([a / b for a, b in walls]):.2f} x", f"{one_wall:.2f} s, {two_wall:.2f} s")


def measure_supplier(settings: Settings, work: Path) -> None:
    """Print the median time of one supplier's features from the stored ledger."""
    from benchmarks.features_peers.stored import supplier_milliseconds

    folder = settings.platform(settings.ledger_orders)
    spent = sorted(supplier_milliseconds(folder, work / "ledger", as_of_dates(1)[0]))
    slow = f"95 % within {spent[int(0.95 * len(spent))]:.2f} ms; {settings.ledger_orders:,} orders; equal to the batch bitwise"
    show("supplier", "one supplier from the stored ledger", f"{_median(spent):.2f} ms", slow)


def measure_rows(settings: Settings, work: Path) -> None:
    """Print the time of reading one finished row, beside SQLite."""
    from benchmarks.features_peers.stored import row_microseconds

    if not (work / "ours").exists():
        _run(settings, "ours", settings.platform(settings.orders), work / "ours")
    spent = row_microseconds(load(work / "ours"), work / "rows", rounds=settings.rounds)
    ours, theirs = spent["file of rows"], spent["SQLite"]
    ratio = _median([mine / other for mine, other in zip(ours, theirs, strict=True)])
    show("rows", "stored feature row / SQLite blob", f"{ratio:.2f}", f"{_median(ours):.2f} us, {_median(theirs):.2f} us")


ALONE: dict[str, Callable[[Settings, Path], None]] = {
    "growth": measure_growth,
    "threads": measure_threads,
    "supplier": measure_supplier,
    "rows": measure_rows,
}


def _median(values: Sequence[float]) -> float:
    return statistics.median(values)


def main(settings: Settings) -> None:
    """Draw what is missing, run the measures asked for, and print them."""
    settings.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.folder) as name:
        work = Path(name)
        compare_peers(settings, work)
        for measure_name, run in ALONE.items():
            if measure_name in settings.only:
                run(settings, work)


def _asked() -> Settings:
    default = Settings()
    parser = argparse.ArgumentParser(description="The feature engine beside its peers.")

    def count(text: str) -> int:
        return int(float(text))

    for option in ("orders", "suppliers", "as_ofs", "rounds", "sample_dates", "seed", "ledger_orders"):
        parser.add_argument(f"--{option.replace('_', '-')}", type=count, default=getattr(default, option))
    parser.add_argument("--growth", type=count, nargs="+", default=default.growth, help="orders of the growing platforms")
    parser.add_argument("--memory", default=default.memory, help="DuckDB's memory limit while growth is measured")
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=MEASURES)
    parser.add_argument("--getml-python", default=default.getml_python, help="python of the environment getml is installed in")
    parser.add_argument("--folder", type=Path, default=default.folder, help="where platforms are kept")
    asked = vars(parser.parse_args())
    return Settings(**{**asked, "growth": tuple(asked["growth"]), "only": tuple(asked["only"])})


if __name__ == "__main__":
    main(_asked())
