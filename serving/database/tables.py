"""The tables as the application sees them; what creates them, and who may do what, stands in the migrations."""

from sqlalchemy import BigInteger, Column, Date, DateTime, Identity, Integer, LargeBinary, MetaData, SmallInteger, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

from serving.database.doubles import Doubles

metadata = MetaData()

tenants = Table(
    "tenants",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text),
    Column("name", Text),
    Column("supplier_id", Text),
    Column("tier", Text),
    Column("created_at", DateTime(timezone=True)),
    Column("closed_at", DateTime(timezone=True)),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("tenant_id", Uuid),
    Column("name", Text),
    Column("prefix", Text),
    Column("digest", LargeBinary),
    Column("scopes", ARRAY(Text, dimensions=1)),
    Column("created_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
    Column("expires_at", DateTime(timezone=True)),
)

scores = Table(
    "scores",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("created_at", DateTime(timezone=True)),
    Column("tenant_id", Uuid),
    Column("api_key_id", BigInteger),
    Column("consent_id", Uuid),
    Column("supplier_id", Text),
    Column("as_of", Date),
    Column("purpose", Text),
    Column("request_id", Text),
    Column("bundle_sha256", Text),
    Column("language", Text),
    Column("feature_values", Doubles),
    Column("body", LargeBinary),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("key_digest", LargeBinary, primary_key=True),
    Column("api_key_id", BigInteger),
    Column("request_digest", LargeBinary),
    Column("created_at", DateTime(timezone=True)),
    Column("score_id", Uuid),
    Column("location", Text),
    Column("status", SmallInteger),
    Column("language", Text),
    Column("body", LargeBinary),
)

consent_events = Table(
    "consent_events",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("consent_id", Uuid),
    Column("event", Text),
    Column("tenant_id", Uuid),
    Column("supplier_id", Text),
    Column("purpose", Text),
    Column("tier", Text),
    Column("at", DateTime(timezone=True)),
    Column("expires_at", DateTime(timezone=True)),
    Column("recorded_by", Uuid),
)

lookups = Table(
    "lookups",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("at", DateTime(timezone=True)),
    Column("tenant_id", Uuid),
    Column("supplier_id", Text),
    Column("purpose", Text),
    Column("operation", Text),
    Column("consent_id", Uuid),
    Column("score_id", Uuid),
)

audit = Table(
    "audit",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("at", DateTime(timezone=True)),
    Column("score_id", Uuid),
    Column("decision_id", Uuid),
    Column("decision_step", SmallInteger),
    Column("record", LargeBinary),
    Column("previous_hash", LargeBinary),
    Column("hash", LargeBinary),
)

audit_anchors = Table(
    "audit_anchors",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("at", DateTime(timezone=True)),
    Column("hash", LargeBinary),
    Column("public_key", LargeBinary),
    Column("signature", LargeBinary),
)

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("number", BigInteger),
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid),
    Column("url", Text),
    Column("events", ARRAY(Text, dimensions=1)),
    Column("created_at", DateTime(timezone=True)),
    Column("removed_at", DateTime(timezone=True)),
)

webhook_secrets = Table(
    "webhook_secrets",
    metadata,
    Column("endpoint_id", Uuid, primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("tenant_id", Uuid),
    Column("key_digest", LargeBinary),
    Column("at", DateTime(timezone=True)),
)

webhook_messages = Table(
    "webhook_messages",
    metadata,
    Column("number", BigInteger),
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid),
    Column("endpoint_id", Uuid),
    Column("event", Text),
    Column("body", LargeBinary),
    Column("at", DateTime(timezone=True)),
    Column("state", Text),
    Column("attempts", Integer),
    Column("began_at", DateTime(timezone=True)),
    Column("next_at", DateTime(timezone=True)),
)

webhook_attempts = Table(
    "webhook_attempts",
    metadata,
    Column("number", BigInteger, primary_key=True),
    Column("message_id", Uuid),
    Column("tenant_id", Uuid),
    Column("at", DateTime(timezone=True)),
    Column("outcome", Text),
    Column("status", SmallInteger),
    Column("milliseconds", Integer),
)

disputes = Table(
    "disputes",
    metadata,
    Column("number", BigInteger),
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid),
    Column("supplier_id", Text),
    Column("reference", Text),
    Column("kind", Text),
    Column("score_id", Uuid),
    Column("table_name", Text),
    Column("row_id", Text),
    Column("row_known_on", Date),
    Column("statement", Text),
    Column("evidence", Text),
    Column("file", LargeBinary),
    Column("file_type", Text),
    Column("file_sha256", LargeBinary),
    Column("request_digest", LargeBinary),
    Column("received_at", DateTime(timezone=True)),
    Column("due_on", Date),
    Column("due_at", DateTime(timezone=True)),
    Column("policy_version", Text),
)

