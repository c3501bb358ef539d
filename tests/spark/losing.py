"""Features on a small cluster of which one executor is killed at work: a program of its own, started by `test_lost_executor`.

    python -m tests.spark.losing ACCEPTED ZONE DATE OUT

Writes the features to OUT (Parquet) and prints what was killed, when, and what Spark did about it.
"""

import json
import os
import signal
import sys
import threading
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PARTITIONS = 8
EXECUTOR = "CoarseGrainedExecutorBackend"


def executors(java: int) -> set[int]:
    """Executors that a Java process of ours has started."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == java and EXECUTOR in (folder / "cmdline").read_text():
                found.add(int(folder.name))
        except (OSError, ValueError):
            continue
    return found


def process_of(spark: "SparkSession") -> int:
    """The Java process this program has started."""
    gateway = spark.sparkContext._gateway
    if gateway is None:
        raise RuntimeError("Spark runs without a gateway")
    return int(gateway.proc.pid)


def main() -> None:
    """Compute, kill one executor once tasks of the last stage are done, and write what comes out."""
    import pyarrow.parquet as pq
    import pyspark

    from features.spark import features_on_spark, open_session, open_tables
    from tests.spark.java import SMALL

    accepted, zone, day, out = sys.argv[1:]
    os.environ["SPARK_HOME"] = str(Path(pyspark.__file__).parent)
    environment = {f"spark.executorEnv.{name}": value for name, value in os.environ.items() if name == "PYTHONPATH"}
    memory = {"spark.executor.memory": "512m", "spark.executor.cores": "1"}
    spark = open_session("local-cluster[2,1,1024]", {**SMALL, **memory, **environment})
    java = process_of(spark)
    frame = features_on_spark(open_tables(spark, accepted, zone=zone), [date.fromisoformat(day)], partitions=PARTITIONS)
    told: dict[str, Any] = {}

    def kill_one() -> None:
        tracker = spark.sparkContext.statusTracker()
        while not told:
            stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
            at_work = [stage for stage in stages if stage and stage.numTasks == PARTITIONS and stage.numCompletedTasks]
            running = executors(java)
            if at_work and running:
                victim = min(running)
                os.kill(victim, signal.SIGKILL)
                told.update(killed=victim, executors=len(running), stage=at_work[0].stageId, completed=at_work[0].numCompletedTasks)
            time.sleep(0.02)

    watcher = threading.Thread(target=kill_one, daemon=True)
    watcher.start()
    rows = frame.toArrow()
    told["after"] = sorted(executors(java) - {told.get("killed", 0)})
    pq.write_table(rows, out)
    spark.stop()
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
