"""What does each page cost the server, and what does it weigh with all it loads?

    python -m benchmarks.pages [--bundle work/demo/bundle] [--ledger work/demo/ledger] [--suppliers 20] [--only NAME]

The real application with its embedded PostgreSQL in this process, ready as after its start. A page is asked for about so many
suppliers, one after the other, in both languages, so that no answer is a repetition; pages that are of no supplier are asked for as
often. Milliseconds are CPU of this process, the client's among them and PostgreSQL's not, for the first answer, the median and the
worst; wall time is what passed at the median. Bytes are those sent: the page, its styles, its script.
"""

import argparse
import asyncio
import copy
import re
import shutil
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from features.columns import Tier
from features.store import open_ledger
from serving.access.keys import create_api_key
from serving.access.tenants import create_bank, create_supplier, record_consents
from serving.app import create_app
from serving.database.postgres import EmbeddedPostgres
from serving.database.roles import APP_ROLE
from serving.database.upgrade import upgrade_tables
from serving.http.logs import log_to
from serving.schemas import Purpose
from serving.server import settled, work_ahead
from serving.settings import ServiceSettings
from serving.store import Store
from training.bundle import ScoringBundle

BANK = "Bank"
FEATURE = "fulfilment_late_ratio_90d"
POLICY = 'bank = "Bank"\n[receivables.top_advance_rate]\nvalues = [{ from = 2020-01-01, value = 0.7, source = "minutes" }]\n'
Paths = Callable[[str], str]


