"""Tenants, to whom keys, scores and answers belong, and row-level security by tenant.

A key made before becomes a bank of its own under the key's name, so that nobody sees more than before and scores stay with who asked. The
transaction names the tenant (`lianxin.tenant`) and, for a supplier's login, the supplier (`lianxin.supplier`); without them no row is seen.
Keys and tenants are read through one function that runs with the owner's rights, so that the application can look one key up and list none.
"""

from alembic import op

from serving.database.migrations.grantee import app_role, grant_function, revoke_from_app

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TENANTS = """
CREATE TABLE tenants (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind text NOT NULL CHECK (kind IN ('bank', 'supplier', 'operator')),
    name text NOT NULL UNIQUE,
    supplier_id text UNIQUE,
    tier text CHECK (tier IN ('open', 'platform', 'consent', 'restricted')),
    created_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz,
    CONSTRAINT tenant_is_a_supplier_or_names_none CHECK ((kind = 'supplier') = (supplier_id IS NOT NULL)),
    CONSTRAINT tenant_is_a_bank_or_has_no_tier CHECK ((kind = 'bank') = (tier IS NOT NULL))
)"""
_KEYS = (
    "ALTER TABLE api_keys ADD COLUMN tenant_id uuid, ADD COLUMN scopes text[], ADD COLUMN expires_at timestamptz",
    "UPDATE api_keys SET tenant_id = gen_random_uuid(),"
    " scopes = '{score:write,score:read,report:read,model:read,consent:read,lookup:read}'",
    "INSERT INTO tenants (id, kind, name, tier, created_at)"
    " SELECT tenant_id, 'bank', CASE WHEN count(*) OVER (PARTITION BY name) > 1 THEN name || ' ' || prefix ELSE name END,"
    " 'consent', created_at"
    " FROM api_keys",
    "ALTER TABLE api_keys ALTER tenant_id SET NOT NULL, ALTER scopes SET NOT NULL, ADD FOREIGN KEY (tenant_id) REFERENCES tenants",
)
_OWNED = (
    "ALTER TABLE {0} ADD COLUMN tenant_id uuid",
    "UPDATE {0} SET tenant_id = api_keys.tenant_id FROM api_keys WHERE api_keys.id = {0}.api_key_id",
    "ALTER TABLE {0} ALTER tenant_id SET NOT NULL, ADD FOREIGN KEY (tenant_id) REFERENCES tenants",
    "ALTER TABLE {0} ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY {0}_of_tenant ON {0} USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())",
)
_CURRENT = """
CREATE FUNCTION current_{0}() RETURNS {1} LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(current_setting('lianxin.{0}', true), '')::{1} $$"""
_FIND_CALLER = """
CREATE FUNCTION find_caller(wanted text)
RETURNS TABLE (key_id bigint, tenant_id uuid, kind text, supplier_id text, tier text, scopes text[], digest bytea, is_live boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT k.id, t.id, t.kind, t.supplier_id, t.tier, k.scopes, k.digest,
           k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now()) AND t.closed_at IS NULL
    FROM api_keys k JOIN tenants t ON t.id = k.tenant_id WHERE k.prefix = wanted
$$"""
_BANKS = """
CREATE FUNCTION open_banks() RETURNS TABLE (id uuid, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT id, name FROM tenants WHERE kind = 'bank' AND closed_at IS NULL
$$"""
_REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'rows of % are only ever added', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege'; END $$"""


def upgrade() -> None:
    """Give every key, score and answer its tenant, and let each tenant see its own rows only."""
    op.execute(_TENANTS)
    for statement in _KEYS:
        op.execute(statement)
    op.execute(_CURRENT.format("tenant", "uuid"))
    op.execute(_CURRENT.format("supplier", "text"))
    for table in ("scores", "idempotency"):
        for statement in _OWNED:
            op.execute(statement.format(table))
    op.execute("ALTER TABLE idempotency DROP CONSTRAINT idempotency_pkey, ADD PRIMARY KEY (tenant_id, key_digest)")
    op.execute("ALTER TABLE scores ADD COLUMN consent_id uuid")
    for statement in (_FIND_CALLER, _BANKS, _REFUSE_CHANGE):
        op.execute(statement)
    revoke_from_app("api_keys")
    grant_function("find_caller(text)")
    grant_function("open_banks()")


def downgrade() -> None:
    """Take the tenants away; keys, scores and answers stay."""
    for table in ("scores", "idempotency"):
        op.execute(f"DROP POLICY {table}_of_tenant ON {table}")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE idempotency DROP CONSTRAINT idempotency_pkey, ADD PRIMARY KEY (api_key_id, key_digest)")
    op.execute("ALTER TABLE idempotency DROP COLUMN tenant_id")
    op.execute("ALTER TABLE scores DROP COLUMN tenant_id, DROP COLUMN consent_id")
    for function in ("find_caller(text)", "open_banks()", "current_tenant()", "current_supplier()", "refuse_change()"):
        op.execute(f"DROP FUNCTION {function}")
    op.execute("ALTER TABLE api_keys DROP COLUMN tenant_id, DROP COLUMN scopes, DROP COLUMN expires_at")
    op.execute("DROP TABLE tenants")
    op.execute(f"GRANT SELECT ON api_keys TO {app_role()}")
