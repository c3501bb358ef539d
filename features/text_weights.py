"""The weight of every n-gram from its counts, in whole numbers throughout: no machine's logarithm rounds otherwise.

Base-two logarithms are taken by repeated squaring of a 31-bit mantissa (Knuth, The Art of Computer Programming 1, 1.2.2, exercise 25).
"""

from typing import Final

import numpy as np
from numba import njit

from features.text_ngrams import Int16s, Ints, Whole

SMOOTHING: Final = 2
"""Reviews of the base rate added to each n-gram's counts; 1 to 3 give the same AUC on Olist's inner quarters, 10 loses .002
(``python -m benchmarks.text_choices``)."""
LARGEST_WEIGHT: Final = 5000
"""Thousandths; an n-gram alone never says more than odds of 148 to 1."""

_FRACTION: Final = 20
_LN_2: Final = 693_147  # millionths
_TO_THOUSANDTHS: Final = 1000 << _FRACTION
_MANTISSA: Final = np.uint64(31)
_TWO: Final = np.uint64(1 << 32)
_ONE_BIT: Final = np.uint64(1)

_jit = njit(cache=True, nogil=True)


@_jit
def log2_fixed(x: Whole) -> Whole:
    """Base-two logarithm of an integer from 1 to 2^63 - 1 in units of 2^-20, never above it and less than 2^-19 below."""
    bits = 0
    while x >> (bits + 1) > 0:
        bits += 1
    mantissa = (np.uint64(x) << np.uint64(63 - bits)) >> np.uint64(32)
    result = bits
    for _ in range(_FRACTION):
        mantissa = (mantissa * mantissa) >> _MANTISSA
        result <<= 1
        if mantissa >= _TWO:
            mantissa >>= _ONE_BIT
            result += 1
    return result


@_jit
def _weigh_into(counts: Ints, low: Whole, good: Whole, weights: Int16s) -> None:
    """Write the weights of all buckets; low and good are the classes' shares as whole numbers."""
    both = low + good
    base = log2_fixed(low) - log2_fixed(good)
    for bucket in range(len(counts)):
        if counts[bucket, 0] + counts[bucket, 1] > 0:
            of_good = log2_fixed(counts[bucket, 1] * both + SMOOTHING * good)
            of_low = log2_fixed(counts[bucket, 0] * both + SMOOTHING * low)
            weight = (2 * (of_good - of_low + base) * _LN_2 + _TO_THOUSANDTHS) // (2 * _TO_THOUSANDTHS)
            weights[bucket] = min(max(weight, -LARGEST_WEIGHT), LARGEST_WEIGHT)


def weigh(counts: Ints, reviews: Ints) -> Int16s:
    """Return each n-gram's smoothed logarithm of the likelihood ratio good : low, in thousandths.

    Parameters
    ----------
    counts : int64 array (buckets, 2)
        Reviews with an n-gram of the bucket: low, good; none above the number of reviews.
    reviews : int64 array (2,)
        Reviews: low, good; both above 0.

    Returns
    -------
    int16 array (buckets,)
        Higher is better; 0 for a bucket never seen; within `LARGEST_WEIGHT` either way. Right to one thousandth up to 2^36 reviews of
        which one in a thousand is of the rarer kind.

    Examples
    --------
    One n-gram in 3 of 4 good and 0 of 4 low reviews: ln((3 / 0.5 + 2) / (0 / 0.5 + 2)) = ln 4.

    >>> weigh(np.array([[0, 3], [0, 0]]), np.array([4, 4])).tolist()
    [1386, 0]
    """
    low, good = int(reviews[0]), int(reviews[1])
    shift = max(0, 2 * (low + good).bit_length() - 60)  # a count times both stays below 2^62; up to 2^30 reviews nothing is lost
    weights = np.zeros(len(counts), dtype=np.int16)
    _weigh_into(counts, max(low >> shift, 1), max(good >> shift, 1), weights)
    return weights
