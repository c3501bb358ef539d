"""The straight way from a folder of tables to a recorded challenger. Whoever has read `train` has read the training."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from credit.errors import NotEnoughHistory
from credit.period import first_of_month
from features.build import build_features, month_starts
from features.catalog import CATALOG, CATALOG_VERSION, catalog_slice
from features.ledger import Ledger, build_ledger
from features.read import RawTables, read_tables
from training.anchor import anchor_calibration
from training.bundle import Scores, ScoringBundle, factor_of
from training.calibrate import calibrate
from training.dataset import ModelFrame, assemble
from training.disagreement import measure_disagreement
from training.extra import TO_TRAIN, require_packages
from training.fit import Fit, Progress
from training.hazard_candidate import judge_candidate, learn_candidate
from training.intervals import PdIntervals, fit_intervals
from training.judge import draw, out_of_time
from training.labels import Outcomes, first_day_seen, given_labels, label_outcomes, last_day_seen
from training.reason_stability import REFITS, GrownFrom, newest_rows, reason_stability
from training.recipe import Columns, Learned, learn, rows_per_group
from training.reference import reference_rows
from training.rival import against_champion
from training.scorer import Calibration, Scorer
from training.settings import SEED, TrainSettings
from training.split import Split, split_out_of_time
from training.track import MODEL, champion_bundle, record_run

OutcomeSource = Literal["loans", "labels"]
_NEEDED: Mapping[OutcomeSource, tuple[str, ...]] = {"loans": ("loans", "repayments"), "labels": ("labels",)}


@dataclass(frozen=True)
class TrainResult:
    """A recorded challenger and how it did in the test period.

    ``measures`` are out of time; ``frame``, ``split``, ``fit`` and ``scores`` (of the test rows) are there for comparisons. ``hazard`` is
    what `training.hazard_candidate.judge_candidate` found, by horizon; empty where no hazard model was asked for.
    """

    bundle: ScoringBundle
    bundle_path: Path
    version: str
    run_id: str
    measures: Mapping[str, float]
    frame: ModelFrame
    split: Split
    fit: Fit
    scores: Scores
    hazard: Mapping[str, Any]


def train(
    folder: Path,
    *,
    outcome: OutcomeSource = "loans",
    home: Path = Path("mlruns"),
    seed: int = SEED,
    threads: int = 1,
    refits: int = REFITS,
    with_hazard: bool = False,
    progress: Progress | None = None,
    settings: TrainSettings | None = None,
    ledger: Ledger | None = None,
    tables: RawTables | None = None,
) -> TrainResult:
    """Train on a folder of tables, judge out of time, and record the model as the challenger.

    Parameters
    ----------
    folder
        The contract's tables.
    outcome
        ``loans``: outcomes from loans and repayments at the first of every month; ``labels``: the table of given labels.
    home
        MLflow's home.
    seed, threads
        The same seed gives the same bundle hash, with any number of threads.
    refits
        On how many samples of suppliers the model is grown again to see whether its reasons stay; 0 leaves it out.
    with_hazard
        Learn a hazard model too, and record it with its measures in the run, as ``hazard.json``. The bundle is the same with it and
        without.
    progress
        Told each step and the share of it that is done.
    settings
        By default the packaged policies in force on the last day of the data.
    ledger, tables
        The folder's, where they were read and built before.

    Raises
    ------
    TrainingFailed
        A package of the extra ``train`` is missing, or no tree can be grown.
    NotEnoughHistory
        The tables that say the outcome are missing or empty, or hold too little; or a hazard model has no days of default.

    Notes
    -----
    The model that is recorded is the one that was judged: it is not fitted again on the test period.
    """
    require_packages(TO_TRAIN)
    say: Progress = progress or (lambda _step, _share: None)
    say("read the tables", 0.0)
    tables = tables or read_tables(folder)[0]
    require_outcome_tables(tables, outcome, with_hazard=with_hazard)
    ledger = ledger or build_ledger(tables)
    settings = settings or TrainSettings.in_force(last_day_seen(tables))
    outcomes = _outcomes(tables, outcome, settings)
    say("build the features", 0.0)
    frame = assemble(build_features(ledger, np.unique(outcomes.as_of).tolist()), outcomes)
    split = split_out_of_time(frame, settings.split)
    fit = _learn(frame, split, settings, seed=seed, threads=threads, progress=say).fit
    calibration = _calibrate(frame, split, fit, settings)
    scorer = Scorer.from_text(fit.model_text, calibration, settings.scale)
    say("judge out of time", 0.0)
    scores = scorer.score(frame.values[split.test])
    reference = reference_rows(frame.values[split.train])
    measures = out_of_time(
        frame.y[split.test], scores, suppliers=frame.supplier_ids[split.test], reference_points=scorer.score(reference).points
    )
    compared = _compare(
        home, frame, split, settings, scores.pd, with_hazard=with_hazard, seed=seed, threads=threads, progress=say
    )  # fmt: skip
    say("draw the intervals", 0.0)
    intervals = _intervals(frame, split, fit, calibration, settings, seed=seed, threads=threads)
    described = {
        **_describe(tables, frame, split, fit, settings, outcome=outcome, seed=seed, measures=measures),
        "reason_stability": _stability(
            frame,
            split,
            fit,
            points_per_margin=settings.scale.factor * calibration.slope,
            seed=seed,
            threads=threads,
            refits=refits,
            progress=say,
        ),
    }
    bundle = ScoringBundle.freeze(
        model_text=fit.model_text,
        calibration=calibration,
        scale=settings.scale,
        grades=settings.grades,
        catalog=catalog_slice(),
        reference_values=reference,
        intervals=intervals,
        sufficiency=settings.sufficiency,
        model=described,
    )
    say("record the run", 0.0)
    recorded = record_run(
        home,
        bundle,
        params=_params(described, settings, seed=seed, threads=threads),
        measures={**measures, **{name: float(count) for name, count in frame.counts.items()}},
        documents={"digests": described["digests"], "model": described, **compared},
        plots=draw(bundle, frame.y[split.test], frame.values[split.test], scores),
    )
    say("record the run", 1.0)
    horizons = compared.get("hazard", {}).get("horizons", {})
    return TrainResult(bundle, recorded.bundle, recorded.version, recorded.run_id, measures, frame, split, fit, scores, horizons)


def outcome_as_ofs(first_day: date, last_day: date, settings: TrainSettings) -> list[date]:
    """Return the first days of months that have enough history before them and a whole performance window after; maybe none.

    Examples
    --------
    >>> settings = TrainSettings.in_force(date(2026, 1, 1))
    >>> as_ofs = outcome_as_ofs(date(2022, 1, 1), date(2025, 12, 31), settings)
    >>> as_ofs[0], as_ofs[-1], len(as_ofs)
    (datetime.date(2023, 1, 1), datetime.date(2025, 1, 1), 25)
    """
    whole_months_from = first_day if first_day.day == 1 else first_of_month(first_day, 1)
    first = first_of_month(whole_months_from, settings.split.min_history_months)
    last = last_day + timedelta(days=1 - settings.outcome.performance_days)
    return month_starts(first, last) if first <= last else []


def require_outcome_tables(tables: RawTables, source: OutcomeSource, *, with_hazard: bool = False) -> None:
    """Raise `NotEnoughHistory` before any work is done where the tables that say the outcome are missing, empty, or not enough."""
    if with_hazard and source == "labels":
        raise NotEnoughHistory(
            "a hazard model needs the day of every default, which given labels do not say: train on loans, or without the hazard model"
        )
    for name in _NEEDED[source]:
        if tables.count(name) == 0:
            is_file = name in tables.present
            raise NotEnoughHistory(
                f"outcomes from {source} need the table `{name}`, and in {tables.source} it is {'empty' if is_file else 'missing'}: "
                + (f"fill {name}" if is_file else f"put {name}.csv, .csv.gz or .parquet there")
                + (", or give the table `labels` and choose it as the outcome" if source == "loans" else ", or train on loans")
            )


def _outcomes(tables: RawTables, source: OutcomeSource, settings: TrainSettings) -> Outcomes:
    if source == "labels":
        return given_labels(tables, settings.outcome)
    first_day, last_day = first_day_seen(tables), last_day_seen(tables)
    as_ofs = outcome_as_ofs(first_day, last_day, settings)
    outcomes = label_outcomes(tables, as_ofs, settings.outcome) if as_ofs else None
    if outcomes is None or not len(outcomes.as_of):
        raise NotEnoughHistory(
            f"outcomes from loans need {settings.split.min_history_months} months before an as-of date and "
            f"{settings.outcome.performance_days} days after it; the data reach from {first_day} to {last_day}, and no loan "
            f"has an outcome at any of {len(as_ofs)} as-of dates: bring a longer history or more loans"
        )
    return outcomes


def _learn(frame: ModelFrame, split: Split, settings: TrainSettings, *, seed: int, threads: int, progress: Progress) -> Learned:
    return learn(
        frame.values[split.train],
        frame.y[split.train],
        Columns(frame.names, tuple(feature.direction for feature in CATALOG)),
        groups=frame.supplier_ids[split.train],
        fold=split.fold,
        params=settings.params,
        seed=seed,
        threads=threads,
        progress=progress,
    )


def _stability(
    frame: ModelFrame, split: Split, fit: Fit, *, points_per_margin: float, seed: int, threads: int, refits: int, progress: Progress
) -> dict[str, object] | None:
    """Return how often the first reasons of the test period's suppliers survive, or None where no refits were asked for."""
    if not refits:
        return None
    progress("grow again for the reasons", 0.0)
    train, test = split.train, split.test
    grown = GrownFrom(
        frame.values[train],
        frame.y[train],
        frame.supplier_ids[train],
        [feature.direction for feature in CATALOG],
        fit.params,
        fit.rounds,
    )
    asked = frame.values[test][newest_rows(frame.supplier_ids[test], frame.as_of[test])]
    factors = [factor_of(entry) for entry in catalog_slice()]
    return reason_stability(
        fit.model_text, grown, asked, factors, points_per_margin=points_per_margin, seed=seed, threads=threads, refits=refits
    ).to_json()


