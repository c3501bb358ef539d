"""The command that names every unsafe setting, with what to do."""

from pathlib import Path
from typing import Annotated

import typer

from lianxin.arguments import AllowUnsigned, Json, TrustedKey
from lianxin.console import progress, show
from lianxin.service_commands import Data


def doctor(
    bundle: Annotated[Path, typer.Option("--bundle", metavar="B", help="The bundle that is to be served.")],
    ledger: Annotated[Path, typer.Option("--ledger", metavar="L", help="The ledger that is to be served.")],
    data: Data = None,
    trusted_key: TrustedKey = None,
    allow_unsigned: AllowUnsigned = False,
    as_json: Json = False,
) -> None:
    """Name every setting that is unsafe for a service in earnest, and what to do. Ends with 1 where there is one.

    Example: `lianxin doctor --bundle work/bundle --ledger work/ledger`
    """
    from serving.server import diagnose

    with progress("doctor") as tell:
        tell("looking around")
        findings = diagnose(bundle=bundle, ledger=ledger, data=data, trusted_key=trusted_key, allow_unsigned=allow_unsigned)
    shown = [{"code": each.code, "found": each.found, "remedy": each.remedy} for each in findings]
    lines = [f"{each.code}: {each.found}.\n    {each.remedy}" for each in findings]
    show({"findings": shown}, as_json=as_json, lines=[*lines, f"{len(findings)} findings"] if findings else ["nothing unsafe was found"])
    if findings:
        raise typer.Exit(1)
