"""Keys of callers, scores as they were given, and the answers kept per Idempotency-Key.

The application may add scores and answers and read them; it can neither change nor delete one, nor make itself a key.
"""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the three tables and grant the application what it needs of them."""
    op.create_table(
        "api_keys",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("prefix", sa.Text, nullable=False, unique=True),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("length(digest) = 32", name="api_key_digest_is_sha256"),
    )
    op.create_table(
        "scores",
        sa.Column("id", postgresql.UUID, primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("api_key_id", sa.BigInteger, sa.ForeignKey("api_keys.id"), nullable=False),
        sa.Column("supplier_id", sa.Text, nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("bundle_sha256", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("feature_values", postgresql.ARRAY(sa.Double), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("scores_by_supplier", "scores", ["supplier_id", "created_at"])
    op.create_table(
        "idempotency",
        sa.Column("api_key_id", sa.BigInteger, sa.ForeignKey("api_keys.id"), primary_key=True),
        sa.Column("key_digest", sa.LargeBinary, primary_key=True),
        sa.Column("request_digest", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("score_id", postgresql.UUID, sa.ForeignKey("scores.id"), nullable=False, unique=True),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    role = sa.quoted_name(context.config.attributes["app_role"], quote=True)
    grantee = op.get_bind().dialect.identifier_preparer.quote(role)
    op.execute(f"GRANT SELECT ON api_keys TO {grantee}")
    op.execute(f"GRANT SELECT, INSERT ON scores, idempotency TO {grantee}")
    op.execute(f"GRANT SELECT ON alembic_version TO {grantee}")


def downgrade() -> None:
    """Drop the three tables."""
    for table in ("idempotency", "scores", "api_keys"):
        op.drop_table(table)
