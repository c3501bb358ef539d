"""Batches with what came of each row: rows that are only ever added.

A worker takes a batch of any tenant through a function that locks it until the transaction ends, and then works as that tenant; the key of
an outcome is what keeps a row from being scored twice. The name of a bundle that was in service is read, for a batch keeps to its model.
"""

from alembic import op

from serving.database.migrations.grantee import app_role, grant_function, make_append_only

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_FUNCTIONS = {
    "name_of_bundle(text)": """
CREATE FUNCTION name_of_bundle(wanted text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$ SELECT (SELECT name FROM bundle_events WHERE outcome = 'in_service' AND bundle_sha256 = wanted ORDER BY id DESC LIMIT 1) $$""",
    "take_batch()": """
CREATE FUNCTION take_batch() RETURNS SETOF batches
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT b.* FROM batches b WHERE NOT EXISTS (SELECT FROM batch_ends e WHERE e.batch_id = b.id)
    ORDER BY random() LIMIT 1 FOR UPDATE OF b SKIP LOCKED
$$""",
}
_BATCHES = """
CREATE TABLE batches (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    key_prefix text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    request_id text NOT NULL,
    purpose text NOT NULL,
    language text NOT NULL,
    file_sha256 text NOT NULL,
    asked_sha256 text NOT NULL,
    bundle_sha256 text NOT NULL,
    rows integer NOT NULL CHECK (rows > 0)
)"""
_ROWS = """
CREATE TABLE batch_rows (
    batch_id uuid NOT NULL REFERENCES batches,
    number integer NOT NULL CHECK (number > 0),
    tenant_id uuid NOT NULL REFERENCES tenants,
    supplier_id text,
    as_of date NOT NULL,
    field text,
    code text,
    PRIMARY KEY (batch_id, number),
    CONSTRAINT batch_row_can_be_scored_or_says_why_not CHECK ((supplier_id IS NULL) = (code IS NOT NULL))
)"""
_OUTCOMES = """
CREATE TABLE batch_outcomes (
    batch_id uuid NOT NULL,
    number integer NOT NULL,
    tenant_id uuid NOT NULL REFERENCES tenants,
    score_id uuid UNIQUE REFERENCES scores,
    field text,
    code text,
    PRIMARY KEY (batch_id, number),
    FOREIGN KEY (batch_id, number) REFERENCES batch_rows,
    CONSTRAINT batch_outcome_is_a_score_or_a_code CHECK ((score_id IS NULL) = (code IS NOT NULL))
)"""
_ENDS = """
CREATE TABLE batch_ends (
    batch_id uuid PRIMARY KEY REFERENCES batches,
    tenant_id uuid NOT NULL REFERENCES tenants,
    at timestamptz NOT NULL DEFAULT now(),
    code text
)"""
_TABLES = {"batches": _BATCHES, "batch_rows": _ROWS, "batch_outcomes": _OUTCOMES, "batch_ends": _ENDS}


def upgrade() -> None:
    """Create the tables and what reads them across tenants."""
    for table, made in _TABLES.items():
        op.execute(made)
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        own = "tenant_id = current_tenant()"
        op.execute(f"CREATE POLICY {table}_of_tenant ON {table} USING ({own}) WITH CHECK ({own})")
        op.execute(f"GRANT SELECT, INSERT ON {table} TO {app_role()}")
        make_append_only(table)
    op.execute("CREATE INDEX batches_of_tenant ON batches (tenant_id, created_at)")
    for signature, made in _FUNCTIONS.items():
        op.execute(made)
        grant_function(signature)


def downgrade() -> None:
    """Drop them; the scores stay."""
    for signature in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
    for table in reversed(_TABLES):
        op.execute(f"DROP TABLE {table}")
