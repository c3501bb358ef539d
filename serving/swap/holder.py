"""What do scores rest on at the moment? One bundle and one ledger that fit each other, exchanged as a whole.

A request takes the service once (`serving.service.service_of`) and works with it to its end, so an exchange in its midst changes nothing
for it and no answer mixes two models or two ledgers. What was exchanged lives on until the last request that holds it has ended.
"""

import threading
from dataclasses import replace

from fastapi import FastAPI, Request

from credit.errors import BundleInvalid, LianxinError
from features.ledger import Ledger
from serving.assess import assess
from serving.explain import warnings_of
from serving.http.languages import Language
from serving.report.peers import Peers
from serving.service import Service
from training.bundle import ScoringBundle


class Holder:
    """The one place where bundle or ledger of a running application are exchanged."""

    def __init__(self, app: FastAPI) -> None:
        """Hold the service the application was put together with."""
        self._app = app
        self._guard = threading.Lock()

    @property
    def current(self) -> Service:
        """The service as it is now; take it once and work with it to the end."""
        service: Service = self._app.state.service
        return service

    def exchange(self, *, bundle: ScoringBundle | None = None, ledger: Ledger | None = None) -> Service:
        """Put another bundle, another ledger or both in service, and return the service as it was before.

        Requests under way end with what they began with. Nothing is closed here: a ledger's files are let go with its last request.

        Raises
        ------
        BundleInvalid
            Bundle and ledger do not fit each other; what was in service stays.
        """
        with self._guard:
            before = self.current
            parts = bundle or before.bundle, ledger or before.ledger
            after = replace(before, bundle=parts[0], ledger=parts[1], peers=Peers(*parts))
            try_out(after.bundle, after.ledger)
            self._app.state.service = after
            after.metrics.model(after.bundle.version, after.bundle.content_hash)
        return before


def try_out(bundle: ScoringBundle, ledger: Ledger) -> None:
    """Score a supplier of the ledger by the bundle: it tells whether the two fit, and compiles and maps what a first score needs.

    Raises
    ------
    BundleInvalid
        They do not fit, or a part of the bundle that only a score reads is not sound.
    """
    supplier = str(ledger.supplier_ids[int(ledger.known_from.argmin())])
    try:
        assessment = assess(bundle, ledger, supplier, ledger.latest_as_of)
        for language in Language:
            warnings_of(bundle, ledger, assessment, language)
    except (LianxinError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise BundleInvalid(f"the bundle {bundle.content_hash[:12]} must score the ledger in service, found {error!r}"[:300]) from error


def holder_of(request: Request) -> Holder:
    """Return the holder of the application a request came to."""
    holder: Holder = request.app.state.holder
    return holder
