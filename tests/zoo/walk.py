"""Walk through the zoo in a process of its own: one line of JSON per case, and the most memory the process ever had.

Run as ``python -m tests.zoo.walk OUT PART PARTS`` for every PARTS-th case from the PART-th on. Whatever the door raises
other than a refusal is written down as it is.
"""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from credit.errors import LianxinError
from features.read import read_tables
from tests.features.folders import NOW
from tests.zoo import bombs, dates, delimiters, digits, encodings, events, headers, ids, parquets, places
from tests.zoo.case import Case

KINDS: dict[str, tuple[Case, ...]] = {
    "encodings": encodings.CASES,
    "delimiters": delimiters.CASES,
    "headers": headers.CASES,
    "dates": dates.CASES,
    "digits": digits.CASES,
    "ids and words": ids.CASES,
    "events and duplicates": events.CASES,
    "Parquet": parquets.CASES,
    "places": places.CASES,
    "bombs": bombs.CASES,
}
"""Every case by kind."""


def peak_megabytes() -> int:
    """The most memory this process itself ever had; what it was started from does not count on Linux."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) >> 10
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 20


def ask(case: Case, folder: Path) -> dict[str, object]:
    """What the door says of one case, and the processor seconds it took: a machine busy with other work counts for nothing."""
    case.build(folder)
    began = time.process_time()
    said: dict[str, object] = {"name": case.name}
    try:
        tables, rejects = read_tables(folder, now=NOW, tables=case.tables)
        said["kept"] = tables.count(case.table)
        said["aside"] = [[r.row, r.column, r.rule, r.value, r.remedy("zh"), r.remedy()] for r in rejects.of(case.table)]
        said["elsewhere"] = [r.table for r in rejects if r.table != case.table]
        tables.close()
    except LianxinError as refusal:
        said["refused"] = str(refusal)
    except BaseException as error:
        said["traceback"] = f"{type(error).__name__}: {error}"[:500]
    said["seconds"] = time.process_time() - began
    said["megabytes"] = peak_megabytes()
    return said


def main() -> None:
    """Ask every case and write the answers."""
    part, parts = int(sys.argv[2]), int(sys.argv[3])
    every = [case for cases in KINDS.values() for case in cases]
    with Path(sys.argv[1]).open("w", encoding="utf-8") as out:
        for case in every[part::parts]:
            with tempfile.TemporaryDirectory() as folder:
                json.dump(ask(case, Path(folder)), out)
            out.write("\n")
            out.flush()


if __name__ == "__main__":
    main()
