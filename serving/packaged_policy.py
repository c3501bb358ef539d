"""The policies that come with the package, read once."""

from functools import cache
from importlib.resources import files

from credit.policy import PolicyHistory


@cache
def packaged_policy(name: str) -> PolicyHistory:
    """Return the packaged policy of a name, all its dated values."""
    return PolicyHistory.parse((files("credit.policies") / f"{name}.toml").read_text(encoding="utf-8"))
