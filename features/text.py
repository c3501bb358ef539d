"""What a review says beyond its stars: one integer, learned from the texts and ratings that were known before its quarter.

A review's score says how far its text reads like those of good ratings (four or five stars; positive) or of low ones (one or two;
negative), as the character n-grams of `features.text_ngrams` tell. It is worked out once, by the model of the calendar quarter in
which the review became known, and that model is learned only from reviews of earlier quarters: what comes later changes nothing. Of a
corrected review every version teaches and is scored in the quarter in which it became known (`features.text_memory`).

Everything is an integer. Counts are int64 and add up, so rows may come in any order, in any chunks, on any engine; logarithms are
taken in whole numbers, bit by bit. The same texts give the same scores on every machine.

For an n-gram seen in g of G good and l of L low reviews, N = G + L, the weight is the smoothed logarithm of the likelihood ratio

    w = ln((g N / G + s) / (l N / L + s)),  s = `SMOOTHING`

in thousandths, at most 5 either way: 0 for an n-gram never seen. A plain sum of weights calls every long text low, for n-grams
overlap; a text's score is their mean weighted by their own strength, `DOUBT` drawing a text of weak n-grams towards 0:

    score = sum w |w| / sum (|w| + d),  d = `DOUBT`

over its distinct n-grams. An n-gram counts once per review, however often it stands there, as in binary naive Bayes (Metsis,
Androutsopoulos and Paliouras 2006): AUC .958 on Olist's inner quarters, .957 by frequency, .911 by the plain sum. Every choice with
its figure: ``python -m benchmarks.text_choices``; against peers, and beyond the stars: ``python -m benchmarks.text``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from credit.errors import OutOfRange
from features.text_counts import TextCounts, of_dense
from features.text_ngrams import BUCKETS, Bytes, Int8s, Int16s, Int32s, Ints, count_into, folded_characters, score_into
from features.text_weights import LARGEST_WEIGHT, weigh

LEAST_REVIEWS: Final = 50
"""Texts of low and of good ratings, each, before there is a model. From 200 Olist reviews, some 50 of them low, the AUC is .927; .912
from 100; .956 from all before."""
HIGHEST_SCORE: Final = LARGEST_WEIGHT // 10
"""The largest score either way, in hundredths."""
DOUBT: Final = 200
"""Strength, in thousandths, that every n-gram adds to the divisor alone."""


def quarters_of_days(days: Int32s) -> Int32s:
    """Return the calendar quarter of each civil day (days since 1970-01-01) as quarters since the first of 1970.

    >>> quarters_of_days(np.array([0, 89, 90], dtype=np.int32)).tolist()
    [0, 0, 1]
    """
    months = np.asarray(days).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return np.asarray(months // 3, dtype=np.int32)


def labels_of_stars(stars: Ints) -> Int8s:
    """Return 0 for one or two stars, 1 for four or five, -1 between; stars come in hundredths, as the ledger has them.

    >>> labels_of_stars(np.array([100, 200, 300, 350, 400, 500])).tolist()
    [0, 0, -1, -1, 1, 1]
    """
    return np.select([np.asarray(stars) <= 200, np.asarray(stars) >= 400], [0, 1], -1).astype(np.int8)


def _check_texts(data: Bytes, offsets: Ints, **columns: npt.NDArray[np.signedinteger]) -> None:
    """Refuse arrays that would be read out of bounds."""
    for name, array, kind in (("data", data, np.uint8), ("offsets", offsets, np.int64)):
        if array.dtype != kind or array.ndim != 1:
            raise OutOfRange(
                f"texts: {name} must be {kind.__name__} of one dimension, found {array.dtype} of {array.ndim}; convert it first"
            )
    if not len(offsets) or offsets[0] < 0 or offsets[-1] > len(data) or (np.diff(offsets) < 0).any():
        raise OutOfRange(f"texts: offsets must ascend within the {len(data)} bytes of data; check the slice they are from")
    for name, column in columns.items():
        if column.shape != (len(offsets) - 1,) or column.dtype.kind != "i":
            found = f"{column.dtype} of shape {column.shape}"
            raise OutOfRange(f"texts: {name} must be {len(offsets) - 1} whole numbers, one for each text, found {found}; align the columns")


def count_ngrams(data: Bytes, offsets: Ints, label: Int8s, quarter: Int32s) -> TextCounts:
    """Count, per quarter and class, the reviews in which each n-gram stands; once per review however often it stands there.

    Parameters
    ----------
    data, offsets : uint8 array, int64 array (rows + 1,)
        UTF-8 bytes, and where each text begins and ends in them; an empty text is no text.
    label : int8 array (rows,)
        1 good, 0 low, -1 unused; `labels_of_stars`.
    quarter : int32 array (rows,)
        The quarter in which the review became known; `quarters_of_days`.

    Returns
    -------
    TextCounts
        The same in any order of the rows. Memory: 4.5 MB and some 30 bytes a row at work, at most 5.2 MB a quarter in the result.

    Raises
    ------
    OutOfRange
        If the arrays do not fit each other, or a label is another number.
    """
    _check_texts(data, offsets, label=label, quarter=quarter)
    if len(label) and not (label.min() >= -1 and label.max() <= 1):
        raise OutOfRange(f"texts: label must be 1 (good), 0 (low) or -1 (unused), found {label.min()} to {label.max()}")
    used = np.flatnonzero((label >= 0) & (np.diff(offsets) > 0))
    used = used[np.argsort(quarter[used], kind="stable")]
    quarters, starts = np.unique(quarter[used], return_index=True)
    folded = folded_characters()

    def counted() -> Iterable[tuple[int, Ints, Ints]]:
        for of_quarter, rows in zip(quarters, np.split(used, starts[1:]), strict=True) if len(used) else ():
            counts, reviews = np.zeros((BUCKETS, 2), np.int64), np.zeros(2, np.int64)
            count_into(data, offsets, rows, label.astype(np.int8, copy=False), folded, counts, reviews)
            yield int(of_quarter), reviews, counts

    return of_dense(counted())


@dataclass(frozen=True, slots=True)
class TextModels:
    """The models of the quarters: the first with enough reviews before it, and every one after a quarter that brought more.

    Attributes
    ----------
    quarters : int32 array (M,)
        The quarter from which each model holds, until the next, ascending.
    weights : int16 array (M, BUCKETS)
        Thousandths of log-odds by bucket; higher is better. 0.5 MB a model.
    """

    quarters: Int32s
    weights: Int16s

    def model_of(self, quarter: Int32s) -> Int32s:
        """Return the model of each quarter, -1 where there is none yet."""
        return (np.searchsorted(self.quarters, quarter, side="right") - 1).astype(np.int32)


def learn(counts: TextCounts) -> TextModels:
    """Learn, for every quarter, from the reviews of the quarters before it alone.

    A quarter has no model before `LEAST_REVIEWS` texts of low and as many of good ratings came in earlier quarters.
    Counts of later quarters change no earlier model.
    """
    total, reviews = np.zeros((BUCKETS, 2), np.int64), np.zeros(2, np.int64)
    quarters, weights = [], []
    for i in range(len(counts.quarters)):
        quarter, more, buckets, added = counts.of_quarter(i)
        total[buckets] += added
        reviews += more
        if reviews.min() >= LEAST_REVIEWS:
            quarters.append(quarter + 1)
            weights.append(weigh(total, reviews))
    return TextModels(np.array(quarters, dtype=np.int32), np.array(weights, dtype=np.int16).reshape(-1, BUCKETS))


def score_texts(models: TextModels, data: Bytes, offsets: Ints, quarter: Int32s) -> Int32s:
    """Score each text by the model of its quarter.

    Parameters
    ----------
    models
        What `learn` returned.
    data, offsets, quarter
        As in `count_ngrams`; the quarter in which the review became known.

    Returns
    -------
    int32 array (rows,)
        Hundredths of log-odds, within `HIGHEST_SCORE` either way, higher is better; 0 where there is no text or no model yet.

    Raises
    ------
    OutOfRange
        If the arrays do not fit each other.
    """
    _check_texts(data, offsets, quarter=quarter)
    model = models.model_of(quarter)
    used = np.flatnonzero((model >= 0) & (np.diff(offsets) > 0))
    used = used[np.argsort(model[used], kind="stable")]  # one model after the other stays in the cache
    scores = np.zeros(len(quarter), dtype=np.int32)
    score_into(data, offsets, used, model, models.weights, folded_characters(), DOUBT, scores)
    return scores
