"""Which suppliers does a bank look after, how did they score, and what moved? One row for each with a live consent."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, Row, text

from features.columns import Tier
from features.ledger import Ledger
from features.tables import CONTRACT
from serving.access.caller import Caller
from training.bundle import ScoringBundle

PAGE_ROWS: Final = 25
STALE_DAYS: Final = 31
"""A score as of an earlier day than this before the ledger's last has missed a month of facts."""
_ROWS = text("""
    WITH live AS (
        SELECT supplier_id, max(CASE tier WHEN 'restricted' THEN 3 WHEN 'consent' THEN 2 WHEN 'platform' THEN 1 ELSE 0 END) AS tier
        FROM consent_events AS granted
        WHERE tenant_id = :tenant AND event = 'granted' AND expires_at > now() AND purpose IN ('credit_application', 'portfolio_review')
          AND NOT EXISTS (SELECT FROM consent_events AS ended WHERE ended.consent_id = granted.consent_id AND ended.event = 'withdrawn')
        GROUP BY supplier_id
    )
    SELECT live.supplier_id, live.tier, last.id AS score_id, last.as_of, last.bundle_sha256,
           (last.headline #>> '{score,points}')::float8 AS points, last.headline #>> '{score,grade}' AS grade,
           (last.headline #>> '{score,pd_12m}')::float8 AS pd,
           last.id IS NOT NULL AND is_disputed(live.supplier_id, NULL) AS is_disputed,
           ARRAY(SELECT told ->> 'code' FROM jsonb_array_elements(last.headline -> 'warnings') AS told) AS codes,
           (SELECT (headline #>> '{score,points}')::float8 FROM scores AS earlier
            WHERE earlier.tenant_id = :tenant AND earlier.supplier_id = live.supplier_id AND earlier.as_of < last.as_of
            ORDER BY as_of DESC, created_at DESC LIMIT 1) AS points_before,
           (SELECT (headline #>> '{score,points}')::float8 FROM scores AS earlier
            WHERE earlier.tenant_id = :tenant AND earlier.supplier_id = live.supplier_id AND earlier.as_of <= last.as_of - 90
            ORDER BY as_of DESC, created_at DESC LIMIT 1) AS points_90d
    FROM live LEFT JOIN LATERAL (
        SELECT * FROM scores WHERE tenant_id = :tenant AND supplier_id = live.supplier_id ORDER BY as_of DESC, created_at DESC LIMIT 1
    ) AS last ON true
    ORDER BY live.supplier_id
""")
_LENT = text("""
    SELECT d.supplier_id, sum(last.exposure)::bigint AS exposure, (array_agg(d.credit_limit ORDER BY d.sequence DESC))[1] AS credit_limit
    FROM decisions AS d CROSS JOIN LATERAL (
        SELECT exposure FROM decision_steps AS s WHERE s.decision_id = d.id ORDER BY number DESC LIMIT 1
    ) AS last WHERE d.tenant_id = :tenant GROUP BY d.supplier_id
""")
_TIERS: Final = (Tier.OPEN, Tier.PLATFORM, Tier.CONSENT, Tier.RESTRICTED)
_NAME_TIER: Final = CONTRACT["suppliers"].column("name").tier


class Alert(StrEnum):
    """What makes a row of the portfolio worth a look."""

    DISPUTED = "disputed"
    NOT_SCORED = "not_scored"
    STRADDLES = "straddles_cutoff"
    THIN = "thin_file"
    NOT_ACTIVE = "not_active"
    DATA_MISSING = "tables_missing"
    STALE = "stale"
    OTHER_MODEL = "other_model"


class Order(StrEnum):
    """By what the portfolio is sorted; each begins with what wants attention."""

    SUPPLIER = "supplier"
    POINTS = "points"
    MOVED = "moved"
    MOVED_90D = "moved_90d"
    LIMIT = "limit"
    EXPOSURE = "exposure"