class Caller:
    """Somebody who asks the application in this process; cookies are kept, redirects are not followed."""

    def __init__(self, app: Any, headers: dict[str, str]) -> None:
        """Ask with these headers."""
        self.app, self.headers, self.cookies = app, headers, httpx.Cookies()

    def ask(self, method: str, path: str, *, headers: dict[str, str] | None = None, **sent: Any) -> httpx.Response:
        """Send a request and return the answer."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", cookies=self.cookies) as client:
                answer = await client.request(method, path, headers=self.headers | (headers or {}), **sent)
                self.cookies = client.cookies
                return answer

        return asyncio.run(send())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundle", type=Path, default=Path("work/demo/bundle"))
    parser.add_argument("--ledger", type=Path, default=Path("work/demo/ledger"))
    parser.add_argument("--suppliers", type=int, default=20)
    parser.add_argument("--only", default="", help="pages whose name has this in it")
    chosen = parser.parse_args()
    with service(chosen.bundle, chosen.ledger) as (app, owner, names):
        suppliers = names[:: max(len(names) // chosen.suppliers, 1)][: chosen.suppliers]
        officer, login = make_history(app, owner, suppliers)
        print(f"{'page':18} {'first ms':>9} {'median ms':>9} {'worst ms':>9} {'wall ms':>9} {'bytes':>9}")
        for name, (client, path) in pages(officer, login, suppliers).items():
            if chosen.only not in name:
                continue
            measure(name, client, path, suppliers if client is officer else [suppliers[0]] * len(suppliers))


@contextmanager
def service(bundle: Path, ledger: Path) -> Iterator[tuple[Any, Store, list[str]]]:
    """Open the application as `lianxin serve` does, its work ahead done."""
    model, facts = ScoringBundle.load(bundle), open_ledger(ledger)
    folder = Path(tempfile.mkdtemp(prefix="lianxin-pages-"))
    folder.chmod(0o711)
    try:
        with EmbeddedPostgres(folder / "pg") as postgres, (folder / "log").open("w", encoding="utf-8") as stream:
            log_to(stream)
            upgrade_tables(postgres.owner_url(), APP_ROLE)
            owner, store = Store.open(postgres.owner_url()), Store.open(postgres.app_url())
            settings = ServiceSettings(rate_burst=1_000_000, rate_per_second=100_000)
            app = create_app(settings, model, facts, store)
            work_ahead(app.state.service)
            with settled():
                yield app, owner, [str(each) for each, known in zip(facts.supplier_ids, facts.known_from, strict=True) if known < 2**31 - 1]
            store.close()
            owner.close()
    finally:
        shutil.rmtree(folder)


def make_history(app: Any, owner: Store, suppliers: list[str]) -> tuple[Caller, Caller]:
    """Score, decide, hand in a policy, dispute: so that no page is empty; return the browsers of a bank and a supplier."""
    bank = create_bank(owner, BANK, Tier.RESTRICTED)
    record_consents(owner, BANK, suppliers, list(Purpose), datetime.now(UTC) + timedelta(days=9))
    key, own = create_api_key(owner, bank, "desk"), create_api_key(owner, create_supplier(owner, suppliers[0]), "login")
    paths = app.openapi()["paths"]
    asked = paths["/v1/decisions"]["post"]["requestBody"]["content"]["application/json"]["example"]
    api = Caller(app, {"X-API-Key": key})
    for each in suppliers:
        for back in (0, 92):
            day = app.state.service.ledger.latest_as_of - timedelta(days=back)
            _post(api, "/v1/scores", {"supplier_id": each, "purpose": "portfolio_review", "as_of": day.isoformat()})
        told = copy.deepcopy(asked) | {"supplier_id": each}
        for number, item in enumerate(told.get("invoices", [])):
            item["number"] = f"{each}-{number}"
        _post(api, "/v1/decisions", told)
    policy = _post(api, "/v1/policies", {"toml": POLICY})
    _post(api, f"/v1/policies/{policy['id']}/simulation", {})
    return _browser(app, key), _browser(app, own)


def pages(officer: Caller, login: Caller, suppliers: list[str]) -> dict[str, tuple[Caller, Paths]]:
    """Return every page: who opens it, and its address for a supplier."""
    first = suppliers[0]
    queue = officer.ask("GET", "/desk/queue").text + officer.ask("GET", f"/desk/suppliers/{first}").text
    decision = re.findall(r'href="(/desk/decisions/[^"]+)"', queue)[0]
    policy = re.findall(r'href="(/desk/policies/[^"?]+)"', officer.ask("GET", "/desk/policies").text)[0]
    simulation = re.findall(rf'href="({policy}/simulations/[^"]+)"', officer.ask("GET", policy).text)[0]
    consent = re.findall(r'href="(/consents/[^"?]+)', login.ask("GET", "/consents").text)[0]

    def at(path: str) -> Paths:
        return lambda supplier: path.replace("SUPPLIER", supplier)

    return {
        "report, a bank's": (officer, at("/report/SUPPLIER")),
        "report, its own": (login, at("/report/SUPPLIER")),
        "rows": (officer, at(f"/evidence/{FEATURE}/SUPPLIER")),
        "consents": (login, at("/consents")),
        "consent": (login, at(consent)),
        "disputes": (login, at("/disputes")),
        "dispute form": (login, at("/disputes/new")),
        "start": (login, at("/")),
        "login": (login, at("/login")),
        "documentation": (login, at("/docs")),
        "portfolio": (officer, at("/desk")),
        "file": (officer, at("/desk/suppliers/SUPPLIER")),
        "what if": (officer, at("/desk/suppliers/SUPPLIER/what-if?late=50")),
        "application": (officer, at("/desk/suppliers/SUPPLIER/apply")),
        "queue": (officer, at("/desk/queue")),
        "decision": (officer, at(decision)),
        "policies": (officer, at("/desk/policies")),
        "policy": (officer, at(policy)),
        "simulation": (officer, at(simulation)),
        "batches": (officer, at("/desk/batches")),
    }


def measure(name: str, client: Caller, path: Paths, suppliers: list[str]) -> None:
    """Ask for a page in both languages, about one supplier after another, and print what it took."""
    cpu, wall, weight = [], [], 0
    for supplier in suppliers:
        for language in ("zh", "en"):
            at = path(supplier)
            began, at_began = time.process_time(), time.perf_counter()
            answer = client.ask("GET", f"{at}{'&' if '?' in at else '?'}lang={language}")
            cpu.append((time.process_time() - began) * 1e3)
            wall.append((time.perf_counter() - at_began) * 1e3)
            if answer.status_code != 200:
                raise SystemExit(f"{name}: {answer.status_code} at {at}")
            weight = max(weight, _weight(client, answer))
    print(f"{name:18} {cpu[0]:9.0f} {statistics.median(cpu):9.0f} {max(cpu):9.0f} {statistics.median(wall):9.0f} {weight:9,}")


def _weight(client: Caller, answer: Any) -> int:
    """Return the bytes sent for a page and for each thing it loads."""
    loaded = re.findall(r'(?:<link rel="(?:icon|stylesheet)" href|<script src|<img src)="(/static/[^"]+)"', answer.text)
    parts = [answer, *(client.ask("GET", each) for each in dict.fromkeys(loaded))]
    return sum(int(part.headers["content-length"]) for part in parts)


def _post(client: Caller, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = client.ask("POST", path, json=body, headers={"Idempotency-Key": uuid.uuid4().hex})
    if answer.status_code != 201:
        raise SystemExit(f"{path}: {answer.status_code} {answer.text}")
    told: dict[str, Any] = answer.json()
    return told


def _browser(app: Any, key: str) -> Caller:
    browser = Caller(app, {"Accept": "text/html"})
    browser.ask("POST", "/login", data={"key": key})
    return browser


if __name__ == "__main__":
    main()
