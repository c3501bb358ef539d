"""Commands around the audit: verify every chain, compute a score again, sign the heads."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lianxin.arguments import AllowUnsigned, Json, TrustedKey
from lianxin.console import progress, show
from lianxin.service_commands import Data

if TYPE_CHECKING:
    from serving.audit.anchors import ChainReport
    from serving.audit.chain import Anchor

AnchorKeys = Annotated[
    list[str] | None,
    typer.Option("--anchor-key", metavar="HEX", help="Public key whose anchors count; more than once [default: this service's own]."),
]


def verify(
    anchors: Annotated[Path | None, typer.Option("--anchors", help="Anchors kept elsewhere, as `audit anchor --out` writes them.")] = None,
    anchor_key: AnchorKeys = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Check every tenant's chain: each record, link and anchor, and that every score, decision and step has its row. Ends with 1 where not.

    Example: `lianxin audit verify --anchors anchors.jsonl`
    """
    from serving.audit.anchors import verify_chains
    from serving.database.opening import open_as_owner, signing_keys
    from serving.http.refusals import AuditBroken

    trusted = _public_keys(anchor_key) if anchor_key else {signing_keys(data).anchor_public}
    elsewhere = _read_anchors(anchors) if anchors is not None else []
    with progress("audit") as tell:
        tell("opening the database")
        with open_as_owner(data, only_look=True) as store:
            tell("checking the chains")
            reports = verify_chains(store, trusted, elsewhere)
    shown = [report for report in reports if report.rows or not report.is_whole]
    chains = [
        {
            "tenant": report.name,
            "tenant_id": str(report.tenant_id),
            "rows": report.rows,
            "anchored_to": report.anchored_to,
            "without_row": report.unaudited,
            "fault": None if report.fault is None else {"sequence": report.fault.sequence, "code": report.fault.code},
        }
        for report in shown
    ]
    lines = [f"{report.name}: {report.rows} rows, anchored to {report.anchored_to}, {_verdict(report)}" for report in shown]
    show({"chains": chains}, as_json=as_json, lines=lines or ["no chain has begun yet"])
    broken = [f"{report.name} {_verdict(report)}" for report in reports if not report.is_whole]
    if broken:
        raise AuditBroken(
            f"Every chain must be what it was; {len(broken)} of {len(reports)} are not: {', '.join(broken)}. Keep the database as it is, "
            f"and compare it with a backup from before the sequence that is named."
        )


def replay(
    sequence: Annotated[int, typer.Argument(metavar="N", min=1, help="The sequence in the tenant's chain, as `audit` of the answer says.")],
    bundle: Annotated[Path, typer.Option("--bundle", help="The released bundle that gave the score, or the decision's.")],
    tenant: Annotated[str | None, typer.Option("--tenant", help="Name or id of the tenant [default: the only one with a chain].")] = None,
    trusted_key: TrustedKey = None,
    allow_unsigned: AllowUnsigned = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Compute a score, a decision or a step again from what is kept, and compare it bit for bit. Ends with 1 where it differs.

    Example: `lianxin audit replay 1 --bundle work/bundle`
    """
    from lianxin.opening import load_signed
    from serving.audit.anchors import chain_of
    from serving.audit.replay import replay as run
    from serving.database.opening import open_as_owner
    from serving.http.refusals import AuditBroken

    model = load_signed(bundle, trusted_key=trusted_key, allow_unsigned=allow_unsigned)
    with progress("audit") as tell:
        tell("opening the database")
        with open_as_owner(data, only_look=True) as store:
            found = run(store, model, chain_of(store, tenant), sequence)
    decision = str(found.decision_id) if found.decision_id else None
    result = {"sequence": sequence, "score_id": str(found.score_id), "decision_id": decision, "points": found.points}
    result["different"] = list(found.different)
    if found.different:
        raise AuditBroken(
            f"Row {sequence} came out otherwise in {', '.join(found.different)}. `lianxin audit verify` says whether it was touched."
        )
    of = f"decision {decision} on score {found.score_id}" if decision else f"score {found.score_id}"
    show(result, as_json=as_json, lines=[f"row {sequence}, {of}: {found.points} points, the same to the last bit"])


def anchor(
    out: Annotated[
        Path | None, typer.Option("--out", help="File the anchors are added to; keep it where the service cannot write.")
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Sign the head of every chain that grew since its last anchor; the service also does so whenever it starts and ends.

    Example: `lianxin audit anchor --out anchors.jsonl`
    """
    from serving.audit.anchors import anchor_chains
    from serving.database.opening import open_as_owner, signing_keys

    with progress("audit") as tell:
        tell("opening the database")
        with open_as_owner(data, only_look=True) as store:
            made = [each.to_json() for each in anchor_chains(store, signing_keys(data).anchor)]
    if out is not None:
        with out.open("a", encoding="utf-8") as stream:
            stream.writelines(f"{line}\n" for line in made)
    show({"anchors": made}, as_json=as_json, lines=made or ["no chain grew since its last anchor"])


def _verdict(report: "ChainReport") -> str:
    """Say in words what was found of a chain."""
    if report.fault is not None:
        return f"BROKEN at {report.fault.sequence} ({report.fault.code})"
    return "whole" if report.is_whole else f"BROKEN: {report.unaudited} scores, decisions or steps without a row"


def _read_anchors(file: Path) -> "list[Anchor]":
    """Read a file of anchors, one a line."""
    from serving.audit.chain import Anchor
    from serving.http.refusals import AuditBroken

    try:
        return [Anchor.from_json(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except ValueError:
        raise AuditBroken(f"{file} must hold one anchor a line, as `lianxin audit anchor --out` writes it; one of them is none.") from None


def _public_keys(texts: list[str]) -> set[bytes]:
    """Read public keys in hexadecimal."""
    try:
        keys = {bytes.fromhex(text) for text in texts}
    except ValueError:
        raise typer.BadParameter("a public key is 64 hexadecimal digits") from None
    if any(len(key) != 32 for key in keys):
        raise typer.BadParameter("a public key is 64 hexadecimal digits")
    return keys
