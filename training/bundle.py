"""The scoring bundle: everything a score needs, as one signed folder of text and JSON, and the only door into training.

It needs numpy, lightgbm and cryptography, and neither pandas, mlflow, shap nor pickle.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from credit.errors import BundleInvalid, LianxinError, OutOfRange
from credit.grade import Grade, GradeScale
from credit.reason import Factor, Reason, principal_reasons
from credit.scale import Scale
from credit.score import Contribution, Score
from credit.sufficiency import SufficiencyPolicy
from training.bundle_check import compare_golden, compare_kernels, first_parse
from training.forest import Forest
from training.intervals import PdIntervals
from training.monotone import Certificate, prove
from training.reference import Reference
from training.scorer import Calibration, Kernel, Scorer, Scores
from training.seal import content_hash, dump_json, load_json, seal, unseal
from training.sufficiency import Sufficient

__all__ = ["Calibration", "Forest", "Reference", "Scores", "ScoringBundle"]

GOLDEN_ROWS = 20


@dataclass(frozen=True)
class ScoringBundle:
    """A released model: booster, calibration, scale, grades, catalogue slice and reference distributions.

    Make one with `freeze` (in training) or `load` (everywhere else).

    Attributes
    ----------
    names
        Feature names in the order `score` expects.
    content_hash
        SHA-256 over the content, the same for the same model wherever and whenever it was trained.
    model
        ``name``, ``trained_on`` (``from``, ``to``, ``rows``), ``digests``, ``measures``, ``policies`` and the like; ``contributions``
        says what computes them (`training.scorer.Kernel`), and in a bundle without it LightGBM does.
    monotone
        The proof that the trees keep the catalogue's directions; None in a bundle made before there was one.
    release
        ``version``, ``run_id``, ``approved_by``, ``approved_at``, ``released_at`` where released; else empty.
    signed_by
        Public key of the signer in hexadecimal, or None.
    """

    names: tuple[str, ...]
    catalog: tuple[Mapping[str, Any], ...]
    factors: tuple[Factor, ...]
    scale: Scale
    grades: GradeScale
    calibration: Calibration
    reference: Reference
    intervals: PdIntervals | None
    sufficiency: Sufficient | None
    model: Mapping[str, Any]
    monotone: Certificate | None
    release: Mapping[str, Any]
    content_hash: str
    signed_by: str | None
    content: Mapping[str, bytes]
    _scorer: Scorer

    @classmethod
    def freeze(
        cls,
        *,
        model_text: str,
        calibration: Calibration,
        scale: Scale,
        grades: GradeScale,
        catalog: Sequence[Mapping[str, Any]],
        reference_values: NDArray[np.float64],
        model: Mapping[str, Any],
        intervals: PdIntervals | None = None,
        sufficiency: SufficiencyPolicy | None = None,
    ) -> "ScoringBundle":
        """Make a bundle of a fitted model; ``reference_values`` are its training rows, shape (n, f).

        A bundle without ``intervals`` or ``sufficiency`` scores and leaves them unsaid. Raises `BundleInvalid` where the trees do not
        keep the catalogue's directions, or tables of them do not say what LightGBM says of ``reference_values``.
        """
        certificate = prove(model_text, [entry["name"] for entry in catalog], [entry["direction"] for entry in catalog])
        scorer = Scorer.from_text(model_text, calibration, scale)
        if scorer.kernel is Kernel.TABLES:
            compare_kernels(model_text, reference_values)
        scores = scorer.score(reference_values)
        content = {
            "model.txt": model_text.encode(),
            "calibration.json": dump_json({"slope": calibration.slope, "intercept": calibration.intercept}),
            "scale.json": dump_json({"base_score": scale.base_score, "base_odds": scale.base_odds, "pdo": scale.pdo}),
            "grades.json": dump_json([_grade_json(grade) for grade in grades.grades]),
            "catalog.json": dump_json([dict(entry) for entry in catalog]),
            "reference.json": dump_json(Reference.of(reference_values, scores).to_json()),
            "golden.json": dump_json(_golden(scorer, reference_values, scores)),
            "interval.json": dump_json(intervals.to_json() if intervals else None),
            "sufficiency.json": dump_json(Sufficient.of(sufficiency, scores).to_json() if sufficiency else None),
            "model.json": dump_json({**model, "contributions": scorer.kernel.value}),
            "monotone.json": dump_json(certificate.to_json()),
        }
        return cls._assemble(content, release={}, found_hash=content_hash(content), signed_by=None)

    @classmethod
    def load(cls, path: Path, *, trusted_key: str | None = None, wanted_hash: str | None = None) -> "ScoringBundle":
        """Read, verify and try a bundle folder.

        Parameters
        ----------
        path
            The folder.
        trusted_key
            Ed25519 public key in hexadecimal that must have signed it; None accepts any signer and none.
        wanted_hash
            The content hash it must have; None takes any.

        Raises
        ------
        BundleTampered
            Signature, hashes or files are not those of a release by ``trusted_key``.
        BundleInvalid
            It is untampered and cannot be used; the process that loads it survives in either case.
        """
        sealed = unseal(Path(path), trusted_key=trusted_key, wanted_hash=wanted_hash)
        return cls._assemble(
            sealed.content,
            release=sealed.release,
            found_hash=sealed.content_hash,
            signed_by=sealed.signed_by,
            in_child_first=True,
        )

    @classmethod
    def _assemble(
        cls,
        content: Mapping[str, bytes],
        *,
        release: Mapping[str, Any],
        found_hash: str,
        signed_by: str | None,
        in_child_first: bool = False,
    ) -> "ScoringBundle":
        try:
            parts = {name: load_json(data, name) for name, data in content.items() if name.endswith(".json")}
            scale, calibration = Scale(**parts["scale.json"]), Calibration(**parts["calibration.json"])
            catalog = tuple(parts["catalog.json"])
            text, kernel = content["model.txt"].decode(), Kernel(parts["model.json"].get("contributions", Kernel.LIGHTGBM))
            if in_child_first:
                first_parse(text, kernel, calibration, scale, parts["golden.json"])
            scorer = Scorer.from_text(text, calibration, scale, kernel=kernel)
            compare_golden(scorer, parts["golden.json"])
            certificate = Certificate.from_json(parts["monotone.json"]) if "monotone.json" in parts else None
            if certificate is not None:
                certificate.require(text, {entry["name"]: entry["direction"] for entry in catalog})
            names = tuple(entry["name"] for entry in catalog)
            bundle = cls(
                names=names,
                catalog=catalog,
                factors=tuple(factor_of(entry) for entry in catalog),
                scale=scale,
                grades=GradeScale(tuple(Grade(**entry) for entry in parts["grades.json"])),
                calibration=calibration,
                reference=Reference.from_json(parts["reference.json"]),
                intervals=PdIntervals.from_json(parts["interval.json"], names) if parts["interval.json"] else None,
                sufficiency=Sufficient.from_json(parts["sufficiency.json"]) if parts["sufficiency.json"] else None,
                model=parts["model.json"],
                monotone=certificate,
                release=release,
                content_hash=found_hash,
                signed_by=signed_by,
                content=content,
                _scorer=scorer,
            )
        except LianxinError as error:
            raise BundleInvalid(f"the bundle {found_hash[:12]} cannot be used: {error}") from error
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise BundleInvalid(f"the bundle {found_hash[:12]} has a part of another form: {error!r}"[:300]) from error
        bundle._widths_agree()
        return bundle

    def _widths_agree(self) -> None:
        if list(self.names) != self._scorer.names or len(self.reference.medians) != len(self.names):
            raise BundleInvalid(
                "catalog.json, reference.json and model.txt must name the same features in one order, "
                f"found {len(self.names)}, {len(self.reference.medians)} and {self._scorer.width}"
            )

        if self.sufficiency is not None and len(self.sufficiency.weights) != len(self.names):
            raise BundleInvalid(
                f"sufficiency.json must weigh the bundle's {len(self.names)} features, found {len(self.sufficiency.weights)}"
            )

    @property
    def version(self) -> str:
        """The released version, or the first 12 characters of the content hash before a release."""
        return str(self.release.get("version") or self.content_hash[:12])

    @cached_property
    def forest(self) -> Forest:
        """The trees that score, as arrays: what the advice is searched in."""
        return Forest.of(self.content["model.txt"].decode())

    def score(self, values: NDArray[np.float64]) -> Scores:
        """Return points, PD and points per feature of ``values``, shape (n, f) in the order of `names`.

        Missing is NaN. Row by row and in one batch give the same bits. Raises `OutOfRange` on infinities and on another width.
        """
        return self._scorer.score(values)

    def score_of(self, supplier_id: str, as_of: date, row: NDArray[np.float64]) -> Score:
        """Return the score of one supplier from its feature row, shape (f,)."""
        scores = self.score(np.asarray(row, dtype=np.float64).reshape(1, -1))
        return Score(
            supplier_id=supplier_id,
            as_of=as_of,
            pd=float(scores.pd[0]),
            points=float(scores.points[0]),
            base_points=scores.base_points,
            contributions=tuple(
                map(
                    Contribution,
                    self.names,
                    [None if math.isnan(value) else value for value in np.asarray(row).tolist()],
                    scores.contributions[0].tolist(),
                )
            ),
        )

    def reasons(self, score: Score) -> tuple[Reason, ...]:
        """Return the principal reasons of a score of this bundle: at most four, worst first."""
        names, values, points = zip(*score.contributions, strict=True) if score.contributions else ((), (), ())
        if names != self.names:
            raise OutOfRange("the score must come from this bundle: its features are others")
        return principal_reasons(
            self.factors,
            values=[math.nan if value is None else value for value in values],
            contributions=points,
            reference_values=self.reference.medians,
            reference_contributions=self.reference.contributions,
        )

    def save(self, path: Path, *, release: Mapping[str, Any] | None = None, key: Ed25519PrivateKey | None = None) -> str:
        """Write the bundle into the new folder ``path``, signed where a key is given; return the content hash."""
        return seal(Path(path), self.content, self.release if release is None else release, key)


def _golden(scorer: Scorer, values: NDArray[np.float64], scores: Scores) -> dict[str, Any]:
    """Choose rows over the whole range of scores, and one where everything is missing."""
    order = np.argsort(scores.points, kind="stable")
    picked = order[np.unique(np.linspace(0, len(order) - 1, GOLDEN_ROWS - 1).astype(np.intp))]
    rows = np.vstack([values[picked], np.full((1, values.shape[1]), np.nan)])
    golden = scorer.score(rows)
    return {
        "rows": [[None if np.isnan(cell) else cell.hex() for cell in row] for row in rows.tolist()],
        "points": [points.hex() for points in golden.points.tolist()],
        "pd": [pd.hex() for pd in golden.pd.tolist()],
    }


def _grade_json(grade: Grade) -> dict[str, Any]:
    return {
        "name": grade.name,
        "label_zh": grade.label_zh,
        "label_en": grade.label_en,
        "pd_from": grade.pd_from,
        "pd_to": grade.pd_to,
    }


def factor_of(entry: Mapping[str, Any]) -> Factor:
    """Return how a feature speaks as a reason, from its entry in the catalogue slice."""
    return Factor(
        feature=entry["name"],
        code=entry["code"],
        family=entry["family"],
        unit=entry["unit"],
        direction=entry["direction"],
        text_zh=entry["zh"],
        text_en=entry["en"],
        source_table=entry["source_table"],
    )
