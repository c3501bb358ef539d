"""Until when may a score be used? So many days after its own, by dated policy: what happened since is not in it."""

from datetime import date, timedelta

from credit.errors import PolicyInvalid
from credit.policy import Policy


def valid_until(as_of: date, policy: Policy) -> date:
    """Return the last day on which a score as of a day may be used; raises `PolicyInvalid` where the policy's days are below 0.

    Parameters
    ----------
    as_of
        The score's day: what was known before it is in it.
    policy
        `validity`, with ``score_days`` in calendar days.
    """
    days = policy.whole("score_days")
    if days < 0:
        raise PolicyInvalid(f"policy {policy.id!r} of {policy.version}: score_days must not be below 0, found {days}: correct the policy")
    return as_of + timedelta(days=days)
