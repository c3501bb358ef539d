"""Is a PD known well enough to decide by? Where its interval straddles the cut-off, or the file is thin, a person decides."""

import math
from dataclasses import dataclass
from enum import StrEnum

from credit.errors import OutOfRange
from credit.policy import Policy


@dataclass(frozen=True, slots=True)
class Interval:
    """A range around a PD, [low, high], and the share of suppliers it is to hold for."""

    low: float
    high: float
    level: float

    def __post_init__(self) -> None:
        """Refuse bounds outside 0 to 1 or in the wrong order."""
        if not (0.0 <= self.low <= self.high <= 1.0 and 0.0 < self.level < 1.0):
            raise OutOfRange(f"an interval must have 0 <= low <= high <= 1 and a level within 0 to 1, found {self}")


class Stance(StrEnum):
    """What a PD allows to be said against a cut-off."""

    DECIDED = "decided"
    ABSTAIN = "abstain"


class Ground(StrEnum):
    """Why the stance is what it is."""

    CLEAR = "clear"
    STRADDLES_CUTOFF = "straddles_cutoff"
    THIN_FILE = "thin_file"


_WORDS = {
    Ground.CLEAR: ("违约概率区间完全位于准入线一侧。", "The whole interval of the PD lies on one side of the cut-off."),
    Ground.STRADDLES_CUTOFF: (
        "违约可能性的范围跨过了准入线，不能只凭分数下结论，建议人工审核。",
        "The chance of default may lie on either side of the cut-off: the score alone does not decide, a person should.",
    ),
    Ground.THIN_FILE: (
        "历史记录过少，不能只凭分数下结论，建议人工审核。",
        "The supplier has too little history: the score alone does not decide, a person should.",
    ),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """A stance, its ground, and the recommendation: ``approve``, ``decline``, or ``refer`` where the model abstains."""

    stance: Stance
    ground: Ground
    recommendation: str

    @property
    def text_zh(self) -> str:
        """The ground in Chinese."""
        return _WORDS[self.ground][0]

    @property
    def text_en(self) -> str:
        """The ground in English."""
        return _WORDS[self.ground][1]


@dataclass(frozen=True, slots=True)
class AbstentionPolicy:
    """The cut-off, the interval's level, and when a file is thin; see ``credit/policies/abstention.toml``."""

    cutoff_pd: float
    interval_level: float
    thin_orders: float
    thin_days: float

    def __post_init__(self) -> None:
        """Refuse shares outside 0 to 1 and counts below 0."""
        for name, share in (("cutoff_pd", self.cutoff_pd), ("interval_level", self.interval_level)):
            if not 0.0 < share < 1.0:
                raise OutOfRange(f"{name} must lie strictly between 0 and 1, found {share}")
        for name, count in (("thin_orders", self.thin_orders), ("thin_days", self.thin_days)):
            if not (math.isfinite(count) and count >= 0.0):
                raise OutOfRange(f"{name} must be finite and not below 0, found {count}")

    @classmethod
    def from_policy(cls, policy: Policy) -> "AbstentionPolicy":
        """Read the numbers from the policy `abstention`."""
        return cls(
            cutoff_pd=policy.number("cutoff_pd"),
            interval_level=policy.number("interval_level"),
            thin_orders=policy.number("thin_orders"),
            thin_days=policy.number("thin_days"),
        )

    def is_thin(self, *, orders: float, days: float) -> bool:
        """Whether a file is too thin to decide by: too few orders in the year, or too few days on the platform.

        NaN, nothing known, counts as none.

        Examples
        --------
        >>> policy = AbstentionPolicy(cutoff_pd=0.08, interval_level=0.9, thin_orders=10, thin_days=60)
        >>> policy.is_thin(orders=10.0, days=60.0), policy.is_thin(orders=9.0, days=900.0), policy.is_thin(orders=math.nan, days=900.0)
        (False, True, True)
        """
        return not (orders >= self.thin_orders and days >= self.thin_days)


def stand(pd: float, interval: Interval, *, cutoff_pd: float, is_thin: bool = False) -> Standing:
    """Return what a PD with its interval says against a cut-off; a PD equal to the cut-off passes.

    Parameters
    ----------
    pd
        Within ``interval``.
    interval
        Around it. It straddles where its low end would pass and its high end would not.
    cutoff_pd
        The highest PD that passes.
    is_thin
        The file is thin: the model abstains whatever the interval says.

    Examples
    --------
    >>> narrow, wide = Interval(0.02, 0.04, 0.9), Interval(0.02, 0.12, 0.9)
    >>> stand(0.03, narrow, cutoff_pd=0.08).recommendation, stand(0.05, wide, cutoff_pd=0.08).recommendation
    ('approve', 'refer')
    """
    if not interval.low <= pd <= interval.high:
        raise OutOfRange(f"the PD must lie in its interval {interval.low} to {interval.high}, found {pd}")
    if not 0.0 < cutoff_pd < 1.0:
        raise OutOfRange(f"cutoff_pd must lie strictly between 0 and 1, found {cutoff_pd}")
    if is_thin:
        return Standing(Stance.ABSTAIN, Ground.THIN_FILE, "refer")
    if interval.low <= cutoff_pd < interval.high:
        return Standing(Stance.ABSTAIN, Ground.STRADDLES_CUTOFF, "refer")
    return Standing(Stance.DECIDED, Ground.CLEAR, "approve" if pd <= cutoff_pd else "decline")
