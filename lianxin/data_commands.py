"""Commands from raw tables to features: simulate, import, check, ledger build, ledger update, features."""

from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lianxin.arguments import Json, Tables, Zone, iso_date
from lianxin.console import progress, show
from lianxin.spark_engine import Engine, EngineOption


class OlistOutcome(StrEnum):
    """Which outcome the Olist import writes as labels."""

    SILENT = "silent"
    LATE = "late"


def simulate(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write; it must be new, empty or an earlier simulation.")],
    suppliers: Annotated[int, typer.Option("--suppliers", min=1, help="Suppliers on the platform.")] = 2000,
    months: Annotated[int, typer.Option("--months", min=1, help="Months of history.")] = 48,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same bytes.")] = 20261121,
    as_json: Json = False,
) -> None:
    """Simulate a platform whose true default probabilities are known.

    Example: `lianxin simulate --suppliers 200 --months 30 --seed 7 work/tables`
    """
    from features.simulate import simulate as write_world

    with progress("simulate") as tell:
        digest = write_world(out, suppliers=suppliers, months=months, seed=seed, progress=tell)
    result = {"folder": str(out), "suppliers": suppliers, "months": months, "seed": seed, "digest": digest}
    show(result, as_json=as_json, lines=[f"{out}: {suppliers} suppliers, {months} months, seed {seed}", f"world digest {digest}"])


def import_olist(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="Folder with the Olist files, original names, .csv or .csv.gz.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write.")],
    outcome: Annotated[OlistOutcome, typer.Option("--outcome", help="Which outcome becomes `labels`.")] = OlistOutcome.SILENT,
    as_json: Json = False,
) -> None:
    """Turn the Olist marketplace's files into the tables of the data contract.

    Example: `lianxin import olist olist/ work/olist --outcome silent`
    """
    from features.sources.olist import import_olist as import_files

    with progress("import olist") as tell:
        tell("reading")
        imported = import_files(source, out, outcome=outcome.value)
    rows = dict(imported.rows)
    show(
        {"folder": str(out), "outcome": outcome.value, "rows": rows},
        as_json=as_json,
        lines=[f"{table}: {count} rows" for table, count in rows.items()],
    )


def check(
    folder: Tables,
    zone: Zone = None,
    rejects: Annotated[Path | None, typer.Option("--rejects", help="Where rows set aside are written [default: DIR].")] = None,
    accepted: Annotated[Path | None, typer.Option("--accepted", metavar="OUT", help="Write the accepted rows to a new folder.")] = None,
    as_json: Json = False,
) -> None:
    """Check tables against the data contract: five quality measures, and every row set aside with its row, column, rule and value.

    Exit code 1 if a table cannot be imported.

    Example: `lianxin check work/tables`
    """
    from features.accepted import write_accepted
    from features.quality import measure_quality
    from features.read import read_folder

    with progress("check") as tell:
        tell("reading")
        found = read_folder(folder, zone=zone)
        report = measure_quality(found)
        written = report.rejects.save(rejects or folder) if report.rejects else ()
        if accepted is not None and report.passed:
            tell("writing", 0.8)
            write_accepted(found.tables, accepted)
    result = {**report.to_dict(), "rejects": [str(path) for path in written]}
    show(result, as_json=as_json, lines=[*report.lines(), *(f"rows set aside: {path}" for path in written)])
    if not report.passed:
        raise typer.Exit(1)


def ledger_build(
    folder: Tables,
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="Ledger folder to write; an older ledger there is replaced when the new one is complete.")
    ],
    zone: Zone = None,
    as_json: Json = False,
) -> None:
    """Build the ledger: every fact about every supplier with the day it became known.

    Example: `lianxin ledger build work/tables work/ledger`
    """
    from features.store import build_stored
    from lianxin.opening import read_checked

    with progress("ledger") as tell:
        tables, report = read_checked(folder, zone, tell)
        ledger = build_stored(tables, out, quality=report.shares, progress=tell)
    result = {
        "ledger": str(out),
        "suppliers": len(ledger.supplier_ids),
        "facts": ledger.facts,
        "first_day": ledger.first_day,
        "last_known_day": ledger.last_known_day,
        "rows_set_aside": len(report.rejects),
    }
    told = f"{result['facts']} facts of {result['suppliers']} suppliers, known up to {ledger.last_known_day}"
    show(result, as_json=as_json, lines=[f"{out}: {told}; {len(report.rejects)} rows set aside"])


