"""The last day on which a decision may be taken up, and who lets it lapse: the service, by no key.

Decisions made before have no such day and stay until a person ends them.
"""

from alembic import op

from serving.database.migrations.grantee import grant_function

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_DUE = """
CREATE FUNCTION lapsed_decisions(today date) RETURNS TABLE (tenant_id uuid, decision_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT d.tenant_id, d.id FROM decisions AS d CROSS JOIN LATERAL (
        SELECT stage, exposure FROM decision_steps AS s WHERE s.decision_id = d.id ORDER BY number DESC LIMIT 1
    ) AS latest
    WHERE d.open_until < today AND (
        latest.stage IN ('recommended', 'referred', 'proposed') OR (latest.stage IN ('accepted', 'overridden') AND latest.exposure > 0)
    )
    ORDER BY d.open_until LIMIT 100
$$"""
_NO_KEY = "ALTER TABLE decision_steps ADD CONSTRAINT decision_step_of_a_key CHECK (api_key_id IS NOT NULL OR act = 'lapse')"


def upgrade() -> None:
    """Add the day, and a way to find what has lapsed whosever it is."""
    op.execute("ALTER TABLE decisions ADD COLUMN open_until date")
    op.execute("CREATE INDEX decisions_open_until ON decisions (open_until)")
    op.execute("ALTER TABLE decision_steps ALTER COLUMN api_key_id DROP NOT NULL")
    op.execute(_NO_KEY)
    op.execute(_DUE)
    grant_function("lapsed_decisions(date)")


def downgrade() -> None:
    """Drop them; steps that no person took stay, so a step may be without a key."""
    op.execute("DROP FUNCTION lapsed_decisions(date)")
    op.execute("ALTER TABLE decision_steps DROP CONSTRAINT decision_step_of_a_key")
    op.execute("DROP INDEX decisions_open_until")
    op.execute("ALTER TABLE decisions DROP COLUMN open_until")