def _compare(
    home: Path,
    frame: ModelFrame,
    split: Split,
    settings: TrainSettings,
    pd: NDArray[np.float64],
    *,
    with_hazard: bool,
    seed: int,
    threads: int,
    progress: Progress,
) -> dict[str, Any]:
    """Return the documents of how ``pd`` of the test rows stands beside today's champion and a hazard model, where there are such."""
    found: dict[str, Any] = {}
    rows, champion = split.test, champion_bundle(home)
    if champion is not None:
        values, y, suppliers = frame.values[rows], frame.y[rows], frame.supplier_ids[rows]
        found["against_champion"] = against_champion(champion, names=frame.names, values=values, y=y, suppliers=suppliers, pd=pd, seed=seed)
    if with_hazard:
        progress("learn a hazard model", 0.0)
        model = learn_candidate(frame, split, settings, seed=seed, threads=threads, progress=progress)
        horizons = judge_candidate(model, frame, split, settings, pd=pd, seed=seed)
        found["hazard"] = {"horizons": horizons, "model": model.to_json()}
    return found


def _calibrate(frame: ModelFrame, split: Split, fit: Fit, settings: TrainSettings) -> Calibration:
    """Return the map of the margins that outcomes ask for, at the default rate the policy asks for."""
    rows, margins = split.train, fit.margins_out_of_fold
    fitted = calibrate(margins, frame.y[rows], as_of=frame.as_of[rows], suppliers=frame.supplier_ids[rows], policy=settings.calibration)
    return anchor_calibration(fitted, margins, settings.anchor)


