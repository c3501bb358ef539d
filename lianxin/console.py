"""How the command line speaks: bars on a terminal, plain lines elsewhere, results as text or JSON, refusals without a traceback."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any


class Progress:
    """Work under way, told on standard error: one bar on a terminal, one plain line per stage elsewhere."""

    def __init__(self, title: str, bar: "Any | None") -> None:
        """Tell of work called `title`, on a rich bar if there is one."""
        self._title, self._bar, self._stage = title, bar, ""
        self._task = bar.add_task(title, total=1.0) if bar is not None else None

    def __call__(self, stage: str, done: float | None = None) -> None:
        """Say which stage runs, and how much of the whole is done (0 to 1) where that is known."""
        if self._bar is not None:
            self._bar.update(self._task, description=f"{self._title}: {stage}", **({} if done is None else {"completed": done}))
        elif stage != self._stage:
            print(f"{self._title}: {stage}", file=sys.stderr, flush=True)
        self._stage = stage


@contextmanager
def progress(title: str) -> Iterator[Progress]:
    """Show work under way until the block ends; the bar is erased then, so that only results stay."""
    if not sys.stderr.isatty():
        yield Progress(title, None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        yield Progress(title, bar)


def show(result: Mapping[str, Any], *, as_json: bool, lines: Sequence[str]) -> None:
    """Print a command's result on standard output: one JSON object for machines, lines for people."""
    if as_json:
        print(json.dumps(result, ensure_ascii=False, default=str))
    else:
        for line in lines:
            print(line)
