"""Raw tables to features in one pass, without keeping a ledger: for one training set, or where the events do not fit.

The same records, facts, kernel and formulas as through a stored ledger, bucket by bucket.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np

from credit.errors import OutOfRange
from features.buckets import Collected, parts_of
from features.catalog import CATALOG
from features.civil import to_day
from features.collect import MEMORY, collect, in_turn
from features.evaluate import Evaluator, evaluator_for
from features.feature import Feature
from features.matrix import FeatureMatrix
from features.network import Network, add_to_network
from features.pages import pages
from features.read import RawTables
from features.text_memory import TextMemory, asked_of, needs_scores


def stream_features(
    tables: RawTables,
    as_of: Sequence[date],
    *,
    features: tuple[Feature, ...] = CATALOG,
    threads: int = 1,
    memory: int = MEMORY,
) -> FeatureMatrix:
    """Compute features of every supplier straight from the tables.

    Parameters
    ----------
    tables : RawTables
    as_of : sequence of date
        A date stands for its start: what became known on it is not used.
    features : tuple of Feature
    threads : int
        Tables read and buckets computed at a time.
    memory : int
        Bytes of records kept in memory before the rest goes to disk.

    Returns
    -------
    FeatureMatrix
        Bitwise what `build_features` gives from the ledger of the same tables.

    Raises
    ------
    OutOfRange
        If no as-of date is given.
    """
    days = sorted({to_day(day) for day in as_of})
    if not days:
        raise OutOfRange("no as-of date was given; name at least one")
    columns, needed = asked_of(features)
    collected = collect(
        tables.con,
        zone=tables.zone,
        tables=needed & tables.present,
        labels=False,
        is_wanted=columns.__contains__,
        score=TextMemory().with_reviews(tables.con, tables.zone).scorer() if needs_scores(features) else None,
        memory=memory,
        threads=threads,
    )
    try:
        evaluator, suppliers = Evaluator(features, days, tables.present), collected.codes.suppliers.count
        network = _network(collected, evaluator)
        values, known_from = pages((suppliers * len(days), len(features)), np.float64), np.empty(suppliers, dtype=np.int32)

        def run(number: int) -> None:
            low, segment = collected.bucket(number)
            high = low + segment.suppliers
            own = evaluator_for(features, days, tables.present)
            place = values[low * len(days) : high * len(days)]
            known_from[low:high] = own.fill(segment, collected.codes.parties.count, network, place)

        in_turn(threads, run, range(collected.buckets))
    finally:
        collected.close()
    rows = evaluator.known_rows(known_from, values)
    ids = np.array(collected.codes.suppliers.ids(), dtype=np.str_)
    return FeatureMatrix(
        supplier_ids=ids[rows.supplier],
        as_of=rows.as_of.astype(np.int64).astype("datetime64[D]"),
        names=tuple(feature.name for feature in features),
        values=rows.values,
    )


def _network(collected: Collected, evaluator: Evaluator) -> Network:
    """The buyer network, where a feature asks for it: one more walk over the buckets."""
    network = evaluator.network(collected.codes.parties.count)
    if len(network.months):
        for _, segment in parts_of(collected):
            add_to_network(network, segment)
    return network
