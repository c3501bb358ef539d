"""Real credit tables with a small catalogue each: names, promised directions, which columns are categories.

What identifies a borrower, what is protected (sex, age, marital status) and what was known only after the decision is left out. A
direction stands where a lender would promise it whatever the data say: more debt or delay is never safer, more profit, liquidity or
limit never riskier. Sources and licences: UCI 350 (Taiwan, CC BY 4.0), UCI 365 (Polish companies, CC BY 4.0), and the case file of Li,
Mickel and Taylor, "Should This Loan be Approved or Denied?" (2018; SBA loans, public domain).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.real_data import real_data_folder

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class CreditTable:
    """Rows to learn from or to judge.

    ``values`` of shape (n, f), NaN where missing, categories as codes; ``y`` is 1 for bad; ``groups`` says whose row each is, None where
    each is a borrower's only one.
    """

    values: Floats
    y: Floats
    names: tuple[str, ...]
    directions: tuple[int, ...]
    categorical: tuple[int, ...] = ()
    groups: Ints | None = None

    def rows(self, chosen: Ints) -> "CreditTable":
        """Return the table of the chosen rows."""
        groups = None if self.groups is None else self.groups[chosen]
        return CreditTable(self.values[chosen], self.y[chosen], self.names, self.directions, self.categorical, groups)


def taiwan(folder: Path) -> CreditTable:
    """Return credit-card clients in Taiwan, 2005: bad is a default on next month's payment."""
    frame = pd.read_parquet(folder / "taiwan_credit.parquet")
    rising = {f"PAY_{month}": 1 for month in (0, 2, 3, 4, 5, 6)}
    falling = {"LIMIT_BAL": -1, **{f"PAY_AMT{month}": -1 for month in range(1, 7)}}
    return _table(frame.drop(columns=["ID", "SEX", "MARRIAGE", "AGE", "DEFAULT"]), frame["DEFAULT"], rising | falling)


def polish(folder: Path) -> CreditTable:
    """Return Polish companies' ratios: bad is bankruptcy within five years of the statement.

    Directions of the plainest ratios alone: 1 return on assets, 6 retained earnings, 7, 11, 14, 18, 22, 35 and 48 profit on assets and
    8 and 10 equity fall; 2 and 51 debt on assets rise.
    """
    frame = pd.read_parquet(folder / "polish_bankruptcy_1year.parquet")
    falling = {f"Attr{number}": -1 for number in (1, 6, 7, 8, 10, 11, 14, 18, 22, 35, 48)}
    return _table(frame.drop(columns=["class"]), frame["class"], falling | {"Attr2": 1, "Attr51": 1})


def sba(folder: Path) -> CreditTable:
    """Return SBA-guaranteed loans to Californian lessors: bad is a charge-off.

    Left out: what was known only afterwards (charge-offs, balances, ``xx``, ``daysterm``, ``Recession``); ``Term``, which for a
    loan charged off is the time until then (with it the AUC is .98); ``RealEstate``, which is a ``Term`` of 240 months or more; the
    dates, which in shuffled folds tell of loans of the same weeks; the names of borrower, city and bank.
    """
    frame = pd.read_parquet(folder / "sba_case_california.parquet")
    columns = pd.DataFrame(
        {
            "industry": _codes(frame["NAICS"]),
            "employees": frame["NoEmp"],
            "is_new": frame["NewExist"].where(frame["NewExist"] > 0),
            "jobs_created": frame["CreateJob"],
            "jobs_retained": frame["RetainedJob"],
            "franchise": frame["FranchiseCode"] > 1,
            "urban": frame["UrbanRural"],
            "revolving": _codes(frame["RevLineCr"]),
            "low_documentation": _codes(frame["LowDoc"]),
            "disbursed": frame["DisbursementGross"],
            "approved": frame["GrAppv"],
            "guaranteed": frame["SBA_Appv"],
            "portion_guaranteed": frame["Portion"],
            "bank_outside_state": frame["BankState"] != "CA",
        }
    )
    return _table(columns, frame["Default"], {"is_new": 1}, categorical=("industry", "urban", "revolving", "low_documentation"))


TABLES: Mapping[str, Callable[[Path], CreditTable]] = {"taiwan": taiwan, "polish": polish, "sba": sba}


def credit_table(name: str, folder: Path | None = None) -> CreditTable:
    """Return one of `TABLES`, by default from the folder of the real data."""
    return TABLES[name](folder or real_data_folder() / "credit")


def _codes(column: pd.Series) -> pd.Series:
    """Number the categories in alphabetical order; what is missing is a category of its own."""
    return column.astype("string").fillna("missing").astype("category").cat.codes


def _table(columns: pd.DataFrame, bad: pd.Series, directions: Mapping[str, int], categorical: tuple[str, ...] = ()) -> CreditTable:
    names = tuple(map(str, columns.columns))
    return CreditTable(
        values=np.ascontiguousarray(columns.to_numpy(dtype=np.float64)),
        y=bad.to_numpy(dtype=np.float64),
        names=names,
        directions=tuple(directions.get(name, 0) for name in names),
        categorical=tuple(names.index(name) for name in categorical),
    )
