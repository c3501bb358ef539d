"""The tables as the application sees them; what creates them, and who may do what, stands in the migrations."""

from sqlalchemy import BigInteger, Column, Date, DateTime, Double, LargeBinary, MetaData, SmallInteger, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

metadata = MetaData()

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("name", Text),
    Column("prefix", Text),
    Column("digest", LargeBinary),
    Column("created_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
)

scores = Table(
    "scores",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("created_at", DateTime(timezone=True)),
    Column("api_key_id", BigInteger),
    Column("supplier_id", Text),
    Column("as_of", Date),
    Column("purpose", Text),
    Column("request_id", Text),
    Column("bundle_sha256", Text),
    Column("language", Text),
    Column("feature_values", ARRAY(Double, dimensions=1)),
    Column("body", LargeBinary),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("api_key_id", BigInteger, primary_key=True),
    Column("key_digest", LargeBinary, primary_key=True),
    Column("request_digest", LargeBinary),
    Column("created_at", DateTime(timezone=True)),
    Column("score_id", Uuid),
    Column("status", SmallInteger),
    Column("language", Text),
    Column("body", LargeBinary),
)
