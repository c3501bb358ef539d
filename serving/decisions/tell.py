"""A decision in the words of one language: recommendation, rules, items and every line of the derivation."""

from uuid import UUID

from credit.collateral import ItemVerdict
from credit.decision import Decision, Terms
from credit.derivation import Line
from credit.rule import RuleFired
from serving.decisions.bodies import (
    ApplicationPart,
    DecisionBody,
    InputPart,
    ItemPart,
    LinePart,
    PayoutPart,
    PolicyPart,
    RecommendationPart,
    RulePart,
    StepBody,
    TermsPart,
    TopUpPart,
)
from serving.decisions.inputs import DecisionInputs
from serving.decisions.reading import KeptStepRow
from serving.explain import in_words
from serving.http.languages import Language
from serving.schemas import ScoreBody


def decision_body(score: ScoreBody, decision: Decision, inputs: DecisionInputs, language: Language) -> DecisionBody:
    """Return the body of a decision: the score's with its own id, and what was decided."""
    return DecisionBody(
        **dict(score) | {"id": UUID(decision.application_id), "score_id": score.id} | decision_parts(decision, inputs, language)
    )


def decision_parts(decision: Decision, inputs: DecisionInputs, language: Language) -> dict[str, object]:
    """Return the fields that a decision adds to its score's body."""
    request = inputs.application.request
    return {
        "application": ApplicationPart(
            product=decision.product, amount=request.amount, tenor_days=request.tenor_days, outstanding=request.outstanding
        ),
        "recommendation": _recommendation(decision),
        "rules_fired": [_rule(rule, language) for rule in decision.rules_fired],
        "items": [_item(item, language) for item in decision.items],
        "derivation": [_line(line, language) for line in decision.derivation],
        "policy": PolicyPart(id=decision.policy_id, version=decision.policy_version),
        "made_by": decision.made_by,
    }


def terms_part(terms: Terms) -> TermsPart:
    """Return terms as they are sent."""
    top_up = terms.top_up
    return TermsPart(
        limit=terms.limit,
        advance_rate=terms.advance_rate,
        annual_rate=terms.annual_rate,
        tenor_days=terms.tenor_days,
        expected_loss=terms.expected_loss,
        payouts=[PayoutPart(order=part.order, milestone=part.milestone, amount=part.amount) for part in terms.payouts],
        top_up=None
        if top_up is None
        else TopUpPart(
            initial_ltv=top_up.initial_ltv, call_value=top_up.call_value, sale_value=top_up.sale_value, answer_days=top_up.answer_days
        ),
    )


def step_body(decision_id: UUID, row: KeptStepRow) -> StepBody:
    """Return a kept step as it is sent."""
    step = row.step
    return StepBody(
        decision_id=decision_id,
        number=row.number,
        act=step.act if step else "recommend",
        by=row.person,
        at=row.at,
        reason=row.reason,
        outcome=step.outcome if step else None,
        terms=terms_part(step.terms) if step and step.terms else None,
        stage=row.stage,
        exposure=row.exposure,
    )


def _recommendation(decision: Decision) -> RecommendationPart:
    terms: dict[str, object] = dict.fromkeys(("limit", "advance_rate", "annual_rate", "tenor_days", "expected_loss", "top_up"))
    found = terms | {"payouts": []} if decision.terms is None else dict(terms_part(decision.terms))
    return RecommendationPart.model_validate({"outcome": decision.outcome, "product": decision.product, **found})


def _rule(rule: RuleFired, language: Language) -> RulePart:
    return RulePart(code=rule.code, effect=rule.effect, text=in_words((rule.zh, rule.en), language), source=rule.source)


def _item(item: ItemVerdict, language: Language) -> ItemPart:
    return ItemPart(
        number=item.number, amount=item.amount, is_eligible=item.is_eligible, rules=[_rule(rule, language) for rule in item.rules]
    )


def _line(line: Line, language: Language) -> LinePart:
    return LinePart(
        code=line.code,
        text=in_words((line.zh, line.en), language),
        operation=line.operation,
        formula=in_words((line.formula_zh, line.formula_en), language),
        inputs=[InputPart(code=term.code, value=term.value, unit=term.unit) for term in line.inputs],
        value=line.value,
        unit=line.unit,
        shown=in_words((line.shown_zh, line.shown_en), language),
        rule=line.rule,
        source=line.source,
    )
