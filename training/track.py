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
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from credit.errors import TrainingFailed
from training.bundle import ScoringBundle
from training.keys import HOME_KEY, read_or_make_key
from training.seal import public_key_hex

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

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


_OF_PROJECT = ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME")


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

    ``documents`` are stored as JSON (data digests, counts), ``plots`` as PNG, the bundle as a folder signed by the home's key (the
    trainer's), and the model with signature, input example and code, so that ``mlflow.pyfunc`` scores as the service does.
    """
    key = read_or_make_key(home / HOME_KEY)
    with _opened(home) as client, TemporaryDirectory() as work:
        import mlflow

        folder = Path(work) / "bundle"
        bundle.save(folder, key=key)
        with mlflow.start_run(experiment_id=_experiment(client, home)) as run:
            run_id: str = run.info.run_id
            mlflow.log_params(dict(params))
            mlflow.log_metrics(dict(measures))
            mlflow.set_tags({"bundle_sha256": bundle.content_hash, "trainer_key": public_key_hex(key.public_key())})
            for name, document in documents.items():
                mlflow.log_dict(document, f"{name}.json")
            for name, figure in plots.items():
                mlflow.log_figure(figure, f"plots/{name}.png")
            mlflow.log_artifacts(str(folder), "bundle")
            model_id, source = _log_model(bundle, folder)
        _register(client, run_id=run_id, model_id=model_id, source=source, bundle=bundle)
    return version_at(home, CHALLENGER)


def version_at(home: Path, alias: str) -> RecordedVersion:
    """Return the version an alias points at; raise `TrainingFailed` where there is none."""
    return _find(home, f"with the alias {alias!r}", lambda client: client.get_model_version_by_alias(MODEL, alias))


def version_of(home: Path, number: str) -> RecordedVersion:
    """Return the version of that number; raise `TrainingFailed` where there is none."""
    return _find(home, f"of version {number}", lambda client: client.get_model_version(MODEL, number))


def champion_bundle(home: Path) -> ScoringBundle | None:
    """Return the champion's recorded bundle, None where there is no champion."""
    try:
        return ScoringBundle.load(version_at(home, CHAMPION).bundle)
    except TrainingFailed:
        return None


def read_document(home: Path, run_id: str, name: str) -> bytes | None:
    """Return a file of a run, None where it has none of that name."""
    with _opened(home) as client:
        path = _artifacts(client, run_id) / name
        return path.read_bytes() if path.is_file() else None


def move_champion(home: Path, version: RecordedVersion, tags: Mapping[str, str], documents: Mapping[str, bytes]) -> None:
    """Let ``champion`` point at the challenger, which keeps ``tags``, the number of the former one, and ``documents`` in its run."""
    with _opened(home) as client:
        from mlflow.exceptions import MlflowException

        try:
            former = str(client.get_model_version_by_alias(MODEL, CHAMPION).version)
        except MlflowException:
            former = ""
        for name, data in documents.items():
            (_artifacts(client, version.run_id) / name).write_bytes(data)
        for name, text in {**tags, "former_champion": former}.items():
            client.set_model_version_tag(MODEL, version.version, name, text)
        client.set_registered_model_alias(MODEL, CHAMPION, version.version)
        client.delete_registered_model_alias(MODEL, CHALLENGER)


def require_home(home: Path) -> None:
    """Raise `TrainingFailed` where no model was ever recorded."""
    if not (home / "mlflow.db").exists():
        raise TrainingFailed(f"{home} must hold mlflow.db, and no model was ever recorded there: train one first")


def record_dossier(home: Path, bundle_sha256: str, documents: Mapping[str, bytes]) -> str:
    """Keep a dossier's files with the model and return the run's id: the challenger's own run, from which an approval takes them.

    A dossier of any other model gets a run of its own, so that what a champion was promoted with stays as it was.
    """
    require_home(home)
    with _opened(home) as client:
        from mlflow.exceptions import MlflowException

        try:
            challenger = client.get_model_version_by_alias(MODEL, CHALLENGER)
        except MlflowException:
            challenger = None
        if challenger is not None and challenger.tags.get("bundle_sha256") == bundle_sha256:
            run_id = str(challenger.run_id)
        else:
            told = {"bundle_sha256": bundle_sha256, "mlflow.runName": "validation"}
            run_id = str(client.create_run(_experiment(client, home), tags=told).info.run_id)
            client.set_terminated(run_id)
        folder = _artifacts(client, run_id)
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in documents.items():
            (folder / name).write_bytes(data)
        return run_id


