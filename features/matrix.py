"""The feature matrix: what the third step of the walk returns, and how it is written."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from credit.errors import CannotWrite


@dataclass(frozen=True, slots=True, eq=False)
class FeatureMatrix:
    """Features, one row per supplier and as-of date, sorted by supplier, then date.

    Parameters
    ----------
    supplier_ids : str array (rows,)
    as_of : datetime64[D] array (rows,)
    names : tuple of str
        Feature names, in the catalogue's order.
    values : float64 array (rows, features)
        NaN is the one meaning of missing; never infinite.
    """

    supplier_ids: npt.NDArray[np.str_]
    as_of: npt.NDArray[np.datetime64]
    names: tuple[str, ...]
    values: npt.NDArray[np.float64]

    def save(self, path: Path) -> None:
        """Write the matrix as Parquet: supplier_id, as_of, then one DOUBLE per feature (missing is NULL)."""
        frame: dict[str, Any] = {"supplier_id": self.supplier_ids.astype(object), "day": self.as_of.astype(np.int64).astype(np.int32)}
        frame.update({name: np.ascontiguousarray(self.values[:, i]) for i, name in enumerate(self.names)})
        write_parquet(frame, path, select="supplier_id, DATE '1970-01-01' + day AS as_of, * EXCLUDE (supplier_id, day)")


def write_parquet(columns: dict[str, Any], path: Path, *, select: str = "*") -> None:
    """Write named arrays as one Parquet file, complete or not at all."""
    if path.is_dir():
        raise CannotWrite(f"{path} is a folder; name a file, such as {path / 'file.parquet'}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(f"{path.parent} cannot be made ({error.strerror}); name a file in a folder that can be written") from error
    part = path.with_name(f".{path.name}.part")
    target = str(part).replace("'", "''")
    try:
        with duckdb.connect() as con:
            con.register("columns_to_write", columns)
            con.execute(f"COPY (SELECT {select} FROM columns_to_write) TO '{target}' (FORMAT parquet)")
        part.replace(path)
    except (duckdb.IOException, OSError) as error:
        raise CannotWrite(
            f"{path} cannot be written ({str(error).splitlines()[0]}); name a file in a folder that can be written"
        ) from error
    finally:
        part.unlink(missing_ok=True)
