"""Nothing of a test outlives the run."""

import gc

import pytest


def pytest_unconfigure(config: pytest.Config) -> None:
    """Take Hypothesis's callback off the garbage collector.

    It keeps what Hypothesis holds, the test modules among it, past the end of the interpreter; DuckDB, still referenced by
    them, then prints a notice of leaks.
    """
    del config
    gc.callbacks[:] = [called for called in gc.callbacks if not getattr(called, "__module__", "").startswith("hypothesis.")]
