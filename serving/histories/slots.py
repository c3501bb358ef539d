"""How many histories at a time? As few as keep memory and the other callers' waiting bounded."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from serving.http.refusals import HistoriesBusy

AT_ONCE: Final = 2
"""Histories a process reads at a time, from the first byte of the body on."""


class HistorySlots:
    """Places for histories under way."""

    def __init__(self, count: int = AT_ONCE) -> None:
        """Begin with all places free."""
        self._free = threading.BoundedSemaphore(count)

    @contextmanager
    def take(self) -> Iterator[None]:
        """Hold a place, or refuse at once with `HistoriesBusy`."""
        if not self._free.acquire(blocking=False):
            raise HistoriesBusy(seconds=2)
        try:
            yield
        finally:
            self._free.release()
