"""Workers of batches to be killed: one for each line that comes in, a process of its own that this one made ready.

    python -m tests.serving.batch_worker PARTS SHELF

PARTS holds the ledger, SHELF the bundle `first`; the database's address is read from STORE. Prints each worker's process and its end.
"""

import os
import sys
from pathlib import Path

from sqlalchemy import make_url

from features.store import open_ledger
from serving.app import create_app
from serving.settings import ServiceSettings
from serving.store import Store
from serving.swap.shelf import Shelf
from training.bundle import ScoringBundle


def main() -> None:
    """Fork a worker for each line, and wait for its end."""
    parts, shelf = Path(sys.argv[1]), Path(sys.argv[2])
    ledger, bundle = open_ledger(parts / "ledger"), ScoringBundle.load(shelf / "first")
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            app = create_app(ServiceSettings(), bundle, ledger, Store.open(make_url(os.environ["STORE"])), shelf=Shelf(shelf))
            while app.state.worker.work():
                pass
            os._exit(0)
        say(child)
        os.waitpid(child, 0)
        say("ended")


def say(told: object) -> None:
    """Tell whoever kills."""
    sys.stdout.write(f"{told}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
