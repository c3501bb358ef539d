"""Approve, refer or decline, and on which terms? The step of the walk that decides: a recommendation, worked out line by line."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any, assert_never

from credit.application import (
    Application,
    Product,
    PurchaseOrdersApplication,
    ReceivablesApplication,
    ScoredSupplier,
    StockApplication,
    Turnover,
    product_of,
)
from credit.collateral import Collateral, ItemVerdict
from credit.derivation import Line, Operation, Term
from credit.financing_policy import FinancingPolicy
from credit.limit import limit_of, tenor_of
from credit.price import rate_of
from credit.purchase_orders import Milestone, Payout, payouts, purchase_orders
from credit.receivables import receivables
from credit.risk import expected_loss, request_lines, risk, standing_rules, turnover_rules
from credit.rule import Effect, RuleFired, fire
from credit.stock import TopUpTerms, stock, top_up_terms
from credit.worksheet import Worksheet

DECISION_VERSION = "2026.11"
"""Which make of rules, formulas and words decided; raised with any change of code that moves a byte of a decision."""


class Recommendation(StrEnum):
    """What the bank is advised to do."""

    APPROVE = "approve"
    REFER = "refer"
    DECLINE = "decline"


@dataclass(frozen=True, slots=True)
class Terms:
    """What is recommended: limit and expected loss in fen, advance and yearly rate in ppm, tenor in days; payouts or top-up by product."""

    limit: int
    advance_rate: int
    annual_rate: int
    tenor_days: int
    expected_loss: int
    payouts: tuple[Payout, ...] = ()
    top_up: TopUpTerms | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A recommendation, its terms (None where it is a decline), the rules met, the verdict on each named thing, and every figure's line."""

    application_id: str
    supplier_id: str
    product: Product
    as_of: date
    outcome: Recommendation
    terms: Terms | None
    rules_fired: tuple[RuleFired, ...]
    items: tuple[ItemVerdict, ...]
    derivation: tuple[Line, ...]
    policy_id: str
    policy_version: str
    made_by: str = DECISION_VERSION

    def record(self) -> dict[str, Any]:
        """Return it as plain texts, whole numbers and lists: each line with its inputs' codes and values and its formula in words."""
        plain: dict[str, Any] = _plain(self)
        for line, found in zip(plain["derivation"], self.derivation, strict=True):
            line |= {"formula_zh": found.formula_zh, "formula_en": found.formula_en}
        return plain

    def canonical(self) -> bytes:
        """Return the bytes that stand for it, to be stored and compared with a replay: JSON, keys sorted, no float."""
        return json.dumps(self.record(), sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def decision_of(record: Mapping[str, Any]) -> Decision:
    """Return the decision a `record` was made of, as it was decided then; inputs of lines bear their codes as names, as in the record."""
    told = dict(record)
    told["product"], told["outcome"] = Product(told["product"]), Recommendation(told["outcome"])
    told["as_of"] = date.fromisoformat(told["as_of"])
    told["terms"] = None if told["terms"] is None else terms_of(told["terms"])
    told["rules_fired"] = tuple(_rule_of(rule) for rule in told["rules_fired"])
    told["items"] = tuple(ItemVerdict(i["number"], i["amount"], tuple(_rule_of(rule) for rule in i["rules"])) for i in told["items"])
    told["derivation"] = tuple(_line_of(line) for line in told["derivation"])
    return Decision(**told)


def terms_of(record: Mapping[str, Any]) -> Terms:
    """Return the terms a record holds."""
    payouts = tuple(Payout(part["order"], Milestone(part["milestone"]), part["amount"]) for part in record["payouts"])
    top_up = None if record["top_up"] is None else TopUpTerms(**record["top_up"])
    return Terms(**{**record, "payouts": payouts, "top_up": top_up})


def _rule_of(record: Mapping[str, Any]) -> RuleFired:
    return RuleFired(**{**record, "effect": Effect(record["effect"])})


def _line_of(record: Mapping[str, Any]) -> Line:
    inputs = tuple(Term(term["code"], term["value"], term["unit"], term["code"], term["code"]) for term in record["inputs"])
    plain = {name: record[name] for name in ("code", "zh", "en", "value", "unit", "rule", "source")}
    return Line(operation=Operation(record["operation"]), inputs=inputs, **plain)


def decide(application: Application, supplier: ScoredSupplier, turnover: Turnover, policy: FinancingPolicy) -> Decision:
    """Return the recommendation on an application.

    Parameters
    ----------
    application
        For receivables, purchase orders or stock.
    supplier
        Its score as of the application's date.
    turnover
        Its turnover before that date.
    policy
        In force on that date.

    Returns
    -------
    Decision
        A decline where some rule asks for it, with all reasons found; else refer where some rule asks for a person; else approve.
    """
    sheet = Worksheet(policy)
    product = product_of(application)
    requested, asked_tenor, owed = request_lines(application.request, sheet)
    fired = [*standing_rules(supplier, sheet), *turnover_rules(turnover, sheet)]
    collateral = _collateral(application, turnover, sheet)
    fired += collateral.fired
    if collateral.eligible.value == 0:
        fired.append(fire("NOTHING_ELIGIBLE"))
    if _declines(fired):
        return _decision(application, None, fired, collateral, sheet, policy)
    parts = risk(product, supplier, sheet)
    rate, over_ceiling = rate_of(product, parts, sheet)
    fired += over_ceiling
    if rate is None:
        return _decision(application, None, fired, collateral, sheet, policy)
    sized = limit_of(product, requested, owed, collateral, parts, sheet)
    fired += sized.fired
    if sized.limit is None:
        return _decision(application, None, fired, collateral, sheet, policy)
    tenor, shortened = tenor_of(product, asked_tenor, collateral, sheet)
    fired += shortened
    lost = expected_loss(sized.limit, tenor, parts, sheet)
    terms = Terms(sized.limit.value, sized.advance_rate.value, rate.value, tenor.value, lost.value)
    terms, conditions = _with_conditions(terms, application, collateral, sized.limit, sheet)
    return _decision(application, terms, [*fired, *conditions], collateral, sheet, policy)


def _collateral(application: Application, turnover: Turnover, sheet: Worksheet) -> Collateral:
    match application:
        case ReceivablesApplication():
            return receivables(application, sheet)
        case PurchaseOrdersApplication():
            return purchase_orders(application, turnover, sheet)
        case StockApplication():
            return stock(application, sheet)
        case _:
            assert_never(application)


def _with_conditions(
    terms: Terms, application: Application, collateral: Collateral, limit: Line, sheet: Worksheet
) -> tuple[Terms, list[RuleFired]]:
    """Add what belongs to the product: registration, payouts by milestone, top-up thresholds."""
    registry = "State Council Decision Guo Fa [2020] 18 on unified registration of security over movables and rights"
    match application:
        case ReceivablesApplication():
            return terms, [fire("REGISTER_PLEDGE", source=f"Civil Code, articles 445 and 768; {registry}")]
        case PurchaseOrdersApplication():
            return replace(terms, payouts=payouts(application, collateral, limit, sheet)), []
        case StockApplication():
            call = fire("TOP_UP", sheet.policy("stock.call_ltv"), sheet.policy("stock.top_up_days"))
            return replace(terms, top_up=top_up_terms(application, collateral, limit, sheet)), [
                fire("REGISTER_PLEDGE", source=f"{registry}; for legal review"),
                call,
            ]
        case _:
            assert_never(application)


def _plain(value: Any) -> Any:
    if isinstance(value, Term):
        return {"code": value.code, "value": value.value, "unit": value.unit}
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return value.isoformat() if isinstance(value, date) else value


def _declines(fired: Sequence[RuleFired]) -> bool:
    return any(rule.effect is Effect.DECLINE for rule in fired)


def _decision(
    application: Application,
    terms: Terms | None,
    fired: Sequence[RuleFired],
    collateral: Collateral,
    sheet: Worksheet,
    policy: FinancingPolicy,
) -> Decision:
    if terms is None:
        outcome = Recommendation.DECLINE
    else:
        outcome = Recommendation.REFER if any(rule.effect is Effect.REFER for rule in fired) else Recommendation.APPROVE
    return Decision(
        application_id=application.request.application_id,
        supplier_id=application.request.supplier_id,
        product=product_of(application),
        as_of=application.request.as_of,
        outcome=outcome,
        terms=terms,
        rules_fired=tuple(fired),
        items=collateral.items,
        derivation=sheet.lines,
        policy_id=policy.id,
        policy_version=policy.version,
    )
