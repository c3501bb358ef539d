"""Where is it written down? Runs, plots, models and their aliases in MLflow: the only file that knows MLflow.

The home (``mlruns/`` by default) holds ``mlflow.db`` (SQLite) and ``artifacts/``. MLflow writes absolute paths into its
database, and a moved folder would lose everything. So at rest the paths are relative to the folder that holds the home,
which is where ``mlflow ui --backend-store-uri sqlite:///mlruns/mlflow.db`` is run, and absolute only while a run is being
recorded here (docs/decisions/0004).
"""

import fcntl
import logging
import os
import sqlite3
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from credit.errors import TrainingFailed
from training.bundle import ScoringBundle

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow import MlflowClient

MODEL = "lianxin-credit"
EXPERIMENT = "lianxin-credit"
CHALLENGER, CHAMPION = "challenger", "champion"

_LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
_SAFE_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


@dataclass(frozen=True, slots=True)
class RecordedVersion:
    """A registered version: its number, run, tags and where its bundle lies."""

    version: str
    run_id: str
    tags: Mapping[str, str]
    bundle: Path


def record_run(
    home: Path,
    bundle: ScoringBundle,
    *,
    params: Mapping[str, Any],
    measures: Mapping[str, float],
    documents: Mapping[str, Any],
    plots: Mapping[str, "Figure"],
) -> RecordedVersion:
    """Record a training and register its model as the challenger.

    ``documents`` are stored as JSON (data digests, counts), ``plots`` as PNG, the bundle as a folder, the booster as a
    logged model with its signature.
    """
    with _opened(home) as client:
        import mlflow

        experiment = mlflow.set_experiment(EXPERIMENT)
        with mlflow.start_run(experiment_id=experiment.experiment_id) as run:
            run_id: str = run.info.run_id
            mlflow.log_params(dict(params))
            mlflow.log_metrics(dict(measures))
            mlflow.set_tags({"bundle_sha256": bundle.content_hash})
            for name, document in documents.items():
                mlflow.log_dict(document, f"{name}.json")
            for name, figure in plots.items():
                mlflow.log_figure(figure, f"plots/{name}.png")
            with TemporaryDirectory() as folder:
                bundle.save(Path(folder) / "bundle")
                mlflow.log_artifacts(str(Path(folder) / "bundle"), "bundle")
            model_id, source = _log_booster(bundle)
        _register(client, run_id=run_id, model_id=model_id, source=source, bundle=bundle)
    return version_at(home, CHALLENGER)


def version_at(home: Path, alias: str) -> RecordedVersion:
    """Return the version an alias points at; raise `TrainingFailed` where there is none."""
    if not (home / "mlflow.db").exists():
        raise TrainingFailed(f"{home} must hold mlflow.db, and no model was ever recorded there: train one first")
    with _opened(home) as client:
        from mlflow.exceptions import MlflowException

        try:
            found = client.get_model_version_by_alias(MODEL, alias)
        except MlflowException as error:
            raise TrainingFailed(f"{home} has no model with the alias {alias!r}: train one (and promote it) first") from error
        run = client.get_run(str(found.run_id))
        return RecordedVersion(
            version=str(found.version),
            run_id=str(found.run_id),
            tags=dict(found.tags),
            bundle=Path(run.info.artifact_uri) / "bundle",
        )


def move_champion(home: Path, version: RecordedVersion, tags: Mapping[str, str]) -> None:
    """Let ``champion`` point at a version, take ``challenger`` away from it, and note ``tags`` on it."""
    with _opened(home) as client:
        for name, text in tags.items():
            client.set_model_version_tag(MODEL, version.version, name, text)
        client.set_registered_model_alias(MODEL, CHAMPION, version.version)
        client.delete_registered_model_alias(MODEL, CHALLENGER)


def _log_booster(bundle: ScoringBundle) -> tuple[str, str]:
    import mlflow
    import numpy as np
    from lightgbm import Booster
    from mlflow.types import Schema, TensorSpec

    booster = Booster(model_str=bundle.content["model.txt"].decode())
    values = TensorSpec(np.dtype(np.float64), (-1, len(bundle.names)))
    logged = mlflow.lightgbm.log_model(
        booster,
        name="booster",
        signature=mlflow.models.ModelSignature(Schema([values]), Schema([TensorSpec(np.dtype(np.float64), (-1,))])),
        pip_requirements=["lightgbm", "numpy"],
    )
    return logged.model_id, logged.model_uri


def _register(client: "MlflowClient", *, run_id: str, model_id: str, source: str, bundle: ScoringBundle) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.get_registered_model(MODEL)
    except MlflowException:
        client.create_registered_model(MODEL)
    version = client.create_model_version(MODEL, source, run_id, tags={"bundle_sha256": bundle.content_hash}, model_id=model_id)
    client.set_registered_model_alias(MODEL, CHALLENGER, version.version)


@contextmanager
def _opened(home: Path) -> Iterator["MlflowClient"]:
    """Open the home for this process alone; its paths are absolute inside, and relative again afterwards."""
    home = home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".lock").open("w") as lock, warnings.catch_warnings():
        # MLflow warns of its own type hints and of its own use of SQLAlchemy: nothing a reader here can act upon.
        warnings.simplefilter("ignore")
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name, value in _SAFE_DEFAULTS.items():
            os.environ.setdefault(name, value)
        import mlflow

        for chatty in ("mlflow", "alembic"):
            logging.getLogger(chatty).setLevel(logging.ERROR)
        uri = f"sqlite:///{home / 'mlflow.db'}"
        before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(uri)
        try:
            client = mlflow.MlflowClient(uri, uri)
            if client.get_experiment_by_name(EXPERIMENT) is None:
                client.create_experiment(EXPERIMENT, artifact_location=str(home / "artifacts"))
            _settle(home, str(home))
            yield client
        finally:
            _settle(home, home.name)
            mlflow.set_tracking_uri(before[0])
            mlflow.set_registry_uri(before[1])


def _settle(home: Path, prefix: str) -> None:
    """Let every stored location begin with ``prefix`` in place of wherever the home was when it was last written."""
    with closing(sqlite3.connect(home / "mlflow.db", timeout=60)) as database, database:
        found = database.execute("SELECT artifact_location FROM experiments WHERE name = ?", (EXPERIMENT,)).fetchone()
        if found is None:
            return
        old = found[0].removeprefix("file://").removesuffix("/artifacts")
        for table, column in _LOCATIONS:
            database.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
                (prefix, len(old) + 1, len(old) + 1, f"{old}/"),
            )
        # The experiment every database begins with lies where the first process happened to stand.
        database.execute("UPDATE experiments SET artifact_location = ? WHERE experiment_id = 0", (f"{prefix}/artifacts/0",))
