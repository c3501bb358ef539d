"""Consents of suppliers, as events that are only ever added, and who looked at a supplier.

A bank sees the consents given to it and its own look-ups; a supplier those on itself. Only a supplier, or the owner on paper's word, adds
a consent.
"""

from alembic import op

from serving.database.migrations.grantee import app_role, make_append_only

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_CONSENTS = """
CREATE TABLE consent_events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consent_id uuid NOT NULL,
    event text NOT NULL CHECK (event IN ('granted', 'withdrawn')),
    tenant_id uuid NOT NULL REFERENCES tenants,
    supplier_id text NOT NULL,
    purpose text NOT NULL,
    tier text NOT NULL CHECK (tier IN ('open', 'platform', 'consent', 'restricted')),
    at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    recorded_by uuid REFERENCES tenants,
    UNIQUE (consent_id, event)
)"""
_LOOKUPS = """
CREATE TABLE lookups (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    tenant_id uuid NOT NULL REFERENCES tenants,
    supplier_id text NOT NULL,
    purpose text NOT NULL,
    operation text NOT NULL CHECK (operation IN ('score', 'read', 'report')),
    consent_id uuid,
    score_id uuid
)"""
_SEEN = "tenant_id = current_tenant() OR supplier_id = current_supplier()"


def upgrade() -> None:
    """Create both tables."""
    op.execute(_CONSENTS)
    op.execute("CREATE INDEX consent_events_by_supplier ON consent_events (tenant_id, supplier_id, purpose)")
    op.execute("CREATE INDEX consent_events_of_supplier ON consent_events (supplier_id, id)")
    op.execute(_LOOKUPS)
    op.execute("CREATE INDEX lookups_of_supplier ON lookups (supplier_id, id)")
    op.execute("CREATE INDEX lookups_of_tenant ON lookups (tenant_id, id)")
    for table in ("consent_events", "lookups"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY {table}_seen ON {table} FOR SELECT USING ({_SEEN})")
        op.execute(f"GRANT SELECT, INSERT ON {table} TO {app_role()}")
        make_append_only(table)
    op.execute("CREATE POLICY consent_events_given ON consent_events FOR INSERT WITH CHECK (supplier_id = current_supplier())")
    op.execute("CREATE POLICY lookups_made ON lookups FOR INSERT WITH CHECK (tenant_id = current_tenant())")


def downgrade() -> None:
    """Drop both tables."""
    op.execute("DROP TABLE lookups")
    op.execute("DROP TABLE consent_events")
