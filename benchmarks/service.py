"""What does a scored, explained request cost the server, beside a bare ping in the same server?

    python -m benchmarks.service [--bundle work/bundle] [--ledger work/ledger] [--rounds 5] [--requests 300] [--only http|model]

The server is a process of its own on one core, the loader on the other, over one connection that is kept. What is counted is CPU seconds:
of the server's process, and of PostgreSQL's. Three paths of one server, interleaved in rounds:

- ``ping``: a bare FastAPI application's ``async def`` that answers one field;
- ``bare``: the same bare application, features, score, explanation and body made, nothing else;
- ``full``: POST /v1/scores of the product: key, rate limit, consent, Idempotency-Key, score, audit row, durable commit.

Every answer's points are compared with those made in this process. The model alone is measured beside shap.TreeExplainer on the same trees,
its margins compared with ours. Figures are medians of the rounds.
"""

import argparse
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from features.build import build_features
from features.ledger import Ledger
from features.store import open_ledger
from serving.assess import assess, scored_features
from training.bundle import ScoringBundle

PINGS = 10
"""So many pings for one scored request, so that both are measured over like times."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundle", type=Path, default=Path("work/bundle"))
    parser.add_argument("--ledger", type=Path, default=Path("work/ledger"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--only", choices=("http", "model"))
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve is not None:
        serve(chosen.bundle, chosen.ledger, chosen.serve)
        return
    bundle, ledger = ScoringBundle.load(chosen.bundle), open_ledger(chosen.ledger)
    print(f"model: {bundle.content['model.txt'].count(b'Tree=')} trees, {len(bundle.names)} features; {len(ledger.supplier_ids)} suppliers")
    if chosen.only != "model":
        measure_http(chosen, bundle, ledger)
    if chosen.only != "http":
        measure_model(bundle, ledger, chosen.rounds)


def serve(bundle: Path, ledger: Path, data: Path) -> None:
    """Run the server of the benchmark on the first core; prints its port, keys and processes when it answers."""
    from datetime import UTC, datetime, timedelta

    import uvicorn

    from features.columns import Tier
    from serving.access.keys import create_api_key
    from serving.access.tenants import create_bank, record_consents
    from serving.app import create_app
    from serving.database.postgres import EmbeddedPostgres
    from serving.database.roles import APP_ROLE
    from serving.database.upgrade import upgrade_tables
    from serving.http.logs import log_to
    from serving.schemas import Purpose
    from serving.server import listen, settled
    from serving.settings import ServiceSettings
    from serving.store import Store

    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    model, facts = ScoringBundle.load(bundle), open_ledger(ledger)
    with EmbeddedPostgres(data) as postgres, (data.parent / "log").open("w", encoding="utf-8") as stream:
        log_to(stream)
        upgrade_tables(postgres.owner_url(), APP_ROLE)
        owner, store = Store.open(postgres.owner_url()), Store.open(postgres.app_url())
        bank = create_bank(owner, "Bank", Tier.RESTRICTED)
        record_consents(owner, "Bank", [str(each) for each in facts.supplier_ids], list(Purpose), datetime.now(UTC) + timedelta(days=9))
        key = create_api_key(owner, bank, "bench")
        settings = ServiceSettings(rate_burst=1_000_000, rate_per_second=100_000)
        product, bare = create_app(settings, model, facts, store), bare_app(model, facts)

        async def route(scope: Any, receive: Any, send: Any) -> None:
            await (product if scope["path"].startswith("/v1/") else bare)(scope, receive, send)

        server = uvicorn.Server(uvicorn.Config(route, log_config=None, access_log=False, lifespan="off", server_header=False))
        with listen("127.0.0.1", 0) as listener:
            print(json.dumps({"port": listener.getsockname()[1], "key": key, "postgres": postgres.pid}), flush=True)
            with settled():
                server.run(sockets=[listener])


def bare_app(bundle: ScoringBundle, ledger: Ledger) -> Any:
    """Return an application with nothing around its two answers."""
    from fastapi import FastAPI, Response

    from serving.explain import Occasion, score_body
    from serving.http.languages import Language
    from serving.schemas import Purpose
    from serving.scoring import body_bytes

    app = FastAPI(openapi_url=None)

    @app.get("/ping")
    async def ping() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/bare/{supplier_id}")
    async def bare(supplier_id: str) -> Response:
        found = assess(bundle, ledger, supplier_id, ledger.latest_as_of)
        occasion = Occasion(uuid.uuid4(), "none", Purpose.CREDIT_APPLICATION, Language.EN)
        return Response(body_bytes(score_body(bundle, ledger, found, occasion)), media_type="application/json")

    return app


def measure_http(chosen: argparse.Namespace, bundle: ScoringBundle, ledger: Ledger) -> None:
    """Drive the server in interleaved rounds and print CPU per request."""
    suppliers = [str(each) for each, first in zip(ledger.supplier_ids, ledger.known_from.tolist(), strict=True) if first < 2**31][:200]
    suppliers = [each for each in suppliers if _is_known(bundle, ledger, each)]
    points = {each: assess(bundle, ledger, each, ledger.latest_as_of).score.points for each in suppliers}
    folder = Path(tempfile.mkdtemp(prefix="lianxin-bench-"))
    folder.chmod(0o711)
    command = [sys.executable, "-m", "benchmarks.service", "--serve", str(folder / "pg")]
    command += ["--bundle", str(chosen.bundle), "--ledger", str(chosen.ledger)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        line = http.client.HTTPConnection("127.0.0.1", told["port"], timeout=60)
        ways = {"ping": _ping, "bare": _bare, "full": _full(told["key"])}
        for way in ways.values():  # compiles, maps, connects
            for each in suppliers[:20]:
                way(line, each, points)
        spent: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for number in range(chosen.rounds):
            for name, way in ways.items():
                count = chosen.requests * (PINGS if name == "ping" else 1)
                before = _cpu(process.pid), _cpu_tree(told["postgres"])
                for place in range(count):
                    way(line, suppliers[(place + number) % len(suppliers)], points)
                after = _cpu(process.pid), _cpu_tree(told["postgres"])
                spent[name].append(((after[0] - before[0]) / count * 1e3, (after[1] - before[1]) / count * 1e3))
    finally:
        process.terminate()
        process.wait(timeout=60)
        shutil.rmtree(folder)
    ping = statistics.median(server for server, _ in spent["ping"])
    for name, rounds in spent.items():
        server, database = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratios = [one[0] / base[0] for one, base in zip(rounds, spent["ping"], strict=True)]
        print(
            f"{name:5} server {server:6.3f} ms CPU, {server / ping:5.1f} pings (rounds {min(ratios):.1f} to {max(ratios):.1f}); "
            f"PostgreSQL {database:5.3f} ms"
        )


Way = Callable[[http.client.HTTPConnection, str, dict[str, float]], None]


def _is_known(bundle: ScoringBundle, ledger: Ledger, supplier: str) -> bool:
    from credit.errors import UnknownSupplier

    try:
        assess(bundle, ledger, supplier, ledger.latest_as_of)
    except UnknownSupplier:
        return False
    return True


def _ping(line: http.client.HTTPConnection, supplier: str, points: dict[str, float]) -> None:
    line.request("GET", "/ping")
    if line.getresponse().read() != b'{"status":"alive"}':
        raise SystemExit("the ping was not answered")


def _bare(line: http.client.HTTPConnection, supplier: str, points: dict[str, float]) -> None:
    line.request("GET", f"/bare/{supplier}")
    _check(line.getresponse(), 200, supplier, points)


def _full(key: str) -> Way:
    def ask(line: http.client.HTTPConnection, supplier: str, points: dict[str, float]) -> None:
        body = json.dumps({"supplier_id": supplier, "purpose": "credit_application"})
        headers = {"X-API-Key": key, "Idempotency-Key": uuid.uuid4().hex, "Content-Type": "application/json", "Accept-Language": "en"}
        line.request("POST", "/v1/scores", body, headers)
        _check(line.getresponse(), 201, supplier, points)

    return ask


def _check(answer: http.client.HTTPResponse, status: int, supplier: str, points: dict[str, float]) -> None:
    """Stop unless the answer's points are those made in this process, bit for bit."""
    body = json.loads(answer.read())
    if answer.status != status or body["score"]["points"] != points[supplier]:
        raise SystemExit(f"{supplier}: another answer than in this process: {answer.status}")


