"""Whether Spark can run here, and how small it is to stay."""

import re
import shutil
import subprocess
from importlib.util import find_spec

LOWEST_JAVA = 17
SMALL = {
    "spark.driver.memory": "1g",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "2",
}


def lacking() -> str | None:
    """What is missing to run Spark, None where nothing is."""
    packages = [name for name in ("pyspark", "pyarrow", "pandas") if find_spec(name) is None]
    if packages:
        return f"needs the extra spark (not found: {', '.join(packages)})"
    java = shutil.which("java")
    if java is None:
        return f"needs Java {LOWEST_JAVA} (no java on the path)"
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    return None if found and int(found[1]) >= LOWEST_JAVA else f"needs Java {LOWEST_JAVA}, found {said.splitlines()[:1]}"
