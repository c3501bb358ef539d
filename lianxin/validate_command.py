"""The command `validate`: a bundle and a bank's tables to a validation dossier."""

from pathlib import Path
from typing import Annotated

import typer

from lianxin.arguments import AllowUnsigned, Bundle, Json, TrustedKey, Zone
from lianxin.console import progress, show


def validate(
    bundle: Bundle,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder with the tables, outcomes included: loans and repayments, or labels.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder to write dossier.html, dossier.json and its hash to.")],
    ledger: Annotated[Path | None, typer.Option("--ledger", help="The tables' ledger folder [default: built on the way].")] = None,
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar="F.toml", help="The bank's own policy `validation` [default: the packaged one].")
    ] = None,
    home: Annotated[
        Path | None, typer.Option("--home", help="MLflow's home, to keep the dossier with the model: approve and promote find it there.")
    ] = None,
    trusted_key: TrustedKey = None,
    allow_unsigned: AllowUnsigned = False,
    zone: Zone = None,
    as_json: Json = False,
) -> None:
    """Judge a bundle on tables with outcomes, and write the dossier a risk officer reads: one page and one JSON file.

    The same bundle and tables give the same hash.

    Example: `lianxin validate work/bundle work/tables --ledger work/ledger --out work/dossier --home work/mlruns`
    """
    from training.extra import TO_REGISTER, TO_VALIDATE, require_packages

    require_packages(TO_VALIDATE if home is None else (*TO_VALIDATE, *TO_REGISTER))
    from credit.errors import TableUnreadable
    from credit.policy import PolicyHistory
    from features.store import open_ledger
    from lianxin.opening import load_signed, read_checked
    from training.validate import validate as judge
    from training.validate import write_dossier

    if home is not None:
        from training.track import require_home

        require_home(home)
    if (folder / "manifest.json").is_file():
        raise TableUnreadable(
            f"outcomes come from tables, and {folder} is a ledger or a bundle: give the folder of the tables as DIR and the ledger "
            f"with --ledger {folder}"
        )
    # What is not UTF-8 is not TOML either, and the reader of policies says so.
    own = None if policy is None else PolicyHistory.parse(policy.read_text(encoding="utf-8", errors="replace"))
    with progress("validate") as tell:
        model = load_signed(bundle, trusted_key=trusted_key, allow_unsigned=allow_unsigned)
        tables, report = read_checked(folder, zone, tell)
        dossier = judge(model, tables, ledger=None if ledger is None else open_ledger(ledger), policy=own, progress=tell)
        paths = write_dossier(dossier, out)
        run_id = None if home is None else _record(home, model.content_hash, (paths.html, paths.json, paths.sha256))
    document = dossier.document
    count = {severity: sum(one["severity"] == severity for one in document["findings"]) for severity in ("red", "yellow", "note")}
    shown = {
        "html": str(paths.html),
        "json": str(paths.json),
        "sha256": dossier.sha256,
        "bundle_sha256": model.content_hash,
        "run_id": run_id,
        "rows_set_aside": len(report.rejects),
        "findings": count,
        "measures": document["measures"],
    }
    whole = document["data"]["windows"]["test_whole"]
    lines = [
        f"{paths.html}, {paths.json}",
        f"judged on as-ofs {whole['from']} to {whole['to']}: {whole['rows']} rows of {whole['suppliers']} suppliers, {whole['bads']} bad",
        *(f"  {name:28} {_told(measure)}" for name, measure in document["measures"].items()),
        f"findings: {count['red']} red, {count['yellow']} yellow, {count['note']} notes",
        f"SHA-256 of dossier.json {dossier.sha256}",
        *([f"kept in {home}, run {run_id}"] if run_id else []),
    ]
    show(shown, as_json=as_json, lines=lines)


def _record(home: Path, bundle_sha256: str, paths: tuple[Path, ...]) -> str:
    from training.track import record_dossier

    return record_dossier(home, bundle_sha256, {path.name: path.read_bytes() for path in paths})


def _told(measure: dict[str, float | None]) -> str:
    value, low, high = (measure[name] for name in ("value", "low", "high"))
    if value is None:
        return "not known"
    return f"{value:.4f}" if low is None or high is None else f"{value:.4f}  ({low:.4f} to {high:.4f})"