@dataclass(frozen=True, slots=True)
class Holding:
    """A supplier in the portfolio: its last score by this bank, how it moved (points), and what was lent (fen); None where there is none.

    ``shows_name`` where the bank's tier and the consent's reach the name.
    """

    supplier_id: str
    shows_name: bool
    score_id: UUID | None
    as_of: date | None
    points: float | None
    grade: str | None
    pd: float | None
    moved: float | None
    moved_90d: float | None
    limit: int | None
    exposure: int
    alerts: tuple[Alert, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which part of a portfolio is asked for; ``grade`` is one of the model's or ``none`` for suppliers without a score."""

    order: Order = Order.SUPPLIER
    grade: str | None = None
    alert: Alert | None = None
    supplier_ids: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class GradeTotal:
    """What a grade holds: suppliers, and fen lent to them."""

    grade: str | None
    suppliers: int
    exposure: int


def shows_name(caller: Caller, tier: Tier) -> bool:
    """Tell whether a supplier's name may be shown to a bank with a consent of this tier."""
    return caller.tier.allows(_NAME_TIER) and tier.allows(_NAME_TIER)


def read_portfolio(connection: Connection, caller: Caller, ledger: Ledger, bundle: ScoringBundle) -> list[Holding]:
    """Return every supplier that gave the bank a consent which is live, by id."""
    tenant = {"tenant": caller.tenant_id}
    lent = {row.supplier_id: (row.credit_limit, row.exposure) for row in connection.execute(_LENT, tenant)}
    return [_holding(row, caller, ledger, bundle, *lent.get(row.supplier_id, (None, 0))) for row in connection.execute(_ROWS, tenant)]


def select_holdings(holdings: Iterable[Holding], wanted: Wanted) -> list[Holding]:
    """Return the holdings asked for in the order asked for; of two that are equal the one with the smaller id first."""
    kept = [
        each
        for each in holdings
        if (wanted.grade is None or (each.grade or "none") == wanted.grade)
        and (wanted.alert is None or wanted.alert in each.alerts)
        and (wanted.supplier_ids is None or each.supplier_id in wanted.supplier_ids)
    ]
    return sorted(kept, key=lambda each: (_place(each, wanted.order), each.supplier_id))


def page_after(holdings: Sequence[Holding], after: str | None, rows: int = PAGE_ROWS) -> tuple[Sequence[Holding], str | None]:
    """Return so many holdings after the one of that id, and the id to go on after; None at the end.

    Examples
    --------
    >>> page_after((), None)
    ((), None)
    """
    places = {each.supplier_id: place for place, each in enumerate(holdings)}
    first = places.get(after or "", -1) + 1
    shown = holdings[first : first + rows]
    return shown, shown[-1].supplier_id if first + rows < len(holdings) else None


def totals_by_grade(holdings: Iterable[Holding], bundle: ScoringBundle) -> list[GradeTotal]:
    """Return what each grade holds, the safest first, and at the end the suppliers without a score."""
    held: dict[str | None, tuple[int, int]] = {grade.name: (0, 0) for grade in bundle.grades.grades} | {None: (0, 0)}
    for each in holdings:
        count, exposure = held.get(each.grade, (0, 0))
        held[each.grade] = count + 1, exposure + each.exposure
    unscored = held.pop(None)
    return [GradeTotal(grade, *held[grade]) for grade in held] + [GradeTotal(None, *unscored)]


def names_of(ledger: Ledger, holdings: Iterable[Holding]) -> Mapping[str, str]:
    """Return the names of the suppliers whose name may be shown and is known, by id."""
    asked = [each.supplier_id for each in holdings if each.shows_name]
    found = ledger.profiles.cursor().execute(
        "SELECT supplier_id, name FROM profiles WHERE supplier_id IN (SELECT unnest(?::VARCHAR[])) AND name IS NOT NULL", [asked]
    )
    return MappingProxyType(dict(found.fetchall()))


def search(ledger: Ledger, holdings: Iterable[Holding], words: str) -> frozenset[str]:
    """Return the ids of the holdings whose id, or name where it may be shown, holds the words; case does not matter."""
    held, wanted = list(holdings), words.strip().casefold()
    names = names_of(ledger, held)
    return frozenset(
        each.supplier_id for each in held if wanted in each.supplier_id.casefold() or wanted in names.get(each.supplier_id, "").casefold()
    )


def _holding(
    row: Row[tuple[object, ...]], caller: Caller, ledger: Ledger, bundle: ScoringBundle, limit: int | None, exposure: int
) -> Holding:
    told = row._mapping
    points, tier = told["points"], _TIERS[told["tier"]]
    codes = frozenset(told["codes"]) | ({"disputed"} if told["is_disputed"] else set())
    alerts = [alert for alert in Alert if alert.value in codes]
    if points is None:
        alerts.append(Alert.NOT_SCORED)
    else:
        if (ledger.latest_as_of - told["as_of"]).days > STALE_DAYS:
            alerts.append(Alert.STALE)
        if told["bundle_sha256"] != bundle.content_hash:
            alerts.append(Alert.OTHER_MODEL)

    def moved(before: float | None) -> float | None:
        return None if before is None or points is None else points - before

    return Holding(
        supplier_id=told["supplier_id"],
        shows_name=shows_name(caller, tier),
        score_id=told["score_id"],
        as_of=told["as_of"],
        points=points,
        grade=told["grade"],
        pd=told["pd"],
        moved=moved(told["points_before"]),
        moved_90d=moved(told["points_90d"]),
        limit=limit,
        exposure=exposure,
        alerts=tuple(alerts),
    )


def _place(holding: Holding, order: Order) -> tuple[bool, float]:
    """Return where a holding stands in an order: what lacks the number stands last."""
    value: float | None
    match order:
        case Order.SUPPLIER:
            value = 0.0
        case Order.POINTS:
            value = holding.points
        case Order.MOVED:
            value = holding.moved
        case Order.MOVED_90D:
            value = holding.moved_90d
        case Order.LIMIT:
            value = None if holding.limit is None else -holding.limit
        case Order.EXPOSURE:
            value = -holding.exposure
    return value is None, value or 0.0
