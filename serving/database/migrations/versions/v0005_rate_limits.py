"""One token bucket per tenant, shared by all workers, and the function that takes a token from it.

A bucket that was never used is full. The row is written without waiting for the disk: a crash gives a tenant a few tokens back at most.
"""

from alembic import op

from serving.database.migrations.grantee import grant_function

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_BUCKETS = """
CREATE UNLOGGED TABLE rate_buckets (
    tenant_id uuid PRIMARY KEY REFERENCES tenants,
    tokens double precision NOT NULL,
    is_granted boolean NOT NULL,
    at timestamptz NOT NULL
)"""
_TAKE = """
CREATE FUNCTION take_token(
    caller uuid, burst double precision, per_second double precision, OUT tokens double precision, OUT is_granted boolean
)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public SET synchronous_commit = off AS $$
    INSERT INTO rate_buckets AS b (tenant_id, tokens, is_granted, at) VALUES (caller, burst - 1, true, clock_timestamp())
    ON CONFLICT (tenant_id) DO UPDATE SET (tokens, is_granted, at) = (
        SELECT level - CASE WHEN level >= 1 THEN 1 ELSE 0 END, level >= 1, clock_timestamp()
        FROM (SELECT least(burst, b.tokens + per_second * greatest(0, extract(epoch FROM clock_timestamp() - b.at))) AS level) AS refilled
    )
    RETURNING b.tokens, b.is_granted
$$"""


def upgrade() -> None:
    """Create the buckets."""
    op.execute(_BUCKETS)
    op.execute(_TAKE)
    grant_function("take_token(uuid, double precision, double precision)")


def downgrade() -> None:
    """Drop the buckets."""
    op.execute("DROP FUNCTION take_token(uuid, double precision, double precision)")
    op.execute("DROP TABLE rate_buckets")
