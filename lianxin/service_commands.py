"""Commands around the service: serve, keys create, keys list, keys revoke."""

from pathlib import Path
from typing import Annotated

import typer

from lianxin.arguments import Also, Json, TrustedKey
from lianxin.console import progress, show

Data = Annotated[Path | None, typer.Option("--data", help="Folder of the embedded PostgreSQL [default: work/postgres].")]
AllowUnsigned = Annotated[bool, typer.Option("--allow-unsigned", help="Serve a bundle that nobody signed, on a machine of your own.")]


def serve(
    bundle: Annotated[Path, typer.Option("--bundle", metavar="B", help="A released scoring bundle.")],
    ledger: Annotated[Path, typer.Option("--ledger", metavar="L", help="A ledger folder.")],
    host: Annotated[str, typer.Option("--host")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535)] = 8000,
    data: Data = None,
    trusted_key: TrustedKey = None,
    allow_unsigned: AllowUnsigned = False,
    also: Also = None,
) -> None:
    """Serve scores and reports until interrupted, with an embedded PostgreSQL unless DATABASE_URL names another.

    A bundle without a signature is refused unless `--allow-unsigned` is given.

    Example: `lianxin serve --bundle work/bundle --ledger work/ledger`
    """
    from serving.server import serve as run

    run(
        bundle=bundle,
        ledger=ledger,
        host=host,
        port=port,
        data=data,
        trusted_key=trusted_key,
        allow_unsigned=allow_unsigned,
        tell=print,
        others=also or (),
    )


def keys_create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who will use the key.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make an API key. It is shown once and stored as a hash.

    Example: `lianxin keys create "Bank A, sandbox"`
    """
    from serving.database.opening import create_key

    with progress("keys") as tell:
        tell("opening the database")
        key = create_key(name, data=data)
    show({"name": name, "key": key}, as_json=as_json, lines=[key])


def keys_list(data: Data = None, as_json: Json = False) -> None:
    """List all API keys by prefix, live and revoked; the keys themselves are not kept.

    Example: `lianxin keys list`
    """
    from serving.database.opening import list_keys

    with progress("keys") as tell:
        tell("opening the database")
        keys = list_keys(data=data)
    shown = [
        {
            "prefix": key.prefix,
            "name": key.name,
            "created": key.created_at.isoformat(timespec="seconds"),
            "revoked": None if key.revoked_at is None else key.revoked_at.isoformat(timespec="seconds"),
        }
        for key in keys
    ]
    table = ["  ".join((key["prefix"] or "", key["created"] or "", f"{key['revoked'] or 'live':25}", key["name"] or "")) for key in shown]
    heading = f"{'prefix':12}  {'created':25}  {'revoked':25}  name"
    show({"keys": shown}, as_json=as_json, lines=[heading, *table] if table else ["no keys yet"])


def keys_revoke(
    prefix: Annotated[str, typer.Argument(metavar="PREFIX", help="The twelve digits after lx_, as `lianxin keys list` shows them.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Revoke an API key, at once and for good; its sessions end with it.

    Example: `lianxin keys revoke 3f9a0c51d2e7`
    """
    from serving.database.opening import revoke_key

    with progress("keys") as tell:
        tell("opening the database")
        revoke_key(prefix, data=data)
    show({"prefix": prefix, "revoked": True}, as_json=as_json, lines=[f"key {prefix} is revoked"])
