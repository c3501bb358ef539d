"""Which bundles were put in service, and which were refused: events that are only ever added.

An operator adds its own and every process reads the newest of all through functions, for the last word binds them all. A row without a
tenant was written by a start, as the owner of the tables.
"""

from alembic import op

from serving.database.migrations.grantee import app_role, grant_function, make_append_only

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_EVENTS = """
CREATE TABLE bundle_events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    tenant_id uuid REFERENCES tenants,
    name text NOT NULL,
    bundle_sha256 text NOT NULL,
    version text,
    outcome text NOT NULL CHECK (outcome IN ('in_service', 'refused')),
    code text,
    reason text,
    CONSTRAINT bundle_event_has_a_code_where_refused CHECK ((outcome = 'refused') = (code IS NOT NULL))
)"""
_FUNCTIONS = {
    "newest_bundle_events(integer)": """
CREATE FUNCTION newest_bundle_events(at_most integer) RETURNS SETOF bundle_events
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$ SELECT * FROM bundle_events ORDER BY id DESC LIMIT at_most $$""",
    "last_bundle_in_service()": """
CREATE FUNCTION last_bundle_in_service() RETURNS SETOF bundle_events
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$ SELECT * FROM bundle_events WHERE outcome = 'in_service' ORDER BY id DESC LIMIT 1 $$""",
    "was_bundle_in_service(text)": """
CREATE FUNCTION was_bundle_in_service(wanted text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$ SELECT EXISTS (SELECT FROM bundle_events WHERE outcome = 'in_service' AND bundle_sha256 = wanted) $$""",
}


def upgrade() -> None:
    """Create the events and what reads them."""
    op.execute(_EVENTS)
    op.execute("ALTER TABLE bundle_events ENABLE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY bundle_events_of_tenant ON bundle_events"
        " USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())"
    )
    op.execute(f"GRANT SELECT, INSERT ON bundle_events TO {app_role()}")
    make_append_only("bundle_events")
    for signature, made in _FUNCTIONS.items():
        op.execute(made)
        grant_function(signature)


def downgrade() -> None:
    """Drop the events."""
    for signature in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
    op.execute("DROP TABLE bundle_events")
