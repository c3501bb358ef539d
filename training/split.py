"""Which rows may be learnt from, and which judge? Time decides, and a label counts from the day it was known.

The newest matured as-of dates are the test period. A training label was mature on the first day of it, so that the model
could have been trained on that day. Within the training side suppliers are divided into folds for early stopping and
calibration: rows of one supplier a month apart share most of their outcome window and must not stand on both sides.
"""

import zlib
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from credit.errors import NotEnoughHistory
from credit.policy import Policy
from training.dataset import ModelFrame


@dataclass(frozen=True, slots=True)
class SplitPolicy:
    """Shares and least numbers of the split; see ``credit/policies/training.toml``."""

    min_history_months: int = 12
    test_share: float = 0.25
    min_test_months: int = 3
    min_train_months: int = 3
    min_bads: int = 20
    folds: int = 5

    @classmethod
    def from_policy(cls, policy: Policy) -> "SplitPolicy":
        """Read the split from the policy `training`."""
        return cls(
            min_history_months=policy.whole("min_history_months"),
            test_share=policy.number("test_share"),
            min_test_months=policy.whole("min_test_months"),
            min_train_months=policy.whole("min_train_months"),
            min_bads=policy.whole("min_bads"),
            folds=policy.whole("folds"),
        )


@dataclass(frozen=True, slots=True)
class Split:
    """Row numbers of a `ModelFrame`: ``train`` with the ``fold`` of each, and ``test``; every training label is older."""

    train: NDArray[np.intp]
    fold: NDArray[np.intp]
    test: NDArray[np.intp]
    train_from: date
    train_to: date
    test_from: date
    test_to: date


def split_out_of_time(frame: ModelFrame, policy: SplitPolicy) -> Split:
    """Divide a frame by time.

    Raises
    ------
    NotEnoughHistory
        Too few as-of dates or bad rows on either side; the message does the arithmetic.
    """
    as_ofs = np.unique(frame.as_of)
    test_count = max(policy.min_test_months, round(policy.test_share * len(as_ofs)))
    if len(as_ofs) <= test_count:
        raise NotEnoughHistory(
            f"{len(as_ofs)} as-of dates have mature labels ({_span(as_ofs)}) and the test period takes {test_count}: bring a longer history"
        )
    test_from = as_ofs[-test_count]
    train = np.flatnonzero(frame.mature_on <= test_from)
    test = np.flatnonzero(frame.as_of >= test_from)
    train_as_ofs = np.unique(frame.as_of[train])
    if len(train_as_ofs) < policy.min_train_months:
        raise NotEnoughHistory(
            f"of {len(as_ofs)} as-of dates with mature labels ({_span(as_ofs)}) the newest {test_count} are the test period, "
            f"from {test_from}; {len(train_as_ofs)} older ones have labels mature by that day, and training needs "
            f"{policy.min_train_months}: bring a longer history"
        )
    for side, rows in (("training side", train), ("test period", test)):
        bads = int(frame.y[rows].sum())
        if min(bads, len(rows) - bads) < policy.min_bads:
            raise NotEnoughHistory(
                f"the {side} has {bads} bad rows of {len(rows)}; it needs {policy.min_bads} bad and as many good ones: "
                "bring more suppliers or a longer history"
            )
    return Split(
        train=train,
        fold=folds_by_supplier(frame.supplier_ids[train], policy.folds),
        test=test,
        train_from=train_as_ofs[0].item(),
        train_to=train_as_ofs[-1].item(),
        test_from=test_from.item(),
        test_to=as_ofs[-1].item(),
    )


def folds_by_supplier(supplier_ids: NDArray[np.str_], folds: int) -> NDArray[np.intp]:
    """Return the fold of each row: by its supplier's id alone, so that more data never moves a supplier to another fold."""
    suppliers, place = np.unique(supplier_ids, return_inverse=True)
    fold_of = np.array([zlib.crc32(str(supplier).encode()) % folds for supplier in suppliers], dtype=np.intp)
    return fold_of[place]


def _span(as_ofs: NDArray[np.datetime64]) -> str:
    return f"{as_ofs[0]} to {as_ofs[-1]}" if len(as_ofs) else "none"
