"""What goes over the wire about the bundle in service."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from serving.schemas import _Wire

BundleName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", description="Name of the bundle's folder, beside the one the service began with."),
]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="Content hash, as `lianxin release` prints it.")]


class BundleRequest(_Wire):
    """Put a bundle in service."""

    bundle: BundleName
    bundle_sha256: Sha256


class BundleVersion(_Wire):
    """One released bundle."""

    version: str
    bundle_sha256: Sha256


class BundleExchange(BundleVersion):
    """The bundle in service now, and the one before it."""

    former: BundleVersion
    changed: Annotated[bool, Field(description="False where it was in service already.")]


class BundleEventBody(_Wire):
    """A bundle put in service, or refused with a code and the exact reason."""

    at: datetime
    bundle: str
    bundle_sha256: str
    version: str | None
    outcome: Literal["in_service", "refused"]
    code: str | None
    reason: Annotated[str | None, Field(description="In English; names files and hashes of the bundle.")]


class BundleHistory(_Wire):
    """The bundle in service in the process that answers, and the newest events of all processes, the newest first."""

    in_service: BundleVersion
    events: list[BundleEventBody]
