"""Financing decisions, the steps persons take on them, the policies they rest on, and the documents that are held for one.

A decision rests on a kept score and never changes; each step is a row of its own, step 0 the recommendation. Fingerprints of documents
lie in one table of all tenants that the application cannot read: functions with the owner's rights tell of a fingerprint whether it is
free, taken or similar, hold it, and let go of it, each for the transaction's tenant alone.
"""

from alembic import op

from serving.database.migrations.grantee import app_role, grant_function, make_append_only, revoke_from_app

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TABLES = (
    """
CREATE TABLE decision_policies (
    tenant_id uuid NOT NULL REFERENCES tenants,
    version text NOT NULL CHECK (version = encode(sha256(canonical), 'hex')),
    canonical bytea NOT NULL,
    PRIMARY KEY (tenant_id, version)
)""",
    """
CREATE TABLE decisions (
    id uuid PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(),
    tenant_id uuid NOT NULL REFERENCES tenants,
    sequence bigint NOT NULL,
    score_id uuid NOT NULL UNIQUE REFERENCES scores,
    supplier_id text NOT NULL,
    as_of date NOT NULL,
    product text NOT NULL CHECK (product IN ('receivables', 'purchase_orders', 'stock')),
    outcome text NOT NULL CHECK (outcome IN ('approve', 'refer', 'decline')),
    credit_limit bigint CHECK ((credit_limit IS NULL) = (outcome = 'decline')),
    policy_id text NOT NULL,
    policy_version text NOT NULL,
    inputs bytea NOT NULL,
    decision bytea NOT NULL,
    language text NOT NULL,
    body bytea NOT NULL,
    UNIQUE (tenant_id, sequence),
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, policy_version) REFERENCES decision_policies
)""",
    """
CREATE TABLE decision_steps (
    tenant_id uuid NOT NULL,
    decision_id uuid NOT NULL,
    number smallint NOT NULL CHECK (number >= 0),
    at timestamptz NOT NULL,
    act text NOT NULL,
    person text NOT NULL,
    api_key_id bigint NOT NULL REFERENCES api_keys,
    reason text NOT NULL,
    outcome text CHECK (outcome IN ('approve', 'decline')),
    terms bytea,
    stage text NOT NULL,
    exposure bigint NOT NULL CHECK (exposure >= 0),
    PRIMARY KEY (decision_id, number),
    FOREIGN KEY (tenant_id, decision_id) REFERENCES decisions (tenant_id, id)
)""",
)
_CLAIMS = """
CREATE TABLE document_claims (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL,
    decision_id uuid NOT NULL,
    whole bytea NOT NULL,
    numbered bytea NOT NULL,
    salt_id bytea NOT NULL,
    claimed_at timestamptz NOT NULL DEFAULT now(),
    released_at timestamptz,
    FOREIGN KEY (tenant_id, decision_id) REFERENCES decisions (tenant_id, id)
)"""
_AS_OWNER = "SECURITY DEFINER SET search_path = pg_catalog, public"
# Whoever asks waits until another transaction that asked for the same number has ended: two banks at once get one yes.
_STANDING = f"""
CREATE FUNCTION document_standings(wholes bytea[], numbers bytea[]) RETURNS text[] LANGUAGE plpgsql VOLATILE {_AS_OWNER} AS $$
DECLARE number bytea;
BEGIN
    FOR number IN SELECT DISTINCT n FROM unnest(numbers) AS n ORDER BY n LOOP
        PERFORM pg_advisory_xact_lock(hashtextextended(encode(number, 'hex'), 2));
    END LOOP;
    RETURN ARRAY(
        SELECT CASE
            WHEN EXISTS (SELECT FROM document_claims AS c WHERE c.whole = asked.whole AND c.released_at IS NULL) THEN 'taken'
            WHEN EXISTS (SELECT FROM document_claims AS c WHERE c.numbered = asked.numbered AND c.released_at IS NULL) THEN 'similar'
            ELSE 'free' END
        FROM unnest(wholes, numbers) WITH ORDINALITY AS asked (whole, numbered, place) ORDER BY place
    );
END $$"""
_CLAIM = f"""
CREATE FUNCTION claim_documents(decision uuid, wholes bytea[], numbers bytea[], salt bytea) RETURNS void
LANGUAGE sql VOLATILE {_AS_OWNER} AS $$
    INSERT INTO document_claims (tenant_id, decision_id, whole, numbered, salt_id)
    SELECT current_tenant(), decision, named.whole, named.numbered, salt FROM unnest(wholes, numbers) AS named (whole, numbered)
$$"""
_RELEASE = f"""
CREATE FUNCTION release_documents(decision uuid) RETURNS void LANGUAGE sql VOLATILE {_AS_OWNER} AS $$
    UPDATE document_claims SET released_at = clock_timestamp()
    WHERE decision_id = decision AND tenant_id = current_tenant() AND released_at IS NULL
$$"""
_OWN = f"""
CREATE FUNCTION documents_of(decision uuid) RETURNS SETOF bytea LANGUAGE sql STABLE {_AS_OWNER} AS $$
    SELECT whole FROM document_claims WHERE decision_id = decision AND tenant_id = current_tenant() AND released_at IS NULL
$$"""
_PERSON = f"""
CREATE FUNCTION name_of_key(wanted bigint) RETURNS text LANGUAGE sql STABLE {_AS_OWNER} AS $$
    SELECT name FROM api_keys WHERE id = wanted AND tenant_id = current_tenant()
$$"""
_FUNCTIONS = {
    "document_standings(bytea[], bytea[])": _STANDING,
    "claim_documents(uuid, bytea[], bytea[], bytea)": _CLAIM,
    "release_documents(uuid)": _RELEASE,
    "documents_of(uuid)": _OWN,
    "name_of_key(bigint)": _PERSON,
}
_OPERATIONS = (
    "ALTER TABLE lookups DROP CONSTRAINT lookups_operation_check, ADD CHECK (operation IN ('score', 'read', 'report'{0})) NOT VALID"
)
_KEPT = ("decision_policies", "decisions", "decision_steps")


