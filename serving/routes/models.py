"""Models: which one scores at the moment."""

from fastapi import APIRouter, Request

from serving.explain import in_words, model_part
from serving.problems import language_of
from serving.schemas import CurrentModel, GradeBand
from serving.service import CallerIn, InService, Service

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("/current", response_model=CurrentModel, summary="The model in service")
def read_current_model(request: Request, service: InService, caller: CallerIn) -> CurrentModel:
    """Return the model that scores at the moment, the measures recorded when it was trained, its scale and its grades."""
    return current_model(service, request)


def current_model(service: Service, request: Request) -> CurrentModel:
    """Describe the bundle in service in the language of the request."""
    bundle, language = service.bundle, language_of(request)
    grades = [
        GradeBand(name=grade.name, label=in_words((grade.label_zh, grade.label_en), language), pd_from=grade.pd_from, pd_to=grade.pd_to)
        for grade in bundle.grades.grades
    ]
    approved_by = bundle.release.get("approved_by")
    return CurrentModel(
        **dict(model_part(bundle)),
        signed_by=bundle.signed_by,
        approved_by=None if approved_by is None else str(approved_by),
        features=len(bundle.names),
        base_score=bundle.scale.base_score,
        base_odds=bundle.scale.base_odds,
        pdo=bundle.scale.pdo,
        grades=grades,
        measures=dict(bundle.model.get("measures", {})),
        latest_as_of=service.ledger.latest_as_of,
    )
