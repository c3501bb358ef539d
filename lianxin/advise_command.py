"""The command that says what would raise a supplier's grade: advise."""

from pathlib import Path
from typing import Annotated

import typer

from lianxin.arguments import AllowUnsigned, Also, AsOf, Bundle, Json, TrustedKey, Zone
from lianxin.console import progress, show
from lianxin.model_commands import Language


def advise(
    bundle: Bundle,
    folder: Annotated[Path, typer.Argument(metavar="LEDGER", help="A ledger folder, or a folder of tables.")],
    supplier: Annotated[str, typer.Argument(metavar="SUPPLIER", help="The supplier's id.")],
    as_of: AsOf,
    language: Annotated[Language, typer.Option("--lang", help="Language of the advice.")] = Language.ZH,
    also: Also = None,
    trusted_key: TrustedKey = None,
    allow_unsigned: AllowUnsigned = False,
    zone: Zone = None,
    as_json: Json = False,
) -> None:
    """Say what would raise a supplier's grade: the least it can change, how far and how soon, each promise checked by scoring again.

    `--trusted-key` holds for BUNDLE; those of `--also` may be signed by another key, as a challenger is.

    Example: `lianxin advise work/bundle work/ledger S000001 --as-of 2026-07-01 --lang en --also work/challenger`
    """
    from lianxin.opening import load_signed, open_or_build
    from serving.advice.advise import advice_policy, advise_supplier
    from serving.advice.words import advice_document, advice_lines

    with progress("advise") as tell:
        model = load_signed(bundle, trusted_key=trusted_key, allow_unsigned=allow_unsigned)
        others = [load_signed(other, trusted_key=None, allow_unsigned=allow_unsigned) for other in also or ()]
        ledger = open_or_build(folder, zone, tell)
        tell("searching", 0.8)
        found = advise_supplier(model, ledger, supplier, as_of.date(), advice_policy(as_of.date()), others=others)
    in_chinese = language is Language.ZH
    result = {
        "supplier_id": supplier,
        "as_of": as_of.date(),
        "bundle_sha256": model.content_hash,
        **advice_document(found, in_chinese=in_chinese),
    }
    head = (
        f"{supplier}，{as_of.date()}：{found.points:.0f} 分，{found.grade.name} 级"
        if in_chinese
        else f"{supplier}, {as_of.date()}: {found.points:.0f} points, grade {found.grade.name}"
    )
    show(result, as_json=as_json, lines=[head, *advice_lines(found, in_chinese=in_chinese)])
