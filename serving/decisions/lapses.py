"""Decisions that nobody took up in time lapse: a step of their own, and other banks may finance the documents again."""

from sqlalchemy import text

from serving.decisions.steps import let_lapse
from serving.service import Service
from serving.store import enter

_DUE = text("SELECT tenant_id, decision_id FROM lapsed_decisions(:today)")


def lapse_due(service: Service) -> bool:
    """Let the decisions lapse whose last day has passed, each in a transaction of its own; True where there was one."""
    today, found = service.today, False
    with service.store.engine.begin() as connection:
        due = connection.execute(_DUE, {"today": today}).all()
    for tenant_id, decision_id in due:
        with service.store.engine.begin() as connection:
            enter(connection, tenant_id)
            lapsed = let_lapse(connection, tenant_id, decision_id, today)
        if lapsed:
            service.metrics.step("lapse")
        found = found or lapsed
    return found
