"""Commands from features to scores: train, score, explain."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from lianxin.arguments import HOME, AllowUnsigned, AsOf, Bundle, Home, Json, Tables, TrustedKey, Zone
from lianxin.console import progress, show
from lianxin.spark_engine import Engine, EngineOption


class Outcomes(StrEnum):
    """Where the outcomes come from."""

    LOANS = "loans"
    LABELS = "labels"


class Language(StrEnum):
    """Language of an explanation."""

    ZH = "zh"
    EN = "en"


def train(
    folder: Tables,
    outcome: Annotated[Outcomes, typer.Option("--outcome", help="`loans` and repayments, or given `labels`.")] = Outcomes.LOANS,
    home: Home = HOME,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same data, parameters and seed give the same bundle hash.")] = 20261121,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads of the fit; the model does not depend on them.")] = 1,
    hazard: Annotated[
        bool, typer.Option("--hazard", help="Also learn and judge a hazard model: PDs up to 12 months from one curve.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train a model out of time and record it in MLflow as the challenger.

    Example: `lianxin train work/tables --home work/mlruns`
    """
    from training.extra import TO_TRAIN, require_packages

    require_packages(TO_TRAIN)
    from training.pipeline import train as run

    with progress("train") as tell:
        result = run(folder, outcome=outcome.value, home=home, seed=seed, threads=threads, with_hazard=hazard, progress=tell)
    model = result.bundle.model
    shown = {
        "version": result.version,
        "run_id": result.run_id,
        "bundle_sha256": result.bundle.content_hash,
        "trained_on": model["trained_on"],
        "tested_on": model["tested_on"],
        "measures": dict(result.measures),
        **({"hazard": dict(result.hazard)} if hazard else {}),
    }
    trained, tested = model["trained_on"], model["tested_on"]
    lines = [
        f"version {result.version} is the challenger; MLflow run {result.run_id}",
        f"learnt from as-ofs {trained['from']} to {trained['to']}: {trained['rows']} rows, {trained['bads']} bad",
        f"judged on as-ofs {tested['from']} to {tested['to']}: {tested['rows']} rows, {tested['bads']} bad",
        *(f"  {name:24} {value:.4f}" for name, value in result.measures.items()),
        *(_beside(months, found) for months, found in result.hazard.items()),
        f"bundle content hash {result.bundle.content_hash}",
    ]
    show(shown, as_json=as_json, lines=lines)


def _beside(months: str, found: Mapping[str, Any]) -> str:
    """Return a horizon's line: the hazard model less the 12-month PD spread evenly."""
    difference = found["difference"]
    auc, loss = ("{value:+.4f} ({low:+.4f} to {high:+.4f})".format(**difference[name]) for name in ("auc", "log_loss"))
    return f"hazard model at {months:>2} months less the 12-month model: AUC {auc}, log loss {loss}"


def score(
    bundle: Bundle,
    folder: Tables,
    as_of: AsOf,
    out: Annotated[Path, typer.Option("--out", metavar="F.parquet", help="Parquet file to write.")],
    explain: Annotated[bool, typer.Option("--explain", help="Also the points of every feature.")] = False,
    trusted_key: TrustedKey = None,
    allow_unsigned: AllowUnsigned = False,
    zone: Zone = None,
    engine: EngineOption = Engine.DUCKDB,
    as_json: Json = False,
) -> None:
    """Score every supplier known before a date. DIR holds tables, or is a ledger folder.

    Example: `lianxin score work/bundle work/ledger --as-of 2026-07-01 --out work/scores.parquet --explain`
    """
    import numpy as np

    from features.build import write_parquet
    from lianxin.opening import load_signed, open_or_build
    from lianxin.spark_engine import write_scores
    from serving.assess import score_batch

    with progress("score") as tell:
        model = load_signed(bundle, trusted_key=trusted_key, allow_unsigned=allow_unsigned)
        if engine is Engine.SPARK:
            count = write_scores(bundle, folder, as_of.date(), out, zone, tell, trusted_key=model.signed_by, is_explained=explain)
            shown = {"folder": str(out), "suppliers": count, "bundle_sha256": model.content_hash}
            show(shown, as_json=as_json, lines=[f"{out}: {count} suppliers"])
            return
        ledger = open_or_build(folder, zone, tell)
        tell("scoring", 0.8)
        batch = score_batch(model, ledger, as_of.date())
        columns: dict[str, Any] = {
            "supplier_id": batch.matrix.supplier_ids.astype(object),
            "points": batch.scores.points,
            "grade": np.array([grade.name for grade in batch.grades], dtype=object),
            "pd_12m": batch.scores.pd,
        }
        if explain:
            columns["base_points"] = np.full(len(batch.grades), batch.scores.base_points)
            columns.update({f"points_{name}": batch.scores.contributions[:, i].copy() for i, name in enumerate(model.names)})
        write_parquet(columns, out, select=f"supplier_id, DATE '{as_of.date()}' AS as_of, * EXCLUDE (supplier_id)")
    count = len(batch.grades)
    show({"file": str(out), "suppliers": count, "bundle_sha256": model.content_hash}, as_json=as_json, lines=[f"{out}: {count} suppliers"])


def explain(
    bundle: Bundle,
    folder: Tables,
    supplier: Annotated[str, typer.Argument(metavar="SUPPLIER", help="The supplier's id.")],
    as_of: AsOf,
    language: Annotated[Language, typer.Option("--lang", help="Language of the reasons.")] = Language.ZH,
    trusted_key: TrustedKey = None,
    allow_unsigned: AllowUnsigned = False,
    zone: Zone = None,
    as_json: Json = False,
) -> None:
    """Score one supplier and say why: points, grade, principal reasons, and the points of every feature.

    Example: `lianxin explain work/bundle work/ledger S000001 --as-of 2026-07-01 --lang en`
    """
    from lianxin.opening import load_signed, open_or_build
    from serving.assess import assess

    with progress("explain") as tell:
        model = load_signed(bundle, trusted_key=trusted_key, allow_unsigned=allow_unsigned)
        ledger = open_or_build(folder, zone, tell)
        found = assess(model, ledger, supplier, as_of.date())
    reasons: list[dict[str, Any]] = [
        {
            "code": reason.code,
            "family": reason.family,
            "text": reason.text_zh if language is Language.ZH else reason.text_en,
            "points": reason.points,
            "feature": reason.feature,
            "value": reason.value,
            "reference": reason.reference,
        }
        for reason in found.reasons
    ]
    parts = [{"feature": part.feature, "value": part.value, "points": part.points} for part in found.score.contributions]
    result = {
        "supplier_id": supplier,
        "as_of": as_of.date(),
        "points": found.score.points,
        "grade": found.grade.name,
        "pd_12m": found.score.pd,
        "base_points": found.score.base_points,
        "reasons": reasons,
        "contributions": parts,
        "bundle_sha256": model.content_hash,
    }
    ranked = sorted(parts, key=lambda part: -abs(float(part["points"] or 0)))
    lines = [
        f"{supplier}, {as_of.date()}: {found.score.points:.0f} points, grade {found.grade.name}, PD {found.score.pd:.2%}",
        *(f"  {-reason['points']:+.1f}  {reason['text']}" for reason in reasons),
        f"base {found.score.base_points:+.1f} and {len(parts)} contributions add up to the score; the largest:",
        *(f"  {part['points']:+8.2f}  {part['feature']} = {part['value']}" for part in ranked[:12]),
    ]
    show(result, as_json=as_json, lines=lines)
