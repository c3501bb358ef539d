"""The decorator of compiled functions, with a cache that is never stale.

numba keeps what it compiled beside the source and looks only at the file of the function itself: a caller in another file would go on
with the older code of what it calls. So the cache is cleared whenever any file of this package has changed.
"""

import hashlib
from pathlib import Path
from typing import Any, Final

from numba import njit

_FOLDER: Final = Path(__file__).parent


def _clear_if_stale() -> None:
    cache = _FOLDER / "__pycache__"
    stamp = cache / "compiled.sha256"
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(_FOLDER.glob("*.py")))).hexdigest()
    try:
        if stamp.exists() and stamp.read_text(encoding="ascii") == digest:
            return
        for compiled in (*cache.glob("*.nbi"), *cache.glob("*.nbc")):
            compiled.unlink(missing_ok=True)
        stamp.write_text(digest, encoding="ascii")
    except OSError:
        return  # an installation nobody may write to: it was written at once, and numba caches elsewhere by its files' times


_clear_if_stale()

_njit: Final[Any] = njit
"""Its stubs do not know ``_nrt``."""

allocating: Final[Any] = _njit(cache=True, nogil=True)
"""Compile for whatever arguments come, keep the result, and let other threads run meanwhile."""

jit: Final[Any] = _njit(cache=True, nogil=True, _nrt=False)
"""The same for what makes no array: without counting references to those it is handed, which per row costs more than the row's work."""


def jit_for(signature: Any) -> Any:
    """Return `jit` for arguments of one signature alone."""
    return _njit(signature, cache=True, nogil=True, _nrt=False)