dispute_events = Table(
    "dispute_events",
    metadata,
    Column("number", BigInteger, primary_key=True),
    Column("dispute_id", Uuid),
    Column("tenant_id", Uuid),
    Column("event", Text),
    Column("at", DateTime(timezone=True)),
    Column("by_key", Text),
    Column("outcome", Text),
    Column("reason", Text),
    Column("correction", LargeBinary),
)

score_links = Table(
    "score_links",
    metadata,
    Column("old_id", Uuid, primary_key=True),
    Column("new_id", Uuid),
    Column("tenant_id", Uuid),
    Column("dispute_id", Uuid),
    Column("at", DateTime(timezone=True)),
)

bundle_events = Table(
    "bundle_events",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("at", DateTime(timezone=True)),
    Column("tenant_id", Uuid),
    Column("name", Text),
    Column("bundle_sha256", Text),
    Column("version", Text),
    Column("outcome", Text),
    Column("code", Text),
    Column("reason", Text),
)

batches = Table(
    "batches",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid),
    Column("key_prefix", Text),
    Column("created_at", DateTime(timezone=True)),
    Column("request_id", Text),
    Column("purpose", Text),
    Column("language", Text),
    Column("file_sha256", Text),
    Column("asked_sha256", Text),
    Column("bundle_sha256", Text),
    Column("rows", Integer),
    Column("number", BigInteger),
)

batch_rows = Table(
    "batch_rows",
    metadata,
    Column("batch_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("tenant_id", Uuid),
    Column("supplier_id", Text),
    Column("as_of", Date),
    Column("field", Text),
    Column("code", Text),
)

batch_outcomes = Table(
    "batch_outcomes",
    metadata,
    Column("batch_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("tenant_id", Uuid),
    Column("score_id", Uuid),
    Column("field", Text),
    Column("code", Text),
)

batch_ends = Table(
    "batch_ends",
    metadata,
    Column("batch_id", Uuid, primary_key=True),
    Column("tenant_id", Uuid),
    Column("at", DateTime(timezone=True)),
    Column("code", Text),
)

decision_policies = Table(
    "decision_policies",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("canonical", LargeBinary),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("created_at", DateTime(timezone=True)),
    Column("tenant_id", Uuid),
    Column("sequence", BigInteger),
    Column("score_id", Uuid),
    Column("supplier_id", Text),
    Column("as_of", Date),
    Column("product", Text),
    Column("outcome", Text),
    Column("credit_limit", BigInteger),
    Column("open_until", Date),
    Column("policy_id", Text),
    Column("policy_version", Text),
    Column("inputs", LargeBinary),
    Column("decision", LargeBinary),
    Column("language", Text),
    Column("body", LargeBinary),
)

decision_steps = Table(
    "decision_steps",
    metadata,
    Column("tenant_id", Uuid),
    Column("decision_id", Uuid, primary_key=True),
    Column("number", SmallInteger, primary_key=True),
    Column("at", DateTime(timezone=True)),
    Column("act", Text),
    Column("person", Text),
    Column("api_key_id", BigInteger),
    Column("reason", Text),
    Column("outcome", Text),
    Column("terms", LargeBinary),
    Column("stage", Text),
    Column("exposure", BigInteger),
)

bank_policies = Table(
    "bank_policies",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("number", BigInteger, Identity(always=True)),
    Column("tenant_id", Uuid),
    Column("uploaded_at", DateTime(timezone=True)),
    Column("uploaded_by", Text),
    Column("api_key_id", BigInteger),
    Column("bank", Text),
    Column("version", Text),
    Column("canonical", LargeBinary),
    Column("toml", Text),
)

policy_simulations = Table(
    "policy_simulations",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid),
    Column("policy_id", Uuid),
    Column("made_at", DateTime(timezone=True)),
    Column("made_by", Text),
    Column("api_key_id", BigInteger),
    Column("begins_on", Date),
    Column("before_version", Text),
    Column("body", LargeBinary),
)

policy_activations = Table(
    "policy_activations",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("tenant_id", Uuid),
    Column("policy_id", Uuid),
    Column("simulation_id", Uuid),
    Column("at", DateTime(timezone=True)),
    Column("begins_on", Date),
    Column("person", Text),
    Column("api_key_id", BigInteger),
    Column("reason", Text),
)
