"""What the service refuses beyond the refusals of the packages below it; the statuses stand in one table, `serving.http.problems`."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from credit.errors import LianxinError


class FieldError(NamedTuple):
    """One place in a body where a rule is broken: JSON pointer, the rule's code, and values of ours that its text mentions.

    Of the facts, ``key`` and ``line`` say where in a text within the body.
    """

    pointer: str
    code: str
    facts: Mapping[str, object] = MappingProxyType({})


class ServiceRefusal(LianxinError):
    """Root of the service's own refusals; ``facts`` are values of ours that may be shown, never the caller's input.

    ``errors`` say which rules are broken where.
    """

    errors: Sequence[FieldError] = ()

    def __init__(self, message: str = "", **facts: object) -> None:
        """Take a message for the log and facts for the caller."""
        super().__init__(message or type(self).__name__)
        self.facts = facts


class NotAuthenticated(ServiceRefusal):
    """No key, or none that is known and live."""


class KeyRefused(ServiceRefusal):
    """A key's name or prefix is not of the form they have, or no live key has the prefix."""


class TenantRefused(ServiceRefusal):
    """A tenant is not there, or there is one of that name already."""


class AuditRowUnknown(ServiceRefusal):
    """A tenant's chain has no score at that sequence."""


class ReplayRefused(ServiceRefusal):
    """An audit row names another bundle than the one at hand."""


class AuditBroken(ServiceRefusal):
    """A chain of the audit is not what it was, or a replay came out otherwise."""


class ScopeMissing(ServiceRefusal):
    """The key or token may not do this; ``scope`` among the facts is what it lacks."""


class RateLimited(ServiceRefusal):
    """The tenant asks more often than it may; ``seconds`` among the facts says how long to wait."""


class ConsentMissing(ServiceRefusal):
    """No live consent of the supplier for this bank and purpose, whether or not there is such a supplier."""


class ConsentUnknown(ServiceRefusal):
    """There is no consent of that id among those the caller may see."""


class BankUnknown(ServiceRefusal):
    """There is no open bank of that id."""


class TokenRefusal(ServiceRefusal):
    """Root of what the token endpoint refuses; the problem's code is the error of RFC 6749, section 5.2."""


class TokenRequestInvalid(TokenRefusal):
    """A parameter is missing, stands twice, or the credentials come in two ways."""


class ClientUnknown(TokenRefusal):
    """The client is not known, its secret is wrong, or its key has ended."""


class GrantTypeUnsupported(TokenRefusal):
    """Another grant than client credentials is asked for."""


class ScopeRefused(TokenRefusal):
    """A scope is asked for that the key does not have."""


class CrossSiteRefused(ServiceRefusal):
    """A form was sent from another site."""


class WebhookUrlRefused(ServiceRefusal):
    """A webhook's URL is not of the form that is sent to, or leads to an address that is not public."""


class WebhookUnknown(ServiceRefusal):
    """The tenant has no webhook of that id, or it is removed."""


class WebhooksTooMany(ServiceRefusal):
    """The tenant has as many webhooks as it may; ``limit`` among the facts says how many."""


class MessageUnknown(ServiceRefusal):
    """The webhook has no message of that id."""


class DisputeUnknown(ServiceRefusal):
    """There is no dispute of that id among those the caller may see, or it has no file."""


class DisputeDecided(ServiceRefusal):
    """The dispute is decided already, otherwise or by another."""


class RowUnknown(ServiceRefusal):
    """No such row went into the score."""


class CorrectionRefused(ServiceRefusal):
    """A decision brings no correction where it must or one where it must not, or one of another row, or one the ledger cannot take."""


class ScoreUnknown(ServiceRefusal):
    """There is no score of that id."""


class FeatureUnknown(ServiceRefusal):
    """The score does not rest on a feature of that name."""


class EvidenceWithheld(ServiceRefusal):
    """The rows are of a higher tier of data than the caller and the consent reach."""


class PdfNotAvailable(ServiceRefusal):
    """The part that makes PDFs, or a library of the system it needs, is not installed."""


