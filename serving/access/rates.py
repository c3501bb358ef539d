"""How often may a tenant ask? A token bucket per tenant in the database, so that all workers count together.

The headers follow the IETF draft "RateLimit header fields for HTTP" (draft-ietf-httpapi-ratelimit-headers).
"""

import math
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from serving.http.refusals import RateLimited
from serving.store import Store

_TAKE = text("SELECT tokens, is_granted FROM take_token(:caller, :burst, :per_second)")


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``burst`` requests at once, and ``per_second`` in the long run."""

    burst: int
    per_second: float

    @property
    def policy(self) -> str:
        """The header ``RateLimit-Policy``: so many requests in the time that fills an empty bucket."""
        return f'"tenant";q={self.burst};w={math.ceil(self.burst / self.per_second)}'

    def left(self, tokens: float) -> str:
        """Return the header ``RateLimit``: requests left, and seconds until the bucket is full."""
        return f'"tenant";r={int(tokens)};t={math.ceil((self.burst - tokens) / self.per_second)}'


def take(store: Store, tenant_id: UUID, rate: Rate) -> float:
    """Take a token of the tenant and return how many are left.

    Raises
    ------
    RateLimited
        There is none; ``seconds`` says when there will be, ``left`` how many there are.
    """
    with store.at_once.connect() as connection:
        row = connection.execute(_TAKE, {"caller": tenant_id, "burst": rate.burst, "per_second": rate.per_second}).one()
    if not row.is_granted:
        raise RateLimited(seconds=max(1, math.ceil((1 - row.tokens) / rate.per_second)), left=row.tokens)
    return float(row.tokens)
