"""The command that prints credit reports: report."""

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from lianxin.arguments import AllowUnsigned, Also, AsOf, Bundle, Json, TrustedKey, Zone
from lianxin.console import progress, show
from lianxin.model_commands import Language


def report(
    bundle: Bundle,
    folder: Annotated[Path, typer.Argument(metavar="LEDGER", help="A ledger folder, or a folder of tables.")],
    as_of: AsOf,
    pdf: Annotated[Path, typer.Option("--pdf", metavar="F.pdf|DIR", help="File to write, or for several suppliers a folder.")],
    suppliers: Annotated[list[str] | None, typer.Argument(metavar="[SUPPLIER]...", help="The suppliers' ids.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Every supplier known before the date.")] = False,
    language: Annotated[Language, typer.Option("--lang", help="Language of the report.")] = Language.ZH,
    also: Also = None,
    trusted_key: TrustedKey = None,
    allow_unsigned: AllowUnsigned = False,
    zone: Zone = None,
    as_json: Json = False,
) -> None:
    """Print credit reports as PDF, as the service does, but without who looked. Needs the extra lianxin[report].

    Example: `lianxin report work/bundle work/ledger S000001 --as-of 2026-07-01 --lang en --pdf S000001.pdf`
    """
    from features.civil import to_day
    from lianxin.opening import load_signed, open_or_build
    from serving.http.languages import Language as Spoken
    from serving.report.pdf import print_report
    from serving.report.peers import Peers

    if bool(suppliers) == everyone:
        raise typer.BadParameter("name suppliers, or say --all")
    day, spoken = as_of.date(), Spoken.ZH_CN if language is Language.ZH else Spoken.EN
    with progress("report") as tell:
        model = load_signed(bundle, trusted_key=trusted_key, allow_unsigned=allow_unsigned)
        others = [load_signed(other, trusted_key=None, allow_unsigned=allow_unsigned) for other in also or ()]
        ledger = open_or_build(folder, zone, tell)
        wanted = list(suppliers or map(str, ledger.supplier_ids[ledger.known_from < to_day(day)]))
        peers = Peers(model, ledger)
        is_folder = len(wanted) > 1 or everyone or pdf.is_dir()
        files = [pdf / f"{quote(name, safe='')}.pdf" if is_folder else pdf for name in wanted]
        for place, (name, file) in enumerate(zip(wanted, files, strict=True)):
            tell(f"printing {place + 1} of {len(wanted)}", place / len(wanted))
            printed = print_report(model, ledger, name, day, spoken, peers=peers, others=others)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(printed)
    result = {"as_of": day, "reports": len(files), "files": [str(file) for file in files], "bundle_sha256": model.content_hash}
    show(result, as_json=as_json, lines=[f"{pdf}: {len(files)} report{'' if len(files) == 1 else 's'}"])
