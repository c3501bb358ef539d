"""What the product refuses, and why: one root, one name per refusal.

A message says the rule, what was found, where, and what to do next. A decline or a set-aside row is a result, never an error.
"""


class LianxinError(Exception):
    """Root of every refusal. A door shows its message as it stands and no traceback."""


class OutOfRange(LianxinError):
    """A number lies outside the domain in which its formula holds."""


class NoPolicyInForce(LianxinError):
    """No version of a dated policy had begun on the day that was asked for."""


class PolicyInvalid(LianxinError):
    """A policy text breaks a rule of its own form."""


class ApplicationInvalid(LianxinError):
    """An application contradicts itself, or names a thing twice."""


class StepNotAllowed(LianxinError):
    """A referral or an override may not take this step: from this state, by this person, or to these terms."""


class SecondPersonNeeded(StepNotAllowed):
    """A proposal is confirmed or refused by another person than the one who made it."""


class ReasonMissing(StepNotAllowed):
    """A step's reason says too little."""


class TermsOutOfBounds(StepNotAllowed):
    """No person may grant these terms: beyond the statute, or against what is financed elsewhere."""


class TableUnreadable(LianxinError):
    """A table cannot be read at all, lacks a required column, or loses more rows than the stated share."""


class CannotWrite(LianxinError):
    """A result cannot be written where it was asked for."""


class LedgerUnreadable(LianxinError):
    """A stored ledger is missing, of another version, or does not match its manifest."""


class UnknownSupplier(LianxinError):
    """The supplier does not stand in the ledger, or was not yet known at the as-of date."""


class NotEnoughHistory(LianxinError):
    """The data do not span enough time, or hold too few outcomes, for what was asked."""


class TrainingFailed(LianxinError):
    """A model could not be fitted or recorded."""


class GateFailed(LianxinError):
    """A gate before release is not met."""


class ApprovalInvalid(LianxinError):
    """An approval is not a valid signature of a listed approver over this model, its dossier and its gates."""


class BundleTampered(LianxinError):
    """A bundle's content does not match its manifest or its signature."""


class BundleInvalid(LianxinError):
    """A bundle is untampered but cannot be used: wrong version, missing part, or golden rows that do not come out."""


class ServiceUnavailable(LianxinError):
    """The service or its database could not be started or reached."""
