"""The audit chain of each tenant, and the signed anchors of its head.

The trigger lets only the true successor of the head in, so a wrong program cannot break a chain; nobody, the owner included, changes or
deletes a row while the triggers stand. Whoever takes them away is found by the anchors.
"""

from alembic import op

from serving.database.migrations.grantee import app_role, make_append_only

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_AUDIT = """
CREATE TABLE audit (
    tenant_id uuid NOT NULL REFERENCES tenants,
    sequence bigint NOT NULL CHECK (sequence > 0),
    at timestamptz NOT NULL DEFAULT now(),
    score_id uuid UNIQUE REFERENCES scores,
    record bytea NOT NULL,
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (tenant_id, sequence)
)"""
_ANCHORS = """
CREATE TABLE audit_anchors (
    tenant_id uuid NOT NULL REFERENCES tenants,
    sequence bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    hash bytea NOT NULL,
    public_key bytea NOT NULL,
    signature bytea NOT NULL,
    PRIMARY KEY (tenant_id, sequence)
)"""
_SUCCESSOR = """
CREATE FUNCTION follow_head() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE head record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(NEW.tenant_id::text, 1));
    SELECT sequence, hash INTO head FROM audit WHERE tenant_id = NEW.tenant_id ORDER BY sequence DESC LIMIT 1;
    IF NEW.sequence <> coalesce(head.sequence, 0) + 1
       OR NEW.previous_hash <> coalesce(head.hash, sha256(convert_to('lianxin audit ' || NEW.tenant_id::text, 'UTF8')))
       OR NEW.hash <> sha256(NEW.previous_hash || NEW.record) THEN
        RAISE EXCEPTION 'an audit row follows the head of its chain' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$"""


def upgrade() -> None:
    """Create both tables; from here on every score has its audit row."""
    op.execute(_AUDIT)
    op.execute(_ANCHORS)
    op.execute(_SUCCESSOR)
    op.execute("CREATE TRIGGER audit_follows BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION follow_head()")
    for table in ("audit", "audit_anchors"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY {table}_of_tenant ON {table} USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())"
        )
        make_append_only(table)
    op.execute(f"GRANT SELECT, INSERT ON audit TO {app_role()}")
    op.execute(f"GRANT SELECT ON audit_anchors TO {app_role()}")


def downgrade() -> None:
    """Drop the chains and anchors; the scores stay."""
    for table in ("audit_anchors", "audit"):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION follow_head()")