def return_champion(home: Path, *, left: RecordedVersion, back: RecordedVersion, tags: Mapping[str, str]) -> None:
    """Let ``champion`` point at a former one again; ``tags`` stand on the version that is left, and in a run of their own."""
    with _opened(home) as client:
        told = {**tags, "left_version": left.version, "champion_version": back.version, "mlflow.runName": "rollback"}
        run = client.create_run(_experiment(client, home), tags=told)
        for name, text in tags.items():
            client.set_model_version_tag(MODEL, left.version, name, text)
        client.set_registered_model_alias(MODEL, CHAMPION, back.version)
        client.set_terminated(run.info.run_id)


def _find(home: Path, which: str, ask: "Callable[[MlflowClient], ModelVersion]") -> RecordedVersion:
    require_home(home)
    with _opened(home) as client:
        from mlflow.exceptions import MlflowException

        try:
            found = ask(client)
        except MlflowException as error:
            raise TrainingFailed(f"{home} has no model {which}: train one (and promote it) first") from error
        bundle = _artifacts(client, str(found.run_id)) / "bundle"
        return RecordedVersion(version=str(found.version), run_id=str(found.run_id), tags=dict(found.tags), bundle=bundle)


def _artifacts(client: "MlflowClient", run_id: str) -> Path:
    """Return the folder of a run's files; MLflow's own way there is kept by it past a move of the home."""
    return Path(client.get_run(run_id).info.artifact_uri.removeprefix("file://"))


def _log_model(bundle: ScoringBundle, folder: Path) -> tuple[str, str]:
    import mlflow
    from mlflow.types import ColSpec, Schema

    from training.served_model import example_rows

    numbers = ["points", "pd_12m", "grade", "base_points", *(f"points_{name}" for name in bundle.names)]
    features = [ColSpec("double", name) for name in bundle.names]
    outputs = [ColSpec("string" if name == "grade" else "double", name) for name in numbers]
    package = Path(__file__).parents[1]
    logged = mlflow.pyfunc.log_model(
        name="model",
        loader_module="training.served_model",
        data_path=str(folder),
        code_paths=[str(package / "credit"), str(package / "training")],
        signature=mlflow.models.ModelSignature(Schema([*features]), Schema([*outputs])),
        input_example=example_rows(bundle),
        pip_requirements=[f"{name}=={version(name)}" for name in ("lightgbm", "numpy", "pandas", "cryptography")],
    )
    return logged.model_id, logged.model_uri


def _register(client: "MlflowClient", *, run_id: str, model_id: str, source: str, bundle: ScoringBundle) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.get_registered_model(MODEL)
    except MlflowException:
        client.create_registered_model(MODEL)
    made = client.create_model_version(MODEL, source, run_id, tags={"bundle_sha256": bundle.content_hash}, model_id=model_id)
    client.set_registered_model_alias(MODEL, CHALLENGER, made.version)


@contextmanager
def _opened(home: Path) -> Iterator["MlflowClient"]:
    """Open the home for this process alone; its paths are absolute inside, and relative again afterwards."""
    home = home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".lock").open("w") as lock, warnings.catch_warnings():
        # MLflow warns of its own type hints and of its own use of SQLAlchemy: nothing a reader here can act upon.
        warnings.simplefilter("ignore")
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Under `mlflow run` these name the project's own run, which may live in another store.
        of_project = {name: os.environ.pop(name) for name in _OF_PROJECT if name in os.environ}
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
            _experiment(client, home)
            _settle(home, str(home))
            yield client
        finally:
            _settle(home, home.name)
            mlflow.set_tracking_uri(before[0])
            mlflow.set_registry_uri(before[1])
            for name in _OF_PROJECT:  # what MLflow sets for its children would send later ones into this home
                os.environ.pop(name, None)
            os.environ.update(of_project)


def _experiment(client: "MlflowClient", home: Path) -> str:
    """Return the experiment's id, made at first. `mlflow.set_experiment` would make it that of whatever else this process does."""
    found = client.get_experiment_by_name(EXPERIMENT)
    return str(found.experiment_id if found else client.create_experiment(EXPERIMENT, artifact_location=str(home / "artifacts")))


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
