"""How the review text score was chosen: one setting varied at a time, Olist's reviews of 2017 Q2 to Q4, each from the quarters before.

    python -m benchmarks.text_choices [SOURCE]

A plain floating-point copy of the formula in `features.text` over scikit-learn's hashed n-grams; low (1, 2 stars) against good (4, 5).
No review of 2018 is read. The figures are the mean AUC of the three quarters; differences below about .001 are noise.
"""

import sys
import tempfile
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.metrics import roc_auc_score

from benchmarks.real_data import real_data_folder
from benchmarks.text import FIRST_JUDGED, FIRST_UNTOUCHED, reviews_of
from features.sources.olist import import_olist

Floats = npt.NDArray[np.float64]


def no_accents(text: str) -> str:
    """Return the text in lower case without accents."""
    return "".join(c for c in unicodedata.normalize("NFD", text.lower()) if not "\u0300" <= c <= "\u036f")


def one_digit(text: str) -> str:
    """Return the text in lower case, every digit a 0."""
    return "".join("0" if c.isdigit() else c for c in text.lower())


def no_punctuation(text: str) -> str:
    """Return the text in lower case, all but letters and digits a space."""
    return "".join(c if c.isalnum() else " " for c in text.lower())


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to score: lengths of n-grams, buckets, smoothing, presence or frequency, how weights are summed, what is read."""

    shortest: int = 1
    longest: int = 4
    bits: int = 18
    smoothing: float = 2.0
    presence: bool = True
    summed: str = "by strength"
    doubt: float = 0.2
    read: Callable[[str], str] = str.lower


CHOICES: dict[str, Choice] = {
    "as chosen": Choice(),
    **{f"lengths {a} to {b}": Choice(shortest=a, longest=b) for a, b in ((1, 1), (1, 2), (1, 3), (2, 4), (4, 4), (1, 5), (1, 6))},
    **{f"2^{bits} buckets": Choice(bits=bits) for bits in (15, 16, 17, 20)},
    **{f"smoothing {s:g}": Choice(smoothing=s) for s in (0.5, 1.0, 3.0, 10.0)},
    **{f"doubt {d:g}": Choice(doubt=d) for d in (0.0, 0.05, 0.5)},
    "frequency, not presence": Choice(presence=False),
    "plain sum of weights": Choice(summed="sum"),
    "plain mean of weights": Choice(summed="mean"),
    "upper and lower case apart": Choice(read=str),
    "without accents": Choice(read=no_accents),
    "digits all one": Choice(read=one_digit),
    "without punctuation": Choice(read=no_punctuation),
}


def summed_up(x: sparse.csr_matrix, w: Floats, choice: Choice) -> Floats:
    """Return each text's score from its n-grams' weights."""
    grams = np.maximum(np.asarray(x.sum(axis=1)).ravel(), 1)
    if choice.summed == "sum":
        return np.asarray(x @ w)
    if choice.summed == "mean":
        return np.asarray(x @ w / grams)
    return np.asarray(x @ (w * np.abs(w)) / (x @ np.abs(w) + choice.doubt * grams + 1e-12))


def judged(frame: pd.DataFrame, choice: Choice, quarters: Iterable[int] = range(FIRST_JUDGED, FIRST_UNTOUCHED)) -> list[float]:
    """Return the AUC of each of the quarters, learned from those before it."""
    lengths = (choice.shortest, choice.longest)
    hashed = HashingVectorizer(
        analyzer="char", ngram_range=lengths, n_features=1 << choice.bits, norm=None, alternate_sign=False, lowercase=False,
        binary=choice.presence,
    )  # fmt: skip
    x = hashed.transform(f" {choice.read(text).strip()} " for text in frame["text"])
    label, quarter = frame["label"].to_numpy(), frame["quarter"].to_numpy()
    found = []
    for q in quarters:
        low, good, test = ((quarter < q) & (label == 0), (quarter < q) & (label == 1), (quarter == q) & (label >= 0))
        share = good.sum() / (good.sum() + low.sum())
        of_good, of_low = (np.asarray(x[rows].sum(axis=0)).ravel() for rows in (good, low))
        w = np.log((of_good / share + choice.smoothing) / (of_low / (1 - share) + choice.smoothing))
        found.append(float(roc_auc_score(label[test], summed_up(x[test], np.clip(w, -5, 5), choice))))
    return found


def from_few(frame: pd.DataFrame, reviews: int) -> list[float]:
    """Return the AUC on 2017 Q3 of models each learned from so few earlier reviews, ten draws."""
    known = frame[(frame["quarter"] < FIRST_JUDGED + 1) & (frame["label"] >= 0)].assign(quarter=FIRST_JUDGED)
    asked = frame[frame["quarter"] == FIRST_JUDGED + 1]
    few = (pd.concat([known.sample(reviews, random_state=seed), asked]) for seed in range(10))
    return [judged(rows, Choice(), (FIRST_JUDGED + 1,))[0] for rows in few]


def main(source: Path) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        import_olist(source, Path(folder), outcome="late")
        frame = reviews_of(Path(folder) / "reviews.parquet")
    inner = frame[frame["quarter"] < FIRST_UNTOUCHED].reset_index(drop=True)
    for reviews in (50, 100, 200, 400, 800):
        aucs = from_few(inner, reviews)
        print(f"from {reviews} reviews, 2017 Q3: mean {np.mean(aucs):.4f}, lowest {min(aucs):.4f} of ten draws", flush=True)
    for name, choice in CHOICES.items():
        aucs = judged(inner, choice)
        print(f"{name:28s} {np.mean(aucs):.4f}   " + "  ".join(f"{auc:.4f}" for auc in aucs), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else real_data_folder() / "olist")
