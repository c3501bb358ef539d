"""The application: routes, pages, problems and the envelope around them, put together from the parts it is given."""

from collections.abc import Sequence
from pathlib import Path

from fastapi import Depends, FastAPI
from starlette.staticfiles import StaticFiles

from features.ledger import Ledger
from serving.access.sessions import Sessions
from serving.access.signing_keys import SigningKeys
from serving.access.tokens import Tokens
from serving.assess import scored_features
from serving.batches.worker import Worker
from serving.http.metrics import Metrics
from serving.http.middleware import Envelope
from serving.http.openapi import describe_api
from serving.http.problems import install_problem_handlers
from serving.pages import FOLDER
from serving.report.peers import Peers
from serving.routes import (
    batches,
    consent_pages,
    consents,
    decisions,
    desk,
    dispute_pages,
    disputes,
    documentation,
    evidence,
    health,
    histories,
    lookups,
    models,
    oauth,
    operations,
    pages,
    policies,
    report,
    scores,
    webhooks,
)
from serving.routes import bundle as bundle_route
from serving.service import Service, note_route
from serving.settings import ServiceSettings
from serving.store import Store
from serving.swap.exchange import Exchange
from serving.swap.holder import Holder
from serving.swap.shelf import Shelf
from training.bundle import ScoringBundle


def create_app(
    settings: ServiceSettings,
    bundle: ScoringBundle,
    ledger: Ledger,
    store: Store,
    keys: SigningKeys | None = None,
    shelf: Shelf | None = None,
    others: Sequence[ScoringBundle] = (),
    ledger_path: Path | None = None,
) -> FastAPI:
    """Put the application together.

    Without ``keys`` that are kept, its tokens end with the process, and documents it holds are not known again; without a ``shelf`` there
    is no other bundle to put in service, and without the ``ledger_path`` the ledger is stored at no row is corrected. ``others`` are asked
    whether advice holds under them too.

    Raises
    ------
    BundleInvalid
        A bundle scores features this version does not have.
    """
    for model in (bundle, *others):
        scored_features(model.names)
    app = FastAPI(
        title="Lianxin",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        dependencies=[Depends(note_route)],
    )
    keys = keys or SigningKeys.draw()
    tokens = Tokens(keys.token, settings.token_minutes)
    metrics = Metrics(bundle.version, bundle.content_hash)
    sessions, peers = Sessions(settings.session_minutes), Peers(bundle, ledger)
    app.state.service = Service(
        settings, bundle, ledger, store, sessions, tokens, metrics, keys, keys.salt, peers, tuple(others), ledger_path=ledger_path
    )
    app.state.holder = Holder(app)
    app.state.exchange = Exchange(app.state.holder, shelf or Shelf(Path("/nonexistent")))
    app.state.worker = Worker(app.state.exchange, store)
    of_suppliers = (scores, evidence, histories, decisions, policies, batches, consents, lookups, disputes, webhooks)
    every = (*of_suppliers, oauth, models, health, operations, bundle_route)
    for routes in (*every, report, pages, desk, consent_pages, dispute_pages, documentation):
        app.include_router(routes.router)
    app.mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")
    install_problem_handlers(app)
    app.add_exception_handler(pages.LoginNeeded, pages.lead_to_login)
    app.add_middleware(Envelope)
    app.openapi = lambda: describe_api(app)  # type: ignore[method-assign]
    return app
