"""What the review text score is worth: Olist's Portuguese and the simulator's Chinese, out of time, beside two peers on the same rows.

    python -m benchmarks.text [--source SOURCE] [--suppliers 1000] [--months 24] [--seed 7]

1. Olist (default ../shared/data/olist, or under LIANXIN_REAL_DATA): does the score tell low (1, 2 stars) from good (4, 5) in the
   reviews of a quarter, learned from the quarters before it? The choices were made on 2017 Q2 to Q4 (`benchmarks.text_choices`);
   2018 was looked at last. Peers, learned anew for each quarter on the same rows: scikit-learn's hashed character n-grams of
   the same lengths and buckets with logistic regression, and with multinomial naive Bayes.
2. Simulated Chinese: the same, and then phrases never seen. The simulator draws a text from 420 by the rating alone, so its first
   figure shows that Chinese bytes pass and no more; the second holds out every text with one opening or one remark and asks for
   those with both: what n-grams shared between phrases (不, 满意, 稳定) carry over. 20 folds of 24 texts: a sketch, no estimate.
3. Beyond the stars, Olist: do a seller's text scores help a logistic regression on his stars and lateness to rank the reviews and the
   deliveries of the 30 days to come? Learned on as-ofs to 2017-12, judged on 2018-02 to 2018-07; errors by resampling sellers.
4. Speed on one thread by processor time, texts in memory, compiled before.
"""

import argparse
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.olist import delong
from benchmarks.real_data import real_data_folder
from features.simulate import simulate
from features.simulate.phrases import OPENINGS, REMARKS, texts
from features.sources.olist import import_olist
from features.text import count_ngrams, labels_of_stars, learn, quarters_of_days, score_texts
from features.text_ngrams import BUCKETS, LONGEST
from training.measures import auc_difference

Floats = npt.NDArray[np.float64]

FIRST_JUDGED = 189
"""2017 Q2: the first quarter with a quarter of more than a thousand texts before it."""
FIRST_UNTOUCHED = 192
"""2018 Q1: from here on no choice was made."""
PEERS = ("logistic C=1", "logistic C=10", "naive Bayes")
AS_OFS = pd.date_range("2017-07-01", "2018-07-01", freq="MS")
LAST_TRAINING, FIRST_TEST = pd.Timestamp("2017-12-01"), pd.Timestamp("2018-02-01")
_PAST = """
WITH r AS (
  SELECT supplier_id, as_of, avg(rating) AS stars_365, avg(rating) FILTER (near) AS stars_90, avg((rating <= 2)::INT) AS low_365,
    avg((rating <= 2)::INT) FILTER (near) AS low_90, ln(1 + count(*)) AS reviews, avg((text IS NOT NULL)::INT) AS texts,
    sum(score) / (3 + count(text)) AS text_365, coalesce(sum(score) FILTER (near), 0) / (3 + count(text) FILTER (near)) AS text_90,
    count(*) FILTER (score < -40) / (3 + count(text)) AS text_low
  FROM (SELECT *, reviewed_at >= as_of - INTERVAL 90 DAY AS near FROM past_reviews) GROUP BY ALL
), f AS (
  SELECT supplier_id, as_of, avg(late) AS late_365, avg(late) FILTER (delivered_at >= as_of - INTERVAL 90 DAY) AS late_90
  FROM past_deliveries GROUP BY ALL
)
SELECT * FROM r LEFT JOIN f USING (supplier_id, as_of) ORDER BY supplier_id, as_of
"""
_STARS = ["stars_365", "stars_90", "low_365", "low_90", "reviews", "texts", "late_365", "late_90"]
_TEXT = ["text_365", "text_90", "text_low"]


