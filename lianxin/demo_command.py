"""The demo: the whole line from a simulated platform to a served, explained score, in one command."""

from pathlib import Path
from typing import Annotated

import typer

from lianxin.arguments import HOME, Home


def demo(
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="Start the service at the end, or stop before it.")] = True,
    work: Annotated[Path, typer.Option("--work", help="Folder for tables, ledger, bundle and database.")] = Path("work/demo"),
    home: Home = HOME,
    suppliers: Annotated[int, typer.Option("--suppliers", min=200)] = 2000,
    months: Annotated[int, typer.Option("--months", min=48, help="A 12-month outcome after a 12-month history needs 48.")] = 48,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 20261121,
    host: Annotated[str, typer.Option("--host")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535)] = 8000,
) -> None:
    """Simulate, check, build, train, release and serve; a second run reuses what is there.

    Example: `lianxin demo --no-serve --suppliers 300 --months 48 --work work/small --home work/small/mlruns`
    """
    from lianxin.demo import Demo

    line = Demo(work=work, home=home, suppliers=suppliers, months=months, seed=seed)
    line.prepare()
    if serve:
        line.serve(host=host, port=port)
    else:
        line.tell_next(host=host, port=port)
