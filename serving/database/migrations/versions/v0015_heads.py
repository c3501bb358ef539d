"""The head of a tenant's chain, locked and read in one round trip."""

from alembic import op

from serving.database.migrations.grantee import grant_function

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_HEAD = """
CREATE FUNCTION lock_head(tenant uuid) RETURNS TABLE (sequence bigint, hash bytea) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(tenant::text, 1));
    -- a new snapshot: what was committed while this waited is seen
    RETURN QUERY SELECT a.sequence, a.hash FROM audit AS a WHERE a.tenant_id = tenant ORDER BY a.sequence DESC LIMIT 1;
END $$"""


def upgrade() -> None:
    """Add the function; it runs with the rights of who calls it."""
    op.execute(_HEAD)
    grant_function("lock_head(uuid)")


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP FUNCTION lock_head(uuid)")