def upgrade() -> None:
    """Create the tables; an answer kept under an Idempotency-Key may now be of something else than a score."""
    for statement in (*_TABLES, _CLAIMS):
        op.execute(statement)
    op.execute("CREATE UNIQUE INDEX document_claimed_once ON document_claims (whole) WHERE released_at IS NULL")
    op.execute("CREATE INDEX document_claims_by_number ON document_claims (numbered) WHERE released_at IS NULL")
    op.execute("CREATE INDEX document_claims_of_decision ON document_claims (decision_id)")
    op.execute("CREATE INDEX decisions_of_supplier ON decisions (tenant_id, supplier_id, sequence)")
    for table in (*_KEPT, "document_claims"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY {table}_of_tenant ON {table} USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())"
        )
    for table in _KEPT:
        op.execute(f"GRANT SELECT, INSERT ON {table} TO {app_role()}")
        make_append_only(table)
    revoke_from_app("document_claims")
    for signature, statement in _FUNCTIONS.items():
        op.execute(statement)
        grant_function(signature)
    op.execute("ALTER TABLE audit ADD COLUMN decision_id uuid, ADD COLUMN decision_step smallint")
    op.execute(
        "ALTER TABLE audit ADD UNIQUE (decision_id, decision_step), ADD FOREIGN KEY (decision_id, decision_step) REFERENCES decision_steps"
    )
    op.execute("ALTER TABLE idempotency ALTER score_id DROP NOT NULL, ADD COLUMN location text")
    op.execute("UPDATE idempotency SET location = '/v1/scores/' || score_id")
    op.execute("ALTER TABLE idempotency ALTER location SET NOT NULL")
    op.execute(_OPERATIONS.format(", 'decision'"))


def downgrade() -> None:
    """Drop the decisions and what was answered of them; the scores they rest on stay, and so does what the audit's records say."""
    op.execute(_OPERATIONS.format(""))
    op.execute("DELETE FROM idempotency WHERE score_id IS NULL")
    op.execute("ALTER TABLE idempotency ALTER score_id SET NOT NULL, DROP COLUMN location")
    op.execute("ALTER TABLE audit DROP COLUMN decision_id, DROP COLUMN decision_step")
    for signature in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
    for table in ("document_claims", *reversed(_KEPT)):
        op.execute(f"DROP TABLE {table}")
