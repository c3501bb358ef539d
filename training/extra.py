"""Is everything here that training needs? Asked before the work begins, without importing any of it."""

from importlib.util import find_spec

from credit.errors import TrainingFailed

TO_TRAIN = ("lightgbm", "matplotlib", "mlflow", "shap")
TO_VALIDATE = ("jinja2", "lightgbm", "scipy", "sklearn")
TO_REGISTER = ("mlflow",)


def require_packages(names: tuple[str, ...]) -> None:
    """Raise `TrainingFailed` naming the packages of the extra ``train`` that cannot be found."""
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise TrainingFailed(f"this needs lianxin[train]: pip install 'lianxin[train]' (not found: {', '.join(missing)})")
