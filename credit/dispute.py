"""By when is a dispute answered? Calendar days from its receipt, by dated policy.

The day of receipt does not count and the last day counts to its end (Civil Code of the People's Republic of China, articles 201 and 203).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

from credit.errors import PolicyInvalid
from credit.policy import Policy


@dataclass(frozen=True, slots=True)
class DisputePolicy:
    """``answer_days`` are calendar days, above 0; ``version`` is the day the policy began."""

    answer_days: int
    version: str

    @classmethod
    def from_policy(cls, policy: Policy) -> Self:
        """Read the policy in force; raises `PolicyInvalid` where the days are not above 0."""
        days = policy.whole("answer_days")
        if days < 1:
            raise PolicyInvalid(f"policy {policy.id!r} of {policy.version}: answer_days must be above 0, found {days}: correct the policy")
        return cls(days, policy.version)

    def due_on(self, received_on: date) -> date:
        """Return the last day on which the answer is in time.

        Examples
        --------
        >>> DisputePolicy(20, "2013-03-15").due_on(date(2026, 11, 22))
        datetime.date(2026, 12, 12)
        """
        return received_on + timedelta(days=self.answer_days)
