"""Commands around the service: serve, keys create."""

from pathlib import Path
from typing import Annotated

import typer

from lianxin.arguments import Json, TrustedKey
from lianxin.console import progress, show

Data = Annotated[Path | None, typer.Option("--data", help="Folder of the embedded PostgreSQL [default: work/postgres].")]


def serve(
    bundle: Annotated[Path, typer.Option("--bundle", metavar="B", help="A released scoring bundle.")],
    ledger: Annotated[Path, typer.Option("--ledger", metavar="L", help="A ledger folder.")],
    host: Annotated[str, typer.Option("--host")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535)] = 8000,
    data: Data = None,
    trusted_key: TrustedKey = None,
) -> None:
    """Serve scores and reports until interrupted, with an embedded PostgreSQL unless DATABASE_URL names another.

    Example: `lianxin serve --bundle work/bundle --ledger work/ledger`
    """
    from serving.server import serve as run

    run(bundle=bundle, ledger=ledger, host=host, port=port, data=data, trusted_key=trusted_key, tell=print)


def keys_create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who will use the key.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make an API key. It is shown once and stored as a hash.

    Example: `lianxin keys create "Bank A, sandbox"`
    """
    from serving.server import create_key

    with progress("keys") as tell:
        tell("starting the database")
        key = create_key(name, data=data)
    show({"name": name, "key": key}, as_json=as_json, lines=[key])