def ledger_update(
    folder: Tables,
    ledger: Annotated[Path, typer.Argument(metavar="LEDGER", help="Ledger folder to add to; as it was until all is written.")],
    rejected_share: Annotated[
        float, typer.Option("--rejected-share", min=0, max=1, help="Largest share of a table's rows that may be set aside.")
    ] = 0.05,
    rejects: Annotated[Path | None, typer.Option("--rejects", help="Where rows set aside are written [default: DIR].")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be added and set aside; rows set aside are written where --rejects says.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Add what came in since: any tables of the data contract, with new rows, later versions of old ones, or rows that stand there already.

    Example: `lianxin ledger update work/2026-07-01 work/ledger`
    """
    from features.update import preview_update, update_ledger

    with progress("ledger update") as tell:
        done = (preview_update if dry_run else update_ledger)(ledger, folder, max_rejected_share=rejected_share, progress=tell)
        target = rejects if dry_run else rejects or folder
        written = done.rejects.save(target) if target and done.rejects else ()
    result = {
        "ledger": str(ledger),
        "dry_run": dry_run,
        "changed": done.has_changed,
        "tables": {name: asdict(counts) for name, counts in done.tables.items()},
        "new_suppliers": done.new_suppliers,
        "last_known_day": done.last_known_day,
        "segments_before": done.segments_before,
        "segments_after": done.segments_after,
        "rules": {f"{table}.{rule}": count for (table, rule), count in done.rejects.counts.items()},
        "rejects": [str(path) for path in written],
    }
    lines = ["nothing was written; an update would have done this:"] if dry_run else []
    lines += [f"{name}: {one.added} added, {one.repeated} there already, {one.set_aside} set aside" for name, one in done.tables.items()]
    told = f"{done.new_suppliers} new suppliers, known up to {done.last_known_day}, {done.segments_after} segments"
    lines += [f"  {table}: {rule}: {count}" for (table, rule), count in done.rejects.counts.items()]
    lines.append(f"{ledger}: {told}" if done.has_changed else f"{ledger}: no row was new; nothing was written")
    show(result, as_json=as_json, lines=[*lines, *(f"rows set aside: {path}" for path in written)])


def features(
    folder: Tables,
    out: Annotated[Path, typer.Option("--out", metavar="F.parquet", help="Parquet file to write.")],
    as_of: Annotated[
        datetime | None, typer.Option("--as-of", formats=["%Y-%m-%d"], metavar="DATE", help="One date for every supplier.")
    ] = None,
    monthly: Annotated[
        tuple[str, str] | None, typer.Option("--monthly", metavar="FROM TO", help="The first day of every month in between.")
    ] = None,
    zone: Zone = None,
    engine: EngineOption = Engine.DUCKDB,
    as_json: Json = False,
) -> None:
    """Build features, one row per supplier and as-of date, from what was known before that date.

    DIR holds tables, or is a ledger folder.

    Example: `lianxin features work/tables --monthly 2025-01-01 2025-06-01 --out work/features.parquet`
    """
    from credit.errors import NotEnoughHistory, OutOfRange
    from features.build import build_features, month_starts
    from lianxin.opening import open_or_build
    from lianxin.spark_engine import write_features

    if (as_of is None) == (monthly is None):
        raise typer.BadParameter("give either --as-of DATE or --monthly FROM TO")
    with progress("features") as tell:
        if as_of is not None:
            dates = [as_of.date()]
        else:
            dates = month_starts(*(iso_date(day) for day in monthly or ()))
            if not dates:
                raise typer.BadParameter(f"no month begins between {' and '.join(monthly or ())}")
        if engine is Engine.SPARK:
            rows, count = write_features(folder, dates, out, zone, tell)
            show({"folder": str(out), "rows": rows, "features": count}, as_json=as_json, lines=[f"{out}: {rows} rows, {count} features"])
            return
        ledger = open_or_build(folder, zone, tell)
        late = [day for day in dates if day > ledger.latest_as_of]
        if late:
            raise OutOfRange(
                f"the data are known up to {ledger.last_known_day}; {late[0]} lies later: ask for {ledger.latest_as_of} at the latest"
            )
        tell("features", 0.7)
        matrix = build_features(ledger, dates)
        if not len(matrix.values):
            raise NotEnoughHistory(f"nothing was known of any supplier before {dates[-1]}; the first day of the data is {ledger.first_day}")
        matrix.save(out)
    rows, count = matrix.values.shape
    show({"file": str(out), "rows": rows, "features": count}, as_json=as_json, lines=[f"{out}: {rows} rows, {count} features"])
