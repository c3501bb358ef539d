"""The demo's straight line: simulate, check, build, train, release, serve; each step is kept and reused while what it rests on stands."""

import json
import shlex
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from credit.errors import TrainingFailed
from lianxin.console import Progress, progress

if TYPE_CHECKING:
    from features.ledger import Ledger
    from features.quality import QualityReport
    from features.read import RawTables
    from serving.server import RunningService

BANK = "Demo Bank"


@dataclass(slots=True)
class Demo:
    """One demo: where it works, where MLflow's home is, and which platform it simulates."""

    work: Path
    home: Path
    suppliers: int
    months: int
    seed: int
    _checked: "tuple[RawTables, QualityReport] | None" = None
    _built: "Ledger | None" = None

    def prepare(self) -> None:
        """Make everything up to the released bundle, step by step."""
        self.work.mkdir(parents=True, exist_ok=True)
        platform = f"{self.suppliers} suppliers, {self.months} months, seed {self.seed}"
        world = self._step("simulate", platform, self._simulate, self.work / "tables" / "truth" / "world.json")
        self._step("check", world, self._check, self.work / "quality.json")
        ledger = self._step("ledger", world, self._build, self.work / "ledger" / "manifest.json")
        trained = self._step("train", f"{ledger} in {self.home}", self._train, self.home / "mlflow.db")
        dossier = self._step("validate", trained, lambda tell: self._validate(trained, tell), self._dossier)
        self._step(
            "release", f"{trained}, dossier {dossier}", lambda tell: self._release(trained, tell), self.work / "bundle" / "manifest.json"
        )

    def serve(self, *, host: str, port: int) -> None:
        """Start the service on what was prepared, and say what to open."""
        from serving.server import serve

        supplier = self._step("example", self._recorded("release"), self._choose)
        serve(
            bundle=self.work / "bundle",
            ledger=self.work / "ledger",
            host=host,
            port=port,
            data=self.work / "postgres",
            trusted_key=self._recorded("release"),
            tell=print,
            on_ready=lambda running: self._announce(running, supplier),
            example_supplier=supplier,
        )

    def tell_next(self, *, host: str, port: int) -> None:
        """Say how to serve what was prepared, how to get in, and what to open."""
        supplier, key = self._step("example", self._recorded("release"), self._choose), self._recorded("release")
        lianxin = _command("lianxin")
        bundle, ledger, data = (shlex.quote(str(self.work / name)) for name in ("bundle", "ledger", "postgres"))
        url, own = f"http://{host}:{port}", shlex.quote(f"supplier {supplier}")
        print(
            f"""
Nothing is served yet. All at once, with keys, consents and login links: the same command without SERVE=0 or --no-serve. Step by step:

  a bank's key      {lianxin} keys create {shlex.quote(BANK)} --data {data}
  its consents      {lianxin} admin consents record {supplier} --bank {shlex.quote(BANK)} --data {data}
  a supplier's key  {lianxin} admin tenants create supplier {supplier} --data {data}
                    {lianxin} admin keys create login --tenant {own} --data {data}
  the service       {lianxin} serve --bundle {bundle} --ledger {ledger} --data {data} \\
                      --host {host} --port {port} --trusted-key {key}
  log in            {url}/login with one of the keys
  then open         {url}/report/{supplier}  the report, as the bank or the supplier
                    {url}/desk  the bank's desk
                    {url}/  the supplier's own pages
                    {url}/docs  the API""",
            flush=True,
        )

    def _announce(self, running: "RunningService", supplier: str) -> None:
        """Make the demo's bank and a supplier's login, say what to open, and give one line to paste."""
        from serving.schemas import Purpose

        key, login = running.create_key(BANK), running.create_supplier_key(supplier)
        ends = datetime.now(UTC) + timedelta(days=365)
        purposes = (Purpose.CREDIT_APPLICATION, Purpose.PORTFOLIO_REVIEW)
        running.record_consents(BANK, [str(each) for each in running.ledger.supplier_ids], purposes, ends)
        home = self.home.resolve()
        ui = f"{_command('mlflow')} ui --backend-store-uri sqlite:///{home.name}/mlflow.db --port 5000"
        body = json.dumps({"supplier_id": supplier, "purpose": "credit_application"})
        print(
            f"""
  bank          "{BANK}", made for this demo; its {len(running.ledger.supplier_ids)} simulated suppliers are on record with their consent
  report page   {running.login_link(key, f"/report/{supplier}?lang=zh")}
  bank's desk   {running.login_link(key, "/desk?lang=zh")}
  supplier      {running.login_link(login, "/?lang=zh")}
                its own report, consents and disputes. Each link opens once, within an hour; a new one logs the browser in as another.
                Afterwards log in at {running.url}/login with a key: the bank's {key}
                or the supplier's {login}
  API           {running.url}/docs
  MLflow        cd {shlex.quote(str(home.parent))} && {ui}
  score         curl -sS {running.url}/v1/scores -H 'X-API-Key: {key}' -H 'Idempotency-Key: {uuid4()}' \\
                  -H 'Content-Type: application/json' -d '{body}'

Ctrl-C stops the service and its database.""",
            flush=True,
        )

    def _recorded(self, step: str) -> str:
        """Return the result of a step that is done."""
        return str(json.loads((self.work / "done.json").read_text(encoding="utf-8"))[step]["result"])

    def _choose(self, tell: Progress) -> str:
        """Choose the supplier of the examples: one who sells, at the lower quartile of points: there is something to explain."""
        import numpy as np

        from features.store import open_ledger
        from serving.assess import score_batch
        from training.bundle import ScoringBundle

        tell("scoring")
        ledger = open_ledger(self.work / "ledger")
        batch = score_batch(ScoringBundle.load(self.work / "bundle"), ledger, ledger.latest_as_of)
        recent_orders = batch.matrix.values[:, batch.matrix.names.index("orders_count_90d")]
        selling = np.flatnonzero(recent_orders >= np.nanmedian(recent_orders))
        order = selling[np.argsort(batch.scores.points[selling], kind="stable")]
        return str(batch.matrix.supplier_ids[order[len(order) // 4]])

    def _step(self, name: str, rests_on: str, work: Callable[[Progress], str], *needed: Path) -> str:
        """Do a step, or reuse its result where it was done on the same grounds and its files are still there."""
        record = self.work / "done.json"
        done: dict[str, Any] = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
        found = done.get(name)
        if found and found["rests_on"] == rests_on and all(path.exists() for path in needed):
            print(f"{name}: as before")
            return str(found["result"])
        with progress(name) as tell:
            started = datetime.now(UTC)
            result = work(tell)
        done[name] = {"rests_on": rests_on, "result": result}
        part = record.with_suffix(".part")
        part.write_text(json.dumps(done, indent=1), encoding="utf-8")
        part.replace(record)
        print(f"{name}: done in {(datetime.now(UTC) - started).total_seconds():.0f} s")
        return result

    def _simulate(self, tell: Progress) -> str:
        from features.simulate import simulate

        return simulate(self.work / "tables", suppliers=self.suppliers, months=self.months, seed=self.seed, progress=tell)

    def _check(self, tell: Progress) -> str:
        tables, report = self._read(tell)
        text = json.dumps(report.to_dict(), ensure_ascii=False, default=str, sort_keys=True)
        (self.work / "quality.json").write_text(text, encoding="utf-8")
        rows = sum(table.rows for table in report.tables)
        told = f"{rows} rows in {len(report.tables)} tables, {len(report.rejects)} set aside"
        print(f"check: {told}; days are days of {tables.zone}")
        return told

    def _build(self, tell: Progress) -> str:
        from features.catalog import CATALOG_VERSION
        from features.store import FORMAT, save_ledger

        ledger = self._ledger(tell)
        save_ledger(ledger, self.work / "ledger")
        return f"format {FORMAT}, catalogue {CATALOG_VERSION}, {ledger.facts} facts, sources {sorted(ledger.digests.values())}"

    def _read(self, tell: Progress) -> "tuple[RawTables, QualityReport]":
        """Read the tables once, for whichever step needs them first."""
        from lianxin.opening import read_checked

        if self._checked is None:
            self._checked = read_checked(self.work / "tables", None, tell)
        return self._checked

    def _ledger(self, tell: Progress) -> "Ledger":
        """Build the ledger once, for whichever step needs it first."""
        from features.ledger import build_ledger

        if self._built is None:
            tables, report = self._read(tell)
            self._built = build_ledger(tables, quality=report.shares, progress=tell)
        return self._built

    def _train(self, tell: Progress) -> str:
        from training.pipeline import train

        (tables, _), ledger = self._read(tell), self._ledger(tell)
        result = train(self.work / "tables", home=self.home, progress=tell, tables=tables, ledger=ledger)
        print(f"train: out of time, Gini {result.measures['gini']:.3f}, KS {result.measures['ks']:.3f}; MLflow run {result.run_id}")
        return result.bundle.content_hash

    @property
    def _dossier(self) -> Path:
        return self.work / "dossier" / "dossier.json"

    def _validate(self, trained: str, tell: Progress) -> str:
        from training.bundle import ScoringBundle
        from training.track import CHALLENGER, CHAMPION, version_at
        from training.validate import validate, write_dossier

        (tables, _), ledger = self._read(tell), self._ledger(tell)
        alias = CHALLENGER if self._is_challenger(trained) else CHAMPION
        found = validate(ScoringBundle.load(version_at(self.home, alias).bundle), tables, ledger=ledger, progress=tell)
        paths = write_dossier(found, self._dossier.parent)
        print(f"validate: {paths.html}")
        return found.sha256

    def _is_challenger(self, trained: str) -> bool:
        """Say whether the model still waits; a run that was cut off after the promotion left no challenger."""
        from training.track import CHALLENGER, version_at

        with suppress(TrainingFailed):
            return version_at(self.home, CHALLENGER).tags["bundle_sha256"] == trained
        return False

    def _release(self, trained: str, tell: Progress) -> str:
        from training.release import release

        if self._is_challenger(trained):
            tell("approve and promote")
            self._promote()
        tell("release")
        shutil.rmtree(self.work / "bundle", ignore_errors=True)
        return release(self.home, self.work / "bundle", at=datetime.now(UTC)).trusted_key

    def _promote(self) -> None:
        """Approve with a key of the demo's own. In earnest that is another person, on another machine."""
        from training.gates import Answer
        from training.keys import add_approver, read_key
        from training.promotion import approve, find_candidate, promote

        now, key, approvers = datetime.now(UTC), self.work / "approver" / "key.pem", self.work / "approver" / "approvers.txt"
        add_approver(approvers, "demo", key)
        candidate = find_candidate(self.home, dossier=self._dossier, at=now)
        print(f"approve: the demo approves its own model with a key it made, {key}; in earnest somebody else does")
        written: dict[Answer, dict[str, str]] = {Answer.EXPLANATION: {}, Answer.OVERRIDE: {}}
        for gate in candidate.gates:
            if gate.answer in written:
                written[gate.answer][gate.name] = "demo: nobody has looked into it"
                print(f"approve: {gate.verdict.value}, answered by the demo: {gate.en}")
        signed = approve(
            candidate,
            approver="demo",
            key=read_key(key),
            at=now,
            explanations=written[Answer.EXPLANATION],
            overrides=written[Answer.OVERRIDE],
        )
        promote(self.home, signed, at=now, approvers=approvers, dossier=self._dossier)


def _command(name: str) -> str:
    """Return a command of this installation as one pastes it."""
    return shlex.quote(str(Path(sys.executable).parent / name))
