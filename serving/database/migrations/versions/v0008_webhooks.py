"""Webhooks: a tenant's endpoints, the generations of their secrets, the outbox and the log of attempts.

Secrets themselves are not here: they are derived from a key that is kept beside the database. What is to be sent stands in the outbox from
the transaction it tells of; the two functions let a worker take what is due of all tenants, and note what came of it, and nothing else.
"""

from alembic import op

from serving.database.migrations.grantee import app_role, grant_function, make_append_only

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ENDPOINTS = """
CREATE TABLE webhook_endpoints (
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    url text NOT NULL,
    events text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz
)"""
_SECRETS = """
CREATE TABLE webhook_secrets (
    endpoint_id uuid NOT NULL REFERENCES webhook_endpoints,
    generation integer NOT NULL CHECK (generation > 0),
    tenant_id uuid NOT NULL REFERENCES tenants,
    key_digest bytea NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (endpoint_id, generation),
    UNIQUE (endpoint_id, key_digest)
)"""
_MESSAGES = """
CREATE TABLE webhook_messages (
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    endpoint_id uuid NOT NULL REFERENCES webhook_endpoints,
    event text NOT NULL,
    body bytea NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'dead')),
    attempts integer NOT NULL DEFAULT 0,
    began_at timestamptz NOT NULL DEFAULT now(),
    next_at timestamptz NOT NULL DEFAULT now()
)"""
_ATTEMPTS = """
CREATE TABLE webhook_attempts (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id uuid NOT NULL REFERENCES webhook_messages,
    tenant_id uuid NOT NULL REFERENCES tenants,
    at timestamptz NOT NULL DEFAULT now(),
    outcome text NOT NULL,
    status smallint,
    milliseconds integer NOT NULL
)"""
# A message that is taken comes up again after the lease, should whoever took it die before it noted an outcome.
_TAKE = """
CREATE FUNCTION take_webhooks(most integer, lease interval)
RETURNS TABLE (message_id uuid, endpoint_id uuid, url text, body bytea, attempt integer, generation integer, rotated_at timestamptz)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    WITH due AS (
        SELECT m.id FROM webhook_messages m JOIN webhook_endpoints e ON e.id = m.endpoint_id JOIN tenants t ON t.id = m.tenant_id
        WHERE m.state = 'waiting' AND m.next_at <= now() AND e.removed_at IS NULL AND t.closed_at IS NULL
        ORDER BY m.next_at LIMIT most FOR UPDATE OF m SKIP LOCKED
    ), taken AS (
        UPDATE webhook_messages m SET next_at = now() + lease, attempts = m.attempts + 1
        FROM due WHERE m.id = due.id RETURNING m.id, m.endpoint_id, m.body, m.attempts
    )
    SELECT t.id, t.endpoint_id, e.url, t.body, t.attempts, s.generation, s.at
    FROM taken t JOIN webhook_endpoints e ON e.id = t.endpoint_id
    JOIN LATERAL (
        SELECT w.generation, w.at FROM webhook_secrets w WHERE w.endpoint_id = t.endpoint_id ORDER BY w.generation DESC LIMIT 1
    ) s ON true
$$"""
_NOTE = """
CREATE FUNCTION note_webhook(
    message uuid, what text, http_status smallint, took integer, is_delivered boolean, again interval, patience interval
)
RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    INSERT INTO webhook_attempts (message_id, tenant_id, outcome, status, milliseconds)
    SELECT m.id, m.tenant_id, what, http_status, took FROM webhook_messages m WHERE m.id = message;
    UPDATE webhook_messages m SET
        state = CASE WHEN is_delivered THEN 'delivered' WHEN now() + again > m.began_at + patience THEN 'dead' ELSE 'waiting' END,
        next_at = now() + again
    WHERE m.id = message AND m.state = 'waiting' RETURNING m.state
$$"""
_TABLES = ("webhook_endpoints", "webhook_secrets", "webhook_messages", "webhook_attempts")
_FUNCTIONS = (
    "take_webhooks(integer, interval)",
    "note_webhook(uuid, text, smallint, integer, boolean, interval, interval)",
)


def upgrade() -> None:
    """Create the tables and the worker's two functions."""
    for statement in (_ENDPOINTS, _SECRETS, _MESSAGES, _ATTEMPTS, _TAKE, _NOTE):
        op.execute(statement)
    op.execute("CREATE INDEX webhook_messages_due ON webhook_messages (next_at) WHERE state = 'waiting'")
    op.execute("CREATE INDEX webhook_messages_of_endpoint ON webhook_messages (endpoint_id, number)")
    op.execute("CREATE INDEX webhook_attempts_of_message ON webhook_attempts (message_id, number)")
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY {table}_of_tenant ON {table} USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())"
        )
    for table in ("webhook_secrets", "webhook_attempts"):
        make_append_only(table)
    role = app_role()
    op.execute(f"GRANT SELECT, INSERT ON webhook_endpoints, webhook_secrets, webhook_messages TO {role}")
    op.execute(f"GRANT SELECT ON webhook_attempts TO {role}")
    op.execute(f"GRANT UPDATE (removed_at) ON webhook_endpoints TO {role}")
    op.execute(f"GRANT UPDATE (state, began_at, next_at) ON webhook_messages TO {role}")
    for function in _FUNCTIONS:
        grant_function(function)


def downgrade() -> None:
    """Drop the functions and the tables."""
    for function in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    for table in reversed(_TABLES):
        op.execute(f"DROP TABLE {table}")
