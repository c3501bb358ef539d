"""Disputes and requests for a person's review, what became of them, and which score took the place of which.

All three are only ever added to. A supplier sees its own, an operator all of them; what an operator writes, it writes into the supplier's
rows. A bank learns that a supplier has an open dispute, by `is_disputed`, and nothing of what it says. The other functions tell the
service, which has no tenant of its own, what is to be corrected and what rests on it.
"""

from alembic import op

from serving.database.migrations.grantee import app_role, grant_function, make_append_only

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_DISPUTES = """
CREATE TABLE disputes (
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    supplier_id text NOT NULL,
    reference text NOT NULL UNIQUE,
    kind text NOT NULL CHECK (kind IN ('row', 'human_review')),
    score_id uuid NOT NULL REFERENCES scores,
    table_name text,
    row_id text,
    row_known_on date,
    statement text NOT NULL,
    evidence text,
    file bytea CHECK (length(file) <= 524288),
    file_type text,
    file_sha256 bytea CHECK (file_sha256 = sha256(file)),
    request_digest bytea NOT NULL,
    received_at timestamptz NOT NULL,
    due_on date NOT NULL,
    due_at timestamptz NOT NULL,
    policy_version text NOT NULL,
    CHECK (kind = 'human_review' OR (table_name IS NOT NULL AND row_id IS NOT NULL AND row_known_on IS NOT NULL)),
    CHECK ((file IS NULL) = (file_type IS NULL) AND (file IS NULL) = (file_sha256 IS NULL))
)"""
_EVENTS = """
CREATE TABLE dispute_events (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dispute_id uuid NOT NULL REFERENCES disputes,
    tenant_id uuid NOT NULL REFERENCES tenants,
    event text NOT NULL CHECK (event IN ('taken_up', 'decided', 'corrected', 'rescored')),
    at timestamptz NOT NULL DEFAULT now(),
    by_key text NOT NULL,
    outcome text CHECK (outcome IN ('upheld', 'not_upheld')),
    reason text,
    correction bytea,
    CHECK ((event = 'decided') = (outcome IS NOT NULL) AND (outcome IS NULL) = (reason IS NULL)),
    UNIQUE (dispute_id, event)
)"""
_LINKS = """
CREATE TABLE score_links (
    old_id uuid PRIMARY KEY REFERENCES scores,
    new_id uuid NOT NULL UNIQUE REFERENCES scores,
    tenant_id uuid NOT NULL REFERENCES tenants,
    dispute_id uuid NOT NULL REFERENCES disputes,
    at timestamptz NOT NULL DEFAULT now()
)"""
_OPERATOR = """
CREATE FUNCTION is_operator() RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT EXISTS (SELECT FROM tenants WHERE id = current_tenant() AND kind = 'operator' AND closed_at IS NULL)
$$"""
_IS_DISPUTED = """
CREATE FUNCTION is_disputed(supplier text, apart_from uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT EXISTS (
        SELECT FROM disputes d WHERE d.supplier_id = supplier AND d.kind = 'row' AND d.id IS DISTINCT FROM apart_from AND NOT EXISTS (
            SELECT FROM dispute_events e
            WHERE e.dispute_id = d.id AND (e.event = 'rescored' OR e.event = 'decided' AND e.outcome = 'not_upheld')))
$$"""
_TO_CORRECT = """
CREATE FUNCTION disputes_to_correct()
RETURNS TABLE (id uuid, tenant_id uuid, supplier_id text, reference text, table_name text, correction bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT d.id, d.tenant_id, d.supplier_id, d.reference, d.table_name, e.correction
    FROM disputes d JOIN dispute_events e ON e.dispute_id = d.id AND e.event = 'decided' AND e.outcome = 'upheld'
    WHERE d.kind = 'row' AND NOT EXISTS (SELECT FROM dispute_events c WHERE c.dispute_id = d.id AND c.event = 'corrected')
    ORDER BY e.number
$$"""
_TO_RESCORE = """
CREATE FUNCTION disputes_to_rescore()
RETURNS TABLE (id uuid, tenant_id uuid, supplier_id text, reference text, correction bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT d.id, d.tenant_id, d.supplier_id, d.reference, e.correction
    FROM disputes d JOIN dispute_events e ON e.dispute_id = d.id AND e.event = 'corrected'
    WHERE NOT EXISTS (SELECT FROM dispute_events r WHERE r.dispute_id = d.id AND r.event = 'rescored') ORDER BY e.number
$$"""
# The scores that the row went into: those as of a day after it was known, given before it was corrected, and not yet replaced.
_RESTING = """
CREATE FUNCTION scores_resting_on(dispute uuid, most integer) RETURNS TABLE (score_id uuid, tenant_id uuid, kind text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT s.id, s.tenant_id, t.kind FROM disputes d
    JOIN dispute_events e ON e.dispute_id = d.id AND e.event = 'corrected'
    JOIN scores s ON s.supplier_id = d.supplier_id AND s.as_of > d.row_known_on AND s.created_at < e.at
    JOIN tenants t ON t.id = s.tenant_id
    WHERE d.id = dispute AND NOT EXISTS (SELECT FROM score_links l WHERE l.old_id = s.id OR l.new_id = s.id AND l.dispute_id = d.id)
    ORDER BY s.created_at LIMIT most
$$"""
_TABLES = ("disputes", "dispute_events", "score_links")
_FUNCTIONS = (
    "is_operator()",
    "is_disputed(text, uuid)",
    "disputes_to_correct()",
    "disputes_to_rescore()",
    "scores_resting_on(uuid, integer)",
)


def upgrade() -> None:
    """Create the three tables and the functions."""
    for statement in (_DISPUTES, _EVENTS, _LINKS, _OPERATOR, _IS_DISPUTED, _TO_CORRECT, _TO_RESCORE, _RESTING):
        op.execute(statement)
    op.execute("CREATE INDEX disputes_of_supplier ON disputes (supplier_id, number)")
    role = app_role()
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY {table}_added ON {table} FOR INSERT WITH CHECK (tenant_id = current_tenant())")
        op.execute(f"GRANT SELECT, INSERT ON {table} TO {role}")
        make_append_only(table)
    for function in _FUNCTIONS:
        grant_function(function)
    for table in ("disputes", "dispute_events"):
        op.execute(f"CREATE POLICY {table}_seen ON {table} FOR SELECT USING (tenant_id = current_tenant() OR is_operator())")
    op.execute("CREATE POLICY score_links_seen ON score_links FOR SELECT USING (tenant_id = current_tenant())")


def downgrade() -> None:
    """Drop the functions and the tables; the scores that took the place of others stay, as scores."""
    for table in reversed(_TABLES):
        op.execute(f"DROP TABLE {table}")
    for function in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
