"""Where do released bundles lie, and which of them may score? Hash and signer are checked before anything of a bundle is parsed."""

from dataclasses import dataclass
from pathlib import Path

from credit.errors import BundleInvalid, BundleTampered
from serving.assess import scored_features
from serving.http.refusals import BundleNotTrusted, BundleUnknown, BundleUnusable
from training.bundle import ScoringBundle


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder of bundle folders; ``trusted_key`` must have signed each, or, where it is None, whoever signed the one in service."""

    folder: Path
    trusted_key: str | None = None
    allow_unsigned: bool = False

    def open(self, name: str, bundle_sha256: str, in_service: ScoringBundle) -> ScoringBundle:
        """Return the bundle in the folder ``name``, verified, parsed in a child process first, its golden rows equal bit for bit.

        Raises
        ------
        BundleUnknown
            There is no such folder here.
        BundleNotTrusted
            It has another content hash, or its files, signature or signer are not what they must be; nothing of it was parsed.
        BundleUnusable
            It was released like this and cannot be used; this process survives whatever its text does to a parser.
        """
        place = self.folder / name
        if place.is_symlink():
            raise BundleNotTrusted(f"{name}: a bundle is a folder of its own, found a link: copy the folder itself")
        if not place.is_dir():
            raise BundleUnknown(f"{name}: no such folder among the bundles")
        signer = self.trusted_key or in_service.signed_by
        try:
            bundle = ScoringBundle.load(place, trusted_key=signer, wanted_hash=bundle_sha256)
            if bundle.signed_by is None and not self.allow_unsigned:
                raise BundleTampered(f"{name}: a bundle is served only if it is signed: release it with `lianxin release`")
            scored_features(bundle.names)
        except BundleTampered as error:
            raise BundleNotTrusted(str(error)) from error
        except BundleInvalid as error:
            raise BundleUnusable(str(error)) from error
        return bundle
