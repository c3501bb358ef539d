"""Commands that watch a released model: monitor, and shadow scores of its challenger."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from lianxin.arguments import AllowUnsigned, AsOf, Bundle, Json, Tables, TrustedKey, Zone
from lianxin.console import progress, show
from lianxin.files import write_file


def monitor(
    bundle: Bundle,
    folder: Tables,
    as_of: AsOf,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder for monitoring.json and monitoring.html.")],
    trusted_key: TrustedKey = None,
    allow_unsigned: AllowUnsigned = False,
    zone: Zone = None,
    as_json: Json = False,
) -> None:
    """Watch a released model: drift against its training sample, early defaults against PDs, performance before labels are there.

    DIR holds tables; a ledger folder does as well, without the early defaults. Alarms are in the result, exit code 0 all the same.

    Example: `lianxin monitor work/bundle work/tables --as-of 2026-07-01 --out work/monitoring`
    """
    from features.ledger import build_ledger
    from features.store import open_ledger
    from lianxin.opening import load_signed, read_checked
    from training.monitor import monitor as look
    from training.monitor_page import render_monitoring

    with progress("monitor") as tell:
        model = load_signed(bundle, trusted_key=trusted_key, allow_unsigned=allow_unsigned)
        if (folder / "manifest.json").is_file():
            tables, ledger = None, open_ledger(folder)
        else:
            tables, report = read_checked(folder, zone, tell)
            ledger = build_ledger(tables, quality=report.shares, progress=tell)
        found = look(model, ledger, as_of=as_of.date(), tables=tables, progress=tell)
    document = found.to_json()
    write_file(out / "monitoring.json", (json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode())
    write_file(out / "monitoring.html", render_monitoring(found).encode())
    lines = [
        f"{out / 'monitoring.html'}: {found.suppliers} suppliers ({found.population}) as of {found.as_of}",
        f"alarms: {', '.join(found.alarms) or 'none'}",
        f"watched: {', '.join(found.watched) or 'none'}",
        *(f"not measured: {part}: {why}" for part, why in found.why_not.items()),
    ]
    show(document, as_json=as_json, lines=lines)


def shadow(
    bundle: Bundle,
    challenger: Annotated[Path, typer.Argument(metavar="CHALLENGER", help="The challenger's bundle.")],
    folder: Tables,
    as_of: AsOf,
    out: Annotated[Path, typer.Option("--out", metavar="F.parquet", help="Parquet file to write: both scores of every supplier.")],
    trusted_key: TrustedKey = None,
    allow_unsigned: AllowUnsigned = False,
    zone: Zone = None,
    as_json: Json = False,
) -> None:
    """Score every supplier by the champion and, in its shadow, by a challenger: differences, grade migrations, drift of both.

    Example: `lianxin shadow work/bundle work/challenger work/ledger --as-of 2026-07-01 --out work/shadow.parquet`
    """
    import numpy as np

    from features.matrix import write_parquet
    from lianxin.opening import load_signed, open_or_build
    from serving.shadow import score_both
    from training.monitor import score_drift

    with progress("shadow") as tell:
        first = load_signed(bundle, trusted_key=trusted_key, allow_unsigned=allow_unsigned)
        second = load_signed(challenger, trusted_key=trusted_key, allow_unsigned=allow_unsigned)
        ledger = open_or_build(folder, zone, tell)
        tell("scoring", 0.8)
        both = score_both(first, second, ledger, as_of.date())
        old, new = both.champion, both.challenger
        columns: dict[str, Any] = {
            "supplier_id": old.matrix.supplier_ids.astype(object),
            "points": old.scores.points,
            "challenger_points": new.scores.points,
            "difference": both.differences,
            "pd_12m": old.scores.pd,
            "challenger_pd_12m": new.scores.pd,
            "grade": np.array([grade.name for grade in old.grades], dtype=object),
            "challenger_grade": np.array([grade.name for grade in new.grades], dtype=object),
        }
        write_parquet(columns, out, select=f"supplier_id, DATE '{as_of.date()}' AS as_of, * EXCLUDE (supplier_id)")
    psi = {
        "champion": score_drift(first, old.scores.points, as_of.date()).psi,
        "challenger": score_drift(second, new.scores.points, as_of.date()).psi,
    }
    bundles = {"champion_sha256": first.content_hash, "challenger_sha256": second.content_hash}
    summary = both.summary()
    gaps = summary["points_difference"]
    pds, rows = summary["mean_pd"], summary["migrations"].items()
    lines = [
        f"{out}: {summary['suppliers']} suppliers by both models",
        f"challenger less champion: {gaps['mean']:+.1f} points in the mean, {gaps['p05']:+.1f} to {gaps['p95']:+.1f} for nine in ten",
        f"mean PD {pds['champion']:.2%} and {pds['challenger']:.2%}; PSI of the score {psi['champion']:.3f} and {psi['challenger']:.3f}",
        f"another grade for {summary['grade_changed']} ({summary['grade_changed_share']:.1%}):",
        *(f"  {grade:5} -> " + ", ".join(f"{name} {count}" for name, count in row.items()) for grade, row in rows),
    ]
    show({"file": str(out), **bundles, **summary, "score_psi": psi}, as_json=as_json, lines=lines)
