"""What does the service do beside answering? Jobs in threads of their own, each again and again until the service ends."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from credit.errors import ServiceUnavailable

END_SECONDS: Final = 10.0
log = logging.getLogger("lianxin.service")


@dataclass(frozen=True, slots=True)
class Job:
    """``run`` does a piece of work and says whether there was any.

    Where there was none it is asked again after ``seconds``, or as soon as ``woken`` is set.
    """

    name: str
    seconds: float
    run: Callable[[], object]
    woken: threading.Event = field(default_factory=threading.Event)


@contextmanager
def beside(jobs: Sequence[Job]) -> Iterator[None]:
    """Run the jobs as long as the block lasts; one that fails is logged and asked again."""
    end = threading.Event()
    threads = [threading.Thread(target=_repeat, args=(job, end), name=job.name, daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        end.set()
        for job in jobs:
            job.woken.set()
        for thread in threads:
            thread.join(END_SECONDS)


def _repeat(job: Job, end: threading.Event) -> None:
    """Ask a job until the end, at once again while it finds work."""
    while not end.is_set():
        job.woken.clear()
        try:
            found = bool(job.run())
        except (OperationalError, PoolTimeout, ServiceUnavailable):  # the database is away: one line each time, no trace
            log.warning("job waits", extra={"code": job.name})
            found = False
        except Exception:
            log.exception("job failed", extra={"code": job.name})
            found = False
        if not (found or end.is_set()):
            job.woken.wait(job.seconds)
