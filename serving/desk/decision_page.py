"""What a decision's page shows: the decision in the reader's language, and what a person can do with it now."""

import json
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from credit.decision import Recommendation
from credit.errors import OutOfRange
from credit.money import fen, ppm
from credit.referral import Act, Stage
from serving.decisions.reading import DecisionFile
from serving.decisions.requests import StepRequest
from serving.decisions.tell import decision_parts
from serving.http.languages import Language

_TERMS: Final = ("limit", "advance_rate", "annual_rate", "tenor_days")
_OFFERED: Final[Mapping[Stage, tuple[Act, ...]]] = MappingProxyType(
    {
        Stage.RECOMMENDED: (Act.ACCEPT, Act.PROPOSE, Act.REFER, Act.WITHDRAW),
        Stage.REFERRED: (Act.PROPOSE, Act.WITHDRAW),
        Stage.PROPOSED: (Act.CONFIRM, Act.REJECT, Act.WITHDRAW),
        Stage.ACCEPTED: (Act.TAKE, Act.WITHDRAW),
        Stage.OVERRIDDEN: (Act.TAKE, Act.WITHDRAW),
        Stage.TAKEN: (Act.REPAY,),
    }
)
"""What a page offers where; `credit.referral` has the last word on each."""


def sheet_of(file: DecisionFile, language: Language) -> Mapping[str, Any]:
    """Return what was decided as the page shows it: the answer as it was given, or told again in the other language."""
    if file.language == language.value:
        told: dict[str, Any] = json.loads(file.body)
        return told
    parts = decision_parts(file.decision, file.inputs, language)
    return {name: _plain(part) for name, part in parts.items()}


def offered(file: DecisionFile) -> tuple[Act, ...]:
    """Return the steps a page offers now."""
    acts = _OFFERED.get(file.case.stage, ())
    is_lent = file.case.outcome is Recommendation.APPROVE
    return tuple(act for act in acts if act is not Act.TAKE or is_lent)


def step_of(form: Mapping[str, str]) -> tuple[StepRequest | None, str | None]:
    """Return the step a form asks for, or the field that is wrong; amounts are typed in yuan, rates in percent."""
    told: dict[str, Any] = {"act": form.get("act", ""), "reason": form.get("reason", "").strip()}
    try:
        told["act"] = Act(told["act"])
        if told["act"] is Act.PROPOSE:
            told["outcome"] = form.get("outcome", "")
            if told["outcome"] == "approve":
                told["terms"] = _terms(form)
        return StepRequest.model_validate(told), None
    except (OutOfRange, ArithmeticError, ValueError) as error:
        if isinstance(error, ValidationError):
            path = [str(part) for part in error.errors(include_input=False, include_context=False)[0]["loc"]]
            return None, next((part for part in reversed(path) if part in (*_TERMS, "reason", "outcome")), "outcome")
        return None, str(error.args[0]) if error.args and error.args[0] in _TERMS else "act"


def _terms(form: Mapping[str, str]) -> dict[str, int]:
    """Return the terms typed in; raises `ValueError` with the field's name where one cannot be read."""
    terms: dict[str, int] = {}
    for name in _TERMS:
        text = form.get(name, "").replace(",", "").strip().rstrip("%")
        try:
            match name:
                case "limit":
                    terms[name] = fen(text)
                case "tenor_days":
                    terms[name] = int(text)
                case _:
                    terms[name] = ppm(Decimal(text) / 100)
        except (OutOfRange, ArithmeticError, ValueError):
            raise ValueError(name) from None
    return terms


def _plain(part: object) -> Any:
    """Return bodies as plain values, as they are told over the wire."""
    if isinstance(part, BaseModel):
        return part.model_dump(mode="json")
    return [_plain(each) for each in part] if isinstance(part, list) else part
