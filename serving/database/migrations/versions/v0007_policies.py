"""A bank's own policies: texts handed in, what they would have decided, and from which day which of them holds. Rows are only ever added.

A policy is its canonical text, known by that text's SHA-256. An activation names the simulation that was seen; a later one for the same
day takes its place without touching it.
"""

from alembic import op

from serving.database.migrations.grantee import app_role, make_append_only

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TABLES = (
    """
CREATE TABLE bank_policies (
    id uuid PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    uploaded_at timestamptz NOT NULL DEFAULT now(),
    uploaded_by text NOT NULL,
    api_key_id bigint NOT NULL REFERENCES api_keys,
    bank text NOT NULL,
    version text NOT NULL CHECK (version = encode(sha256(canonical), 'hex')),
    canonical bytea NOT NULL,
    toml text NOT NULL,
    UNIQUE (tenant_id, id)
)""",
    """
CREATE TABLE policy_simulations (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    policy_id uuid NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    made_by text NOT NULL,
    api_key_id bigint NOT NULL REFERENCES api_keys,
    begins_on date NOT NULL,
    before_version text NOT NULL,
    body bytea NOT NULL,
    UNIQUE (tenant_id, policy_id, id),
    FOREIGN KEY (tenant_id, policy_id) REFERENCES bank_policies (tenant_id, id)
)""",
    """
CREATE TABLE policy_activations (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL,
    policy_id uuid NOT NULL,
    simulation_id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    begins_on date NOT NULL,
    person text NOT NULL,
    api_key_id bigint NOT NULL REFERENCES api_keys,
    reason text NOT NULL,
    FOREIGN KEY (tenant_id, policy_id, simulation_id) REFERENCES policy_simulations (tenant_id, policy_id, id)
)""",
)
_NAMES = ("bank_policies", "policy_simulations", "policy_activations")


def upgrade() -> None:
    """Create the three tables."""
    for name, statement in zip(_NAMES, _TABLES, strict=True):
        op.execute(statement)
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY {name}_of_tenant ON {name} USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())"
        )
        op.execute(f"GRANT SELECT, INSERT ON {name} TO {app_role()}")
        make_append_only(name)
    op.execute("CREATE INDEX bank_policies_of_tenant ON bank_policies (tenant_id, number)")
    op.execute("CREATE INDEX policy_activations_in_force ON policy_activations (tenant_id, begins_on DESC, number DESC)")


def downgrade() -> None:
    """Drop what banks decided by; the packaged policy holds again for all, and what was decided keeps its policy."""
    for name in reversed(_NAMES):
        op.execute(f"DROP TABLE {name}")