class PrintReachedOut(ServiceRefusal):
    """A page to be printed asks for something to be fetched; a failure of ours."""


class DecisionUnknown(ServiceRefusal):
    """There is no decision of that id."""


class TierTooLow(ServiceRefusal):
    """The consent, or the bank's tier, does not reach what a decision is worked out from."""


class DocumentsTaken(ServiceRefusal):
    """What a proposal lends against is financed elsewhere meanwhile."""


class AsOfOutOfRange(ServiceRefusal):
    """The as-of date lies after the last day the ledger can answer for."""


class IdempotencyKeyMissing(ServiceRefusal):
    """A POST that creates something came without a usable Idempotency-Key."""


class IdempotencyKeyReused(ServiceRefusal):
    """The Idempotency-Key was used before with another body."""


class RequestInFlight(ServiceRefusal):
    """The first request of this Idempotency-Key is still being worked on."""


class BodyTooLarge(ServiceRefusal):
    """The body is longer than the cap."""


class MediaTypeRefused(ServiceRefusal):
    """The body is not announced as plain JSON in UTF-8, or is encoded."""


class BodyNotJson(ServiceRefusal):
    """The body is not JSON as RFC 8259 has it, or goes beyond what the service reads; ``code`` says how."""

    def __init__(self, code: str) -> None:
        """Take the stable code of the rule."""
        super().__init__(code)
        self.code, self.errors = code, [FieldError("", code)]


class HistoryInvalid(ServiceRefusal):
    """Rows of a history that was handed over break rules of the data contract; ``found`` among the facts says how many."""

    def __init__(self, errors: Sequence[FieldError], **facts: object) -> None:
        """Take pointers to the rows with the rules they break."""
        super().__init__(f"{len(errors)} faults shown, the first {errors[0][1]}", **facts)
        self.errors = errors


class PolicyFaulty(ServiceRefusal):
    """A policy's text has faults; ``errors`` names them."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        """Take the faults."""
        super().__init__(f"{len(errors)} faults, the first {errors[0].code}", found=len(errors))
        self.errors = errors


class PolicyUnknown(ServiceRefusal):
    """There is no policy of that id among the bank's own."""


class SimulationUnknown(ServiceRefusal):
    """There is no simulation of that id of that policy."""


class SimulationNeeded(ServiceRefusal):
    """A policy is to be put in force, and the simulation that is named is none of it."""


class SimulationOutdated(ServiceRefusal):
    """The day a simulation was made for has passed, or it compared with another policy than the one that would hold by then."""


class HistoryTooSlow(ServiceRefusal):
    """A history could not be worked through in the ``seconds`` allowed."""


class HistoriesBusy(ServiceRefusal):
    """As many histories are being read as may be at a time; ``seconds`` among the facts says when to come again."""


class BundleRefusal(ServiceRefusal):
    """Root of why a bundle is not put in service; the message is for the operator's log and history."""


class BundleUnknown(BundleRefusal):
    """No bundle of that name lies where the service looks for them."""


class BundleNotTrusted(BundleRefusal):
    """Hash, signature or signer are not what they must be; nothing of it was parsed."""


class BundleUnusable(BundleRefusal):
    """The bundle is what was released and cannot score: damaged text, golden rows that do not come out, another catalogue."""


class ExchangeUnderWay(BundleRefusal):
    """Another bundle is being tried at this moment."""


class BatchUnreadable(ServiceRefusal):
    """An upload cannot be read as a batch; ``code`` says why."""

    def __init__(self, code: str, **facts: object) -> None:
        """Take the stable code of the rule, and facts its words mention."""
        super().__init__(code, **facts)
        self.code, self.errors = code, [FieldError("", code, facts)]


class BatchUnknown(ServiceRefusal):
    """There is no batch of that id."""


class BatchUnfinished(ServiceRefusal):
    """Some rows of the batch are not done yet."""


class BatchFailed(ServiceRefusal):
    """The batch could not be finished; its ``failed_code`` says why."""


class TooManyBatches(ServiceRefusal):
    """So many batches of the tenant have not ended."""
