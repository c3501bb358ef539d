"""What a list of scores shows, beside each score: its body without the long parts, kept by the database itself.

A portfolio of thousands would else read tens of kilobytes of each score to show its points.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# Read as UTF-8 whatever the server's settings say, so it never comes out otherwise; the database cannot know that of convert_from.
_FUNCTION = """
CREATE FUNCTION headline_of(body bytea) RETURNS jsonb LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT convert_from(body, 'UTF8')::jsonb - ARRAY['contributions', 'reasons', 'data_quality', 'subject', 'rights', 'base_points']
$$"""


def upgrade() -> None:
    """Work the headline out for every score there is, and find a bank's scores of one supplier quickly."""
    op.execute(_FUNCTION)
    op.execute("ALTER TABLE scores ADD COLUMN headline jsonb GENERATED ALWAYS AS (headline_of(body)) STORED")
    op.execute("CREATE INDEX scores_of_supplier ON scores (tenant_id, supplier_id, as_of DESC, created_at DESC)")


def downgrade() -> None:
    """Drop them; every score stays as it was given."""
    op.execute("DROP INDEX scores_of_supplier")
    op.execute("ALTER TABLE scores DROP COLUMN headline")
    op.execute("DROP FUNCTION headline_of(bytea)")
