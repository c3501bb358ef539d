"""The application: routes, pages, problems and the envelope around them, put together from the parts it is given."""

from fastapi import Depends, FastAPI
from starlette.staticfiles import StaticFiles

from features.ledger import Ledger
from serving.assess import scored_features
from serving.middleware import Envelope
from serving.openapi import describe_api
from serving.pages import FOLDER
from serving.problems import install_problem_handlers
from serving.routes import documentation, health, models, pages, scores
from serving.service import Service, note_route
from serving.sessions import Sessions
from serving.settings import ServiceSettings
from serving.store import Store
from training.bundle import ScoringBundle


def create_app(settings: ServiceSettings, bundle: ScoringBundle, ledger: Ledger, store: Store) -> FastAPI:
    """Put the application together.

    Raises
    ------
    BundleInvalid
        The bundle scores features this version does not have.
    """
    scored_features(bundle.names)
    app = FastAPI(
        title="Lianxin",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        dependencies=[Depends(note_route)],
    )
    app.state.service = Service(settings, bundle, ledger, store, Sessions(settings.session_minutes))
    for routes in (scores, models, health, pages, documentation):
        app.include_router(routes.router)
    app.mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")
    install_problem_handlers(app)
    app.add_exception_handler(pages.LoginNeeded, pages.lead_to_login)
    app.add_middleware(Envelope)
    app.openapi = lambda: describe_api(app)  # type: ignore[method-assign]
    return app
