"""Did the supplier turn out good or bad? One label from the worst days past due in the performance window."""

from dataclasses import dataclass
from enum import StrEnum

from credit.errors import OutOfRange, PolicyInvalid
from credit.policy import Policy


class Outcome(StrEnum):
    """What became of a supplier after an as-of date; y = 1 is bad."""

    GOOD = "good"
    BAD = "bad"
    INDETERMINATE = "indeterminate"


@dataclass(frozen=True, slots=True)
class OutcomePolicy:
    """The numbers of the outcome, all in days."""

    default_dpd: int = 90
    indeterminate_dpd: int = 30
    performance_days: int = 365
    drawn_within_days: int = 90

    def __post_init__(self) -> None:
        """Refuse bounds that do not rise or windows without days."""
        if not 0 < self.indeterminate_dpd < self.default_dpd:
            raise PolicyInvalid(
                f"indeterminate_dpd must lie between 0 and default_dpd, found {self.indeterminate_dpd} and {self.default_dpd}"
            )
        if self.performance_days < 1 or not 0 <= self.drawn_within_days <= self.performance_days:
            raise PolicyInvalid(
                "performance_days must be at least 1 and drawn_within_days within it, "
                f"found {self.performance_days} and {self.drawn_within_days}"
            )

    @classmethod
    def from_policy(cls, policy: Policy) -> "OutcomePolicy":
        """Read the outcome from the policy `outcome`."""
        return cls(
            default_dpd=policy.whole("default_dpd"),
            indeterminate_dpd=policy.whole("indeterminate_dpd"),
            performance_days=policy.whole("performance_days"),
            drawn_within_days=policy.whole("drawn_within_days"),
        )


def classify(*, days_past_due: int, seen_to_end: bool, repaid_in_full: bool, policy: OutcomePolicy) -> Outcome | None:
    """Return the label of one supplier and as-of date, or None where there is none.

    Parameters
    ----------
    days_past_due
        Worst calendar days past due of any instalment on any day of the window that was seen; 0 where none was late.
    seen_to_end
        The data reach the last day of the window.
    repaid_in_full
        Every loan that counts was repaid, so nothing more can happen to it.
    policy
        The bounds in force.

    Notes
    -----
    Bad is final as soon as it is reached. Indeterminate and good are not, before the window ends or the loans are
    repaid: thirty days late may still become ninety.

    Examples
    --------
    >>> classify(days_past_due=95, seen_to_end=False, repaid_in_full=False, policy=OutcomePolicy())
    <Outcome.BAD: 'bad'>
    >>> classify(days_past_due=45, seen_to_end=False, repaid_in_full=False, policy=OutcomePolicy()) is None
    True
    """
    if days_past_due < 0:
        raise OutOfRange(f"days_past_due must be 0 or more, found {days_past_due}")
    if days_past_due >= policy.default_dpd:
        return Outcome.BAD
    if not (seen_to_end or repaid_in_full):
        return None
    return Outcome.INDETERMINATE if days_past_due >= policy.indeterminate_dpd else Outcome.GOOD