def _cpu(pid: int) -> float:
    spent = psutil.Process(pid).cpu_times()
    return float(spent.user + spent.system)


def _cpu_tree(pid: int) -> float:
    """Return the CPU seconds of a process, its children, and children of theirs that have ended."""
    parent = psutil.Process(pid)
    spent = [each.cpu_times() for each in (parent, *parent.children(recursive=True))]
    return float(sum(each.user + each.system + each.children_user + each.children_system for each in spent))


def measure_model(bundle: ScoringBundle, ledger: Ledger, rounds: int) -> None:
    """Print the model's CPU for one row and for many, beside shap.TreeExplainer on the same trees."""
    import shap
    from lightgbm import Booster

    values = build_features(ledger, [ledger.latest_as_of], features=scored_features(bundle.names)).values
    many = np.ascontiguousarray(np.tile(values, (max(1, 10_000 // len(values)), 1))[:10_000])
    booster = Booster(model_str=bundle.content["model.txt"].decode())
    explainer = shap.TreeExplainer(booster)
    theirs = np.asarray(explainer.shap_values(values))
    ours = bundle.score(values).contributions / -(bundle.scale.factor * bundle.calibration.slope)
    print(f"contributions differ by at most {np.abs(theirs - ours).max():.1e} log-odds from shap's")
    one = [np.ascontiguousarray(values[place : place + 1]) for place in range(min(200, len(values)))]
    told: dict[str, list[float]] = {"one": [], "one shap": [], "many": [], "many shap": []}
    for _ in range(rounds):
        told["one"].append(_seconds(lambda: [bundle.score(row) for row in one]) / len(one))
        told["one shap"].append(_seconds(lambda: [explainer.shap_values(row) for row in one]) / len(one))
        told["many"].append(_seconds(lambda: bundle.score(many)) / len(many))
        told["many shap"].append(_seconds(lambda: explainer.shap_values(many)) / len(many))
    median = {name: statistics.median(found) for name, found in told.items()}
    print(f"one row, score and contributions: {median['one'] * 1e3:.3f} ms; shap {median['one shap'] * 1e3:.3f} ms; "
          f"ours / shap's {median['one'] / median['one shap']:.2f}")  # fmt: skip
    print(f"batch: {1 / median['many']:,.0f} rows per CPU second; shap {1 / median['many shap']:,.0f}; "
          f"ours / shap's {median['many shap'] / median['many']:.2f}")  # fmt: skip


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    main()