def arrow_pair(column: list[str]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return texts as UTF-8 bytes and offsets."""
    encoded = [text.encode() for text in column]
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    return np.frombuffer(b"".join(encoded), dtype=np.uint8), offsets


def reviews_of(file: Path) -> pd.DataFrame:
    """One row per dated review with text: review_id, text, label, quarter."""
    query = (
        "SELECT review_id, any_value(text) AS text, any_value(rating::INT) AS rating, any_value(reviewed_at::TIMESTAMP)::DATE AS known "
        f"FROM '{file}' WHERE text IS NOT NULL AND reviewed_at IS NOT NULL GROUP BY review_id ORDER BY review_id"
    )
    with duckdb.connect() as con:
        frame = con.execute(query).df()
    days = frame["known"].to_numpy().astype("datetime64[D]").astype(np.int32)
    return frame.assign(label=labels_of_stars(frame["rating"].to_numpy(np.int64) * 100), quarter=quarters_of_days(days))


def text_scores(frame: pd.DataFrame) -> npt.NDArray[np.int32]:
    """Return the product's score of every review."""
    data, offsets = arrow_pair(frame["text"].tolist())
    quarter = frame["quarter"].to_numpy(np.int32)
    return score_texts(learn(count_ngrams(data, offsets, frame["label"].to_numpy(np.int8), quarter)), data, offsets, quarter)


def peer_scores(column: list[str], label: npt.NDArray[np.int8], train: npt.NDArray[np.bool_], test: npt.NDArray[np.bool_]) -> list[Floats]:
    """Return the log-odds of good by each of `PEERS` on the test rows."""
    same = {"analyzer": "char", "ngram_range": (1, LONGEST), "n_features": BUCKETS, "alternate_sign": False}
    known, asked = [t for t, k in zip(column, train, strict=True) if k], [t for t, k in zip(column, test, strict=True) if k]
    scaled, plain = HashingVectorizer(norm="l2", **same), HashingVectorizer(norm=None, **same)
    x, z = scaled.transform(known), scaled.transform(asked)
    scores = [LogisticRegression(C=c, solver="liblinear").fit(x, label[train]).decision_function(z) for c in (1.0, 10.0)]
    bayes = MultinomialNB().fit(plain.transform(known), label[train]).predict_joint_log_proba(plain.transform(asked))
    return [*scores, bayes[:, 1] - bayes[:, 0]]


def by_quarter(frame: pd.DataFrame, first: int) -> pd.DataFrame:
    """Return the labelled reviews from quarter `first` on with every scorer's score."""
    label, quarter, column = frame["label"].to_numpy(np.int8), frame["quarter"].to_numpy(), frame["text"].tolist()
    ours, parts = text_scores(frame), []
    for q in range(first, quarter.max() + 1):
        test = (quarter == q) & (label >= 0)
        if np.unique(label[test]).size == 2 and test.sum() >= 100:
            peers = peer_scores(column, label, (quarter < q) & (label >= 0), test)
            scored = dict(zip(("text_score", *PEERS), (ours[test].astype(float), *peers), strict=True))
            parts.append(pd.DataFrame({"quarter": q, "label": label[test], **scored}))
    return pd.concat(parts, ignore_index=True)


def show_quarters(scored: pd.DataFrame) -> None:
    """Print the AUC by quarter and scorer, and the mean over the quarters where no choice was made."""
    names = ["text_score", *PEERS]
    print("quarter   reviews    low  " + "".join(f"{name:>16s}" for name in names))
    found = {}
    for quarter, rows in scored.groupby("quarter"):
        found[quarter] = [delong(rows["label"], rows[name])[0] for name in names]
        head = f"{1970 + quarter // 4} Q{quarter % 4 + 1}  {len(rows):8d}  {1 - rows['label'].mean():4.1%}"
        print(f"{head} " + "".join(f"{auc:16.4f}" for auc in found[quarter]))
    last = [aucs for quarter, aucs in found.items() if quarter >= FIRST_UNTOUCHED]
    print(f"{'mean from 2018 Q1 on' if len(last) < len(found) else 'mean':26s} " + "".join(f"{auc:16.4f}" for auc in np.mean(last, axis=0)))


def show_differences(scored: pd.DataFrame) -> None:
    """Print the paired difference to each peer by quarter, with DeLong's error, from 2018 on."""
    for peer in PEERS:
        pairs = [
            auc_difference(rows["label"].to_numpy(float), rows["text_score"].to_numpy(float), rows[peer].to_numpy(float))
            for quarter, rows in scored.groupby("quarter")
            if quarter >= FIRST_UNTOUCHED
        ]
        print(f"  text_score - {peer:14s} " + "  ".join(f"{p.difference:+.4f} (s.e. {p.standard_error:.4f})" for p in pairs))


def unseen_phrases(frame: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Return mean and lowest AUC over 20 folds on texts whose opening and remark were both held out, by scorer."""
    written, found = texts(), []
    of_rating = frame["rating"].to_numpy()
    for opening, remark in [(o, m) for o in range(4) for m in range(5)]:
        held = {r: (OPENINGS[r][opening], REMARKS[r][remark]) for r in OPENINGS}
        known = [not any(part in t for part in held[r]) for t, r in zip(frame["text"], of_rating, strict=True)]
        asked = sorted({(t, k // 120 + 1) for k, t in enumerate(written) if all(part in t for part in held[k // 120 + 1])})
        asked = [(t, r) for t, r in asked if r != 3]
        seen = frame[known & (frame["label"] >= 0).to_numpy()]
        label = np.r_[seen["label"].to_numpy(np.int8), np.array([r > 3 for _, r in asked], dtype=np.int8)]
        column = seen["text"].tolist() + [t for t, _ in asked]
        test = np.arange(len(column)) >= len(seen)
        data, offsets = arrow_pair(column)
        quarter = test.astype(np.int32)
        ours = score_texts(learn(count_ngrams(data, offsets, label, quarter)), data, offsets, quarter)[test]
        found.append([roc_auc_score(label[test], s) for s in (ours, *peer_scores(column, label, ~test, test))])
    return {name: (float(np.mean(aucs)), min(aucs)) for name, aucs in zip(("text_score", *PEERS), zip(*found, strict=True), strict=True)}


def beyond_stars(folder: Path, frame: pd.DataFrame) -> None:
    """Print what the text scores add to the stars for the next 30 days' reviews and deliveries."""
    scores = frame[["review_id"]].assign(score=text_scores(frame))
    as_ofs = pd.DataFrame({"as_of": AS_OFS})
    with duckdb.connect() as con:
        con.register("scores", scores)
        con.register("as_ofs", as_ofs)
        con.execute(
            "CREATE TABLE r AS SELECT supplier_id, reviewed_at::TIMESTAMP AS reviewed_at, rating::INT AS rating, text, "
            f"coalesce(score, 0) AS score FROM '{folder}/reviews.parquet' LEFT JOIN scores USING (review_id) WHERE reviewed_at IS NOT NULL"
        )
        con.execute(
            "CREATE TABLE f AS SELECT f.supplier_id, delivered_at::TIMESTAMP AS delivered_at, "
            "(delivered_at::DATE > promised_at::DATE)::INT AS late "
            f"FROM '{folder}/fulfilments.parquet' f JOIN '{folder}/orders.parquet' USING (order_id, supplier_id) "
            "WHERE delivered_at IS NOT NULL"
        )
        for name, table, at in (("reviews", "r", "reviewed_at"), ("deliveries", "f", "delivered_at")):
            con.execute(
                f"CREATE VIEW past_{name} AS SELECT * FROM {table} JOIN as_ofs ON {at} < as_of AND {at} >= as_of - INTERVAL 365 DAY"
            )
        past = con.execute(_PAST).df()
        for name, event in (
            ("low among the next reviews", "SELECT supplier_id, reviewed_at AS happened, (rating <= 2)::INT AS y FROM r WHERE rating <> 3"),
            ("late among the next deliveries", "SELECT supplier_id, delivered_at AS happened, late AS y FROM f"),
        ):
            sums = "SELECT supplier_id, as_of, sum(y) AS bad, count(*) - sum(y) AS good"
            within = "happened >= as_of AND happened < as_of + INTERVAL 30 DAY"
            nxt = con.execute(f"{sums} FROM ({event}) JOIN as_ofs ON {within} GROUP BY ALL").df()
            _show_gain(name, past.merge(nxt, on=["supplier_id", "as_of"]))


def _show_gain(name: str, rows: pd.DataFrame) -> None:
    """Fit with and without text, print both AUC over events and the difference with its error."""
    train, test = rows[rows["as_of"] <= LAST_TRAINING], rows[rows["as_of"] >= FIRST_TEST].reset_index(drop=True)
    scores = {}
    for what, columns in (("stars and lateness", _STARS), ("with text", _STARS + _TEXT), ("text alone", _TEXT)):
        means = train[columns].mean()
        twice = pd.concat([train[columns], train[columns]]).fillna(means)
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        model.fit(twice, np.repeat([1, 0], len(train)), logisticregression__sample_weight=np.r_[train["bad"], train["good"]])
        scores[what] = model.decision_function(test[columns].fillna(means))
    sellers = pd.factorize(test["supplier_id"])[0]
    rng = np.random.default_rng(1)
    truth = np.repeat([1, 0], len(test))

    def auc(what: str, times: Floats) -> float:
        return float(roc_auc_score(truth, np.tile(scores[what], 2), sample_weight=np.r_[test["bad"] * times, test["good"] * times]))

    ones = np.ones(len(test))
    draws = [np.bincount(rng.integers(0, sellers.max() + 1, sellers.max() + 1), minlength=sellers.max() + 1)[sellers] for _ in range(200)]
    gains = [auc("with text", times) - auc("stars and lateness", times) for times in draws]
    aucs = "  ".join(f"{what} {auc(what, ones):.4f}" for what in scores)
    gain = auc("with text", ones) - auc("stars and lateness", ones)
    print(f"  {name}: {int(test['bad'].sum()):,} of {int((test['bad'] + test['good']).sum()):,} events; AUC {aucs}")
    print(f"    text adds {gain:+.4f} (s.e. {np.std(gains, ddof=1):.4f}, sellers resampled 200 times)")


def show_speed(name: str, frame: pd.DataFrame, copies: int) -> None:
    """Print MB and reviews a processor second of counting, learning and scoring, the best of three."""
    order = np.random.default_rng(1).permutation(len(frame) * copies) % len(frame)
    many = frame.iloc[order]
    data, offsets = arrow_pair(many["text"].tolist())
    label, quarter = many["label"].to_numpy(np.int8), many["quarter"].to_numpy(np.int32)
    best = np.full(3, np.inf)
    for _ in range(3):
        start = time.process_time()
        counts = count_ngrams(data, offsets, label, quarter)
        counted = time.process_time()
        models = learn(counts)
        learned = time.process_time()
        score_texts(models, data, offsets, quarter)
        best = np.minimum(best, [counted - start, learned - counted, time.process_time() - learned])
    rate = [f"{data.size / best[i] / 1e6:.0f} MB/s, {len(many) / best[i] / 1e6:.2f} million reviews/s" for i in (0, 2)]
    print(f"  {name}, {len(many):,} reviews, {data.size / 1e6:.0f} MB: counting {rate[0]}; scoring {rate[1]}; learning {best[1]:.2f} s")


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, default=real_data_folder() / "olist")
    parser.add_argument("--suppliers", type=int, default=1000)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        import_olist(args.source, Path(scratch) / "olist", outcome="late")
        simulate(Path(scratch) / "world", suppliers=args.suppliers, months=args.months, seed=args.seed)
        olist, world = (reviews_of(Path(scratch) / name / "reviews.parquet") for name in ("olist", "world"))
        print("1. Olist, low against good, AUC out of time")
        scored = by_quarter(olist, FIRST_JUDGED)
        show_quarters(scored)
        show_differences(scored)
        print("2. Simulated Chinese, low against good, AUC out of time")
        show_quarters(by_quarter(world, int(world["quarter"].min()) + 1))
        for name, (mean, lowest) in unseen_phrases(world).items():
            print(f"  phrases never seen: {name:14s} mean AUC {mean:.4f}, lowest fold {lowest:.4f}")
        print("3. Beyond the stars, Olist")
        beyond_stars(Path(scratch) / "olist", olist)
        print("4. Speed, one thread, per processor second")
        show_speed("Portuguese", olist, 20)
        show_speed("Chinese", world, max(1, 800_000 // len(world)))


if __name__ == "__main__":
    main()
