"""A place for each batch in the order they were handed in, so that a list of them comes in pages."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Number the batches there are in the order they stand in, and every new one after them."""
    op.execute("ALTER TABLE batches ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY UNIQUE")


def downgrade() -> None:
    """Drop the numbers; the batches stay."""
    op.execute("ALTER TABLE batches DROP COLUMN number")
