"""How does a score stand by now? Kept bytes never change; what became true since is put into what is shown."""

import json
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

_STANDING = text("""
    SELECT is_disputed(:supplier, NULL) AS is_disputed,
        (SELECT new_id FROM score_links WHERE old_id = :score) AS superseded_by,
        EXISTS (
            SELECT FROM disputes d JOIN dispute_events e ON e.dispute_id = d.id AND e.event = 'decided'
            WHERE d.score_id = :score AND d.kind = 'human_review') AS was_reviewed
""")
_IS_DISPUTED = text("SELECT is_disputed(:supplier, :apart_from)")


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether the supplier has an open dispute, which score took this one's place, and whether a person looked at it."""

    is_disputed: bool
    superseded_by: UUID | None
    was_reviewed: bool

    def shown_in(self, body: bytes) -> bytes:
        """Return a kept body with how it stands now; the very bytes where nothing became true since."""
        told = json.loads(body)
        superseded_by = str(self.superseded_by) if self.superseded_by else None
        then = (told.get("disputed", False), told.get("superseded_by"), told["rights"].get("automated_only", True))
        if then == (self.is_disputed, superseded_by, not self.was_reviewed):
            return body
        told |= {"disputed": self.is_disputed, "superseded_by": superseded_by}
        if self.was_reviewed:
            told["rights"]["automated_only"] = False
        return json.dumps(told, ensure_ascii=False, allow_nan=False).encode()


def standing_of(connection: Connection, supplier_id: str, score_id: UUID) -> Standing:
    """Return how a score of the transaction's tenant stands."""
    row = connection.execute(_STANDING, {"supplier": supplier_id, "score": score_id}).one()
    return Standing(row.is_disputed, row.superseded_by, row.was_reviewed)


def is_disputed(connection: Connection, supplier_id: str, apart_from: UUID | None = None) -> bool:
    """Tell whether the supplier has an open dispute of a row, apart from one."""
    return bool(connection.execute(_IS_DISPUTED, {"supplier": supplier_id, "apart_from": apart_from}).scalar_one())
