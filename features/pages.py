"""Memory for what is large and written throughout: pages of the common size, fetched at once.

Stands beside the second step of the walk. numpy asks for huge pages where an array has more than four megabytes. A virtual machine whose
balloon reports them as free gets each from its host anew, for up to ten times what writing it costs; small ones it has at hand.
"""

import mmap
from typing import Any, Final

import numpy as np
import numpy.typing as npt

_FLAGS: Final = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_POPULATE", 0)


def pages(shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return an array of a shape, to be written.

    Examples
    --------
    >>> pages((3, 2), np.float64).shape
    (3, 2)
    """
    items = int(np.prod(shape))
    return np.frombuffer(mmap.mmap(-1, max(items * np.dtype(dtype).itemsize, 1), flags=_FLAGS), dtype=dtype, count=items).reshape(shape)
