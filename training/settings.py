"""With which numbers is a model trained? Everything a training depends on besides the data, built once at the door."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib.resources import files
from types import MappingProxyType

from credit.abstention import AbstentionPolicy
from credit.grade import GradeScale
from credit.outcome import OutcomePolicy
from credit.policy import PolicyHistory
from credit.scale import Scale
from credit.sufficiency import SufficiencyPolicy
from training.anchor import Anchor
from training.calibrate import CalibrationPolicy
from training.params import BoosterParams
from training.split import SplitPolicy

SEED = 20261121
POLICIES = ("outcome", "scale", "grades", "training", "calibration", "anchor", "abstention", "sufficiency")


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """Everything the policies say, and the booster's parameters where the folds shall not choose them; ``policies`` names the versions
    in force.
    """

    outcome: OutcomePolicy
    split: SplitPolicy
    scale: Scale
    grades: GradeScale
    calibration: CalibrationPolicy
    anchor: Anchor
    abstention: AbstentionPolicy
    sufficiency: SufficiencyPolicy
    params: BoosterParams | None = None
    policies: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def in_force(cls, on: date, histories: Mapping[str, PolicyHistory] | None = None) -> "TrainSettings":
        """Return the settings in force on a day; ``histories`` replaces some of the packaged policies, by their id."""
        chosen = {name: packaged_policy(name) for name in POLICIES} | dict(histories or {})
        policies = {name: chosen[name].on(on) for name in POLICIES}
        return cls(
            outcome=OutcomePolicy.from_policy(policies["outcome"]),
            split=SplitPolicy.from_policy(policies["training"]),
            scale=Scale.from_policy(policies["scale"]),
            grades=GradeScale.from_policy(policies["grades"]),
            calibration=CalibrationPolicy.from_policy(policies["calibration"]),
            anchor=Anchor.from_policy(policies["anchor"]),
            abstention=AbstentionPolicy.from_policy(policies["abstention"]),
            sufficiency=SufficiencyPolicy.from_policy(policies["sufficiency"]),
            policies=MappingProxyType({name: policy.version for name, policy in policies.items()}),
        )


def packaged_policy(name: str) -> PolicyHistory:
    """Return the policy that comes with the package, one of `POLICIES`."""
    return PolicyHistory.parse(files("credit.policies").joinpath(f"{name}.toml").read_text(encoding="utf-8"))
