"""From which number on is a finding a finding? The policy `validation`, as the tests use it."""

from dataclasses import dataclass, fields
from datetime import date

from credit.errors import PolicyInvalid
from credit.policy import Policy, PolicyHistory
from training.settings import packaged_policy


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers of ``credit/policies/validation.toml``, which says unit and source of each."""

    interval_level: float
    bootstrap_draws: int
    light_yellow: float
    light_red: float
    asset_correlation: float
    approval_pd: float
    psi_watch: float
    psi_shifted: float
    fairness_low: float
    slope_low: float
    slope_high: float
    min_bads: int
    min_suppliers: int

    def __post_init__(self) -> None:
        """Refuse numbers with which a test means nothing."""
        shares = ("interval_level", "light_yellow", "light_red", "approval_pd")
        bad = [name for name in shares if not 0.0 < getattr(self, name) < 1.0]
        bad += [name for name in ("bootstrap_draws", "min_bads", "min_suppliers") if getattr(self, name) < 1]
        bad += ["asset_correlation"] if not 0.0 <= self.asset_correlation < 1.0 else []
        for low, high in (("light_yellow", "light_red"), ("psi_watch", "psi_shifted"), ("slope_low", "slope_high")):
            bad += [] if getattr(self, low) < getattr(self, high) else [f"{low}, {high}"]
        if bad:
            raise PolicyInvalid(
                "policy 'validation': levels and PDs must lie between 0 and 1, counts be at least 1 and bounds rise; wrong: "
                + "; ".join(bad)
            )

    @classmethod
    def from_policy(cls, policy: Policy) -> "Limits":
        """Read the limits from the policy `validation`; raise `PolicyInvalid` where one is missing or must be whole."""
        names = [field.name for field in fields(cls)]
        whole = {"bootstrap_draws", "min_bads", "min_suppliers"}
        return cls(**{name: policy.whole(name) if name in whole else policy.number(name) for name in names})  # type: ignore[arg-type]


def policy_in_force(on: date, history: PolicyHistory | None = None) -> Policy:
    """Return the policy `validation` in force on a day; a bank's own ``history`` replaces the packaged one."""
    return (history or packaged_policy("validation")).on(on)