def _intervals(
    frame: ModelFrame, split: Split, fit: Fit, calibration: Calibration, settings: TrainSettings, *, seed: int, threads: int
) -> PdIntervals:
    """Return the PDs' intervals, from what models of other suppliers make of the last fold's."""
    rows = split.train
    found = measure_disagreement(
        frame.values[rows],
        frame.y[rows],
        names=frame.names,
        directions=[feature.direction for feature in CATALOG],
        fold=split.fold,
        params=fit.params,
        rounds=fit.rounds,
        seed=seed,
        threads=threads,
        group_size=rows_per_group(frame.supplier_ids[rows]),
    )
    log_odds = calibration.intercept + calibration.slope * fit.margins_out_of_fold
    return fit_intervals(
        calibration.slope * found.distances,
        log_odds[found.rows],
        frame.values[rows[found.rows]],
        names=frame.names,
        pool_pd=float(np.mean(1.0 / (1.0 + np.exp(-log_odds)))),
        policy=settings.abstention,
    )


def _describe(
    tables: RawTables,
    frame: ModelFrame,
    split: Split,
    fit: Fit,
    settings: TrainSettings,
    *,
    outcome: OutcomeSource,
    seed: int,
    measures: Mapping[str, float],
) -> dict[str, Any]:
    """Return what the bundle says about the model; nothing in it depends on the run, the time or the threads."""
    return {
        "name": MODEL,
        "outcome": {"source": outcome, **asdict(settings.outcome)},
        "trained_on": {
            "from": split.train_from.isoformat(),
            "to": split.train_to.isoformat(),
            "rows": len(split.train),
            "bads": int(frame.y[split.train].sum()),
            "suppliers": len(np.unique(frame.supplier_ids[split.train])),
        },
        "tested_on": {
            "from": split.test_from.isoformat(),
            "to": split.test_to.isoformat(),
            "rows": len(split.test),
            "bads": int(frame.y[split.test].sum()),
        },
        "measures": dict(measures),
        "counts": dict(frame.counts),
        "digests": dict(sorted(tables.digests.items())),
        "catalog_version": CATALOG_VERSION,
        "policies": dict(settings.policies),
        "anchor": {
            "rating_philosophy": settings.anchor.rating_philosophy,
            "portfolio": settings.anchor.portfolio,
            "long_run_rate": settings.anchor.long_run_rate if settings.anchor.weight else None,
            "weight": settings.anchor.weight,
        },
        "params": {**asdict(fit.params), "seed": seed, "rounds": fit.rounds},
        "candidates": [asdict(one) for one in fit.tried],
        "lightgbm": version("lightgbm"),
    }


def _params(described: Mapping[str, Any], settings: TrainSettings, *, seed: int, threads: int) -> dict[str, Any]:
    flat = {f"{block}.{name}": value for block in ("outcome", "trained_on", "tested_on") for name, value in described[block].items()}
    return {
        **flat,
        **described["params"],
        **{f"split.{name}": value for name, value in asdict(settings.split).items()},
        "threads": threads,
        "catalog_version": described["catalog_version"],
        "features": len(CATALOG),
    }
