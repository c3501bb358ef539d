"""With what settings does the service run? Read once at the door from the environment, checked, and passed down."""

import ipaddress
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, Field, HttpUrl, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from serving.webhooks.addresses import Guard


class ServiceSettings(BaseSettings):
    """Settings of the service; each can be set as ``LIANXIN_<NAME>`` in the environment.

    ``DATABASE_URL`` (without the prefix, as is customary) names an external PostgreSQL server; then no embedded one is started.
    ``DATABASE_OWNER_URL`` names the role that owns the tables there, and is the same as ``DATABASE_URL`` where it is not given.
    """

    model_config = SettingsConfigDict(env_prefix="LIANXIN_", frozen=True, extra="forbid", populate_by_name=True)

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    data: Path = Path("work/postgres")
    database_url: SecretStr | None = Field(default=None, validation_alias=AliasChoices("DATABASE_URL", "database_url"))
    database_owner_url: SecretStr | None = Field(default=None, validation_alias=AliasChoices("DATABASE_OWNER_URL", "database_owner_url"))
    session_minutes: Annotated[int, Field(ge=1, le=720)] = 30
    token_minutes: Annotated[int, Field(ge=1, le=60)] = 10
    """How long an access token lives."""
    rate_per_second: Annotated[float, Field(gt=0, le=100_000)] = 50.0
    rate_burst: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    """A tenant may ask so often in the long run, and so many times at once."""
    evidence_rows: Annotated[int, Field(ge=1, le=100)] = 3
    example_supplier: str | None = None
    """The supplier of the documentation's examples; only ever one of simulated data, for the documentation needs no key."""
    bundle_seconds: Annotated[float, Field(gt=0, le=3600)] = 3.0
    """How often a process asks whether another one was given another bundle."""
    batch_rows: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    """How many rows a batch may have."""
    production: bool = False
    """Refuse to start with anything that `lianxin doctor` finds unsafe."""
    secure_cookies: bool = False
    """Set this behind TLS, so that a browser sends the session over TLS only."""

    mlflow_url: HttpUrl | None = None
    """Where people open MLflow; the desk's pages link to the run of the model in service."""

    webhooks_to_any_address: bool = False
    """Send webhooks to private addresses too, such as this machine's own; for trying out only, never in production."""

    @property
    def webhook_guard(self) -> Guard:
        """Which addresses webhooks are sent to."""
        return Guard(https_only=self.production, any_address=self.webhooks_to_any_address)

    @field_validator("host")
    @classmethod
    def _host_is_an_address(cls, host: str) -> str:
        """Refuse what can be neither an address nor a host name."""
        if host == "localhost":
            return host
        ipaddress.ip_address(host)
        return host
