"""Nobody becomes champion without green gates or written answers, signed by a listed approver who did not train the model."""

import dataclasses
import json
import shutil
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from credit.errors import ApprovalInvalid, BundleInvalid, GateFailed, TrainingFailed
from tests.training import drawn
from tests.training.releases import APPROVER, NOW, approval, block, dossier, enlist, promoted, record
from training.approval import Approval, sign_statement
from training.bundle import Calibration, ScoringBundle
from training.keys import APPROVERS, HOME_KEY, add_approver, read_approvers, read_key
from training.promotion import Candidate, approve, confirm, find_candidate, promote
from training.release import release, rollback
from training.seal import dump_json, public_key_hex, seal
from training.track import CHALLENGER, CHAMPION, champion_bundle, read_document, record_dossier, version_at

BUNDLE = drawn.bundle()
SECOND = drawn.bundle(calibration=Calibration(slope=0.9, intercept=0.05))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("recorded") / "mlruns"
    record(home, BUNDLE)
    return home


@pytest.fixture(scope="module")
def case(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> "Case":
    """One candidate, red on one gate, with an approval that holds: what may be forged without a home."""
    folder = tmp_path_factory.mktemp("case")
    path = dossier(BUNDLE, folder / "dossier.json", auc=(0.6, 0.55, 0.62))
    candidate = find_candidate(recorded, dossier=path, at=NOW)
    add_approver(folder / "approvers.txt", APPROVER, folder / "key.pem")
    key = read_key(folder / "key.pem")
    signed = approve(candidate, approver=APPROVER, key=key, at=NOW, explanations={}, overrides={"auc": "pilot"})
    return Case(candidate, signed, key, read_approvers(folder / "approvers.txt"), read_key(recorded / HOME_KEY))


@dataclasses.dataclass(frozen=True)
class Case:
    candidate: Candidate
    signed: Approval
    key: Ed25519PrivateKey
    approvers: Mapping[str, str]
    trainer: Ed25519PrivateKey

    def confirm(self, approval: Approval, at: datetime = NOW, releaser: str | None = None) -> list[str]:
        return confirm(self.candidate, approval, approvers=self.approvers, releaser=releaser, at=at)[1]

    def resigned(self, **changes: Any) -> Approval:
        """A true signature of a listed approver over another statement."""
        return sign_statement({**self.signed.statement, **changes}, self.key)


@pytest.fixture
def home(recorded: Path, tmp_path: Path) -> Path:
    shutil.copytree(recorded, tmp_path / "mlruns")
    return tmp_path / "mlruns"


def test_a_promotion_leaves_its_evidence_with_the_model(home: Path, tmp_path: Path) -> None:
    done = promoted(home, BUNDLE)
    champion = version_at(home, CHAMPION)
    assert (done.version, done.approved_by, done.answered) == (champion.version, APPROVER, ())
    assert champion.tags["approver_key"] == next(iter(read_approvers(home / APPROVERS)))
    assert champion.tags["gate.slope"] == "green"
    assert read_document(home, champion.run_id, "dossier.json") == (tmp_path / "dossier.json").read_bytes()
    kept = json.loads(read_document(home, champion.run_id, "approval.json") or b"")
    out = release(home, tmp_path / "bundle", at=NOW)
    shipped = ScoringBundle.load(out.path, trusted_key=out.trusted_key).release["approval"]
    assert shipped == kept
    assert shipped["statement"]["bundle_sha256"] == BUNDLE.content_hash
    verified = Approval(shipped["statement"], shipped["key"], shipped["signature"])
    assert verified.verify(read_approvers(home / APPROVERS), not_by=[out.trusted_key], at=NOW, days=30) == APPROVER


def test_a_dossier_kept_in_mlflow_needs_no_file_and_a_later_one_does_not_replace_what_a_champion_was_promoted_with(
    home: Path, tmp_path: Path
) -> None:
    text = dossier(BUNDLE, tmp_path / "dossier.json").read_bytes()
    kept = record_dossier(home, BUNDLE.content_hash, {"dossier.json": text, "dossier.html": b"<p>page</p>"})
    assert kept == version_at(home, CHALLENGER).run_id
    candidate = find_candidate(home, dossier=None, at=NOW)
    assert candidate.dossier == text
    signed = approve(candidate, approver=APPROVER, key=read_key(enlist(home)), at=NOW, explanations={}, overrides={})
    promote(home, signed, at=NOW)
    later = record_dossier(home, BUNDLE.content_hash, {"dossier.json": b"of newer tables"})
    assert later != kept
    assert read_document(home, later, "dossier.json") == b"of newer tables"
    assert read_document(home, version_at(home, CHAMPION).run_id, "dossier.json") == text
    with pytest.raises(TrainingFailed, match="train one first"):
        record_dossier(tmp_path / "empty", BUNDLE.content_hash, {})
    assert not (tmp_path / "empty").exists()


def test_what_is_not_green_is_answered_in_writing_each_in_its_own_way(home: Path, tmp_path: Path) -> None:
    path = dossier(BUNDLE, tmp_path / "dossier.json", psi__score=(0.4, 0.3, 0.5), auc=(0.6, 0.55, 0.62))
    with pytest.raises(GateFailed, match=r"auc: .*\(--override auc=(.|\n)*psi_score: .*\(--explain psi_score="):
        approval(home, path)
    with pytest.raises(GateFailed, match=r"these are not:\nauc: .*\Z"):
        approval(home, path, explanations={"auc": "pilot of one region", "psi_score": "downturn"})
    with pytest.raises(GateFailed, match="there is no acu"):
        approval(home, path, overrides={"acu": "pilot"}, explanations={"psi_score": "downturn"})
    # What is written about a green gate is left out.
    signed = approval(home, path, overrides={"auc": "pilot of one region", "ece": "small"}, explanations={"psi_score": "downturn"})
    done = promote(home, signed, at=NOW, dossier=path)
    assert done.answered == ("auc", "psi_score")
    champion = version_at(home, CHAMPION)
    assert champion.tags["answered_gates"] == "auc, psi_score"
    told = json.loads(read_document(home, champion.run_id, "approval.json") or b"")["statement"]["gates"]
    assert {gate["name"]: gate["written"] for gate in told if gate["written"]} == {"auc": "pilot of one region", "psi_score": "downturn"}


def test_a_model_without_its_proof_is_not_promoted_whatever_its_dossier_says_or_is_written(home: Path, tmp_path: Path) -> None:
    seal(tmp_path / "old", {name: part for name, part in BUNDLE.content.items() if name != "monotone.json"}, {}, None)
    record(home, ScoringBundle.load(tmp_path / "old"))
    path = dossier(ScoringBundle.load(tmp_path / "old"), tmp_path / "dossier.json")
    for words in (None, {"monotone": "please"}):
        with pytest.raises(GateFailed, match=r"monotone: .* no certificate"):
            approval(home, path, overrides=words, explanations=words)


def test_a_forged_certificate_is_found_by_proving_again(home: Path, tmp_path: Path) -> None:
    catalog, certificate = (json.loads(BUNDLE.content[name]) for name in ("catalog.json", "monotone.json"))
    (turned,) = (entry for entry in catalog if entry["name"] == "orders_amount_sum_180d")
    turned["direction"] = 1
    for entry in certificate["features"]:
        entry["direction"] = 1 if entry["name"] == turned["name"] else entry["direction"]
    seal(tmp_path / "forged", {**BUNDLE.content, "catalog.json": dump_json(catalog), "monotone.json": dump_json(certificate)}, {}, None)
    forged = ScoringBundle.load(tmp_path / "forged")
    record(home, forged)
    with pytest.raises(GateFailed, match=r"monotone: .* \d+ violations found"):
        approval(home, dossier(forged, tmp_path / "dossier.json"))


def test_the_approval_at_hand_holds_and_only_for_its_days(case: Case) -> None:
    assert case.confirm(case.signed) == ["auc"]
    assert case.confirm(case.signed, at=NOW + timedelta(days=30)) == ["auc"]
    with pytest.raises(ApprovalInvalid, match="holds 30 days"):
        case.confirm(case.signed, at=NOW + timedelta(days=30, seconds=1))


@pytest.mark.parametrize(
    "changes",
    [
        {"bundle_sha256": SECOND.content_hash},
        {"dossier_sha256": "0" * 64},
        {"champion_sha256": "0" * 64},
        {"version": "7"},
        {"run_id": "another"},
        {"trainer_key": "0" * 64},
        {"policy": {"id": "gates", "version": "2011-01-01"}},
        {"gates": []},
        {"gates": "green"},
        {"approver": "Somebody else"},
        {"approved_at": (NOW - timedelta(days=31)).isoformat()},
        {"approved_at": (NOW + timedelta(hours=1)).isoformat()},
        {"approved_at": "2026-11-22T08:00:00"},
        {"approved_at": None},
    ],
)
def test_a_statement_about_something_else_is_refused_though_it_is_signed(case: Case, changes: Mapping[str, Any]) -> None:
    with pytest.raises(ApprovalInvalid):
        case.confirm(case.resigned(**changes))


def test_a_red_gate_that_was_signed_as_green_or_without_a_word_is_refused(case: Case) -> None:
    gates = case.signed.statement["gates"]
    painted = [{**gate, "verdict": "green", "answer": "none", "written": None} if gate["name"] == "auc" else gate for gate in gates]
    with pytest.raises(ApprovalInvalid, match="gates say something else"):
        case.confirm(case.resigned(gates=painted))
    with pytest.raises(GateFailed, match="auc"):
        case.confirm(case.resigned(gates=[{**gate, "written": None} for gate in gates]))


@pytest.mark.parametrize(
    "forge",
    [
        lambda signed: dataclasses.replace(signed, statement={**signed.statement, "approver": "Li"}),
        lambda signed: dataclasses.replace(signed, signature="0" * 128),
        lambda signed: dataclasses.replace(signed, signature="zz"),
        lambda signed: dataclasses.replace(signed, key=public_key_hex(Ed25519PrivateKey.generate().public_key())),
        lambda signed: sign_statement(signed.statement, Ed25519PrivateKey.generate()),
    ],
)
def test_a_forged_signature_is_refused(case: Case, forge: Callable[[Approval], Approval]) -> None:
    with pytest.raises(ApprovalInvalid):
        case.confirm(forge(case.signed))


def test_the_trainer_and_the_releaser_cannot_approve_even_if_the_list_names_them(case: Case) -> None:
    trainer = public_key_hex(case.trainer.public_key())
    listing = dataclasses.replace(case, approvers={**case.approvers, trainer: APPROVER})
    with pytest.raises(ApprovalInvalid, match="another than the trainer's"):
        approve(case.candidate, approver=APPROVER, key=case.trainer, at=NOW, explanations={}, overrides={"auc": "pilot"})
    with pytest.raises(ApprovalInvalid, match="did not train"):
        listing.confirm(sign_statement(case.signed.statement, case.trainer))
    with pytest.raises(ApprovalInvalid, match="did not train"):
        listing.confirm(case.signed, releaser=case.signed.key)
    unsigned = dataclasses.replace(case.candidate, bundle=BUNDLE)
    with pytest.raises(ApprovalInvalid, match="signed by its trainer"):
        dataclasses.replace(case, candidate=unsigned).confirm(case.signed)


def test_the_approver_cannot_sign_the_release(home: Path, tmp_path: Path) -> None:
    promoted(home, BUNDLE)
    with pytest.raises(ApprovalInvalid, match="key of this release"):
        release(home, tmp_path / "out", at=NOW, key=enlist(home))


def test_an_approval_is_of_one_model_against_one_champion(home: Path, tmp_path: Path) -> None:
    promoted(home, BUNDLE)
    assert (champion_bundle(home) or SECOND).content_hash == BUNDLE.content_hash
    record(home, SECOND)
    path = dossier(SECOND, tmp_path / "second.json")
    with pytest.raises(GateFailed, match=r"champion_auc: (.|\n)*champion_log_loss: "):
        approval(home, path)
    with pytest.raises(GateFailed, match="of the challenger's bundle"):
        find_candidate(home, dossier=tmp_path / "dossier.json", at=NOW)
    compared = {"auc": (0.01, -0.005, 0.02), "log_loss": (0.0, -0.001, 0.001)}
    only = {name: measure for name, measure in block(compared).items() if name in compared}
    record(home, SECOND, against_champion={"champion_sha256": BUNDLE.content_hash, "measures": only})
    assert promote(home, approval(home, path), at=NOW, dossier=path).version == "3"


def test_a_rollback_gives_the_former_scores_bitwise_in_under_thirty_seconds(home: Path, tmp_path: Path) -> None:
    values = drawn.rows(200, seed=8)[0]
    promoted(home, BUNDLE)
    first = release(home, tmp_path / "first", at=NOW)
    before = ScoringBundle.load(first.path).score(values)
    record(home, SECOND)
    promoted(home, SECOND, overrides={"champion_auc": "nobody compared", "champion_log_loss": "nobody compared"})
    release(home, tmp_path / "second", at=NOW)
    with pytest.raises(GateFailed, match="who does it and why"):
        rollback(home, tmp_path / "out", by="Operator", why=" ", at=NOW)
    started = time.monotonic()
    back = rollback(home, tmp_path / "former", by="Operator", why="alarm", at=NOW)
    assert time.monotonic() - started < 30
    after = ScoringBundle.load(back.path, trusted_key=first.trusted_key).score(values)
    assert back.content_hash == first.content_hash
    assert after.points.tobytes() == before.points.tobytes()
    assert after.contributions.tobytes() == before.contributions.tobytes()
    assert version_at(home, CHAMPION).version == "1"
    with pytest.raises(GateFailed, match="had no champion before it"):
        rollback(home, tmp_path / "again", by="Operator", why="alarm", at=NOW)


@pytest.mark.parametrize(
    ("text", "said"),
    [("not a key Wang", "line 1"), (f"{'0' * 64}\n", "line 1"), (f"{'0' * 64} A\n\n# note\n{'0' * 64} B\n", "line 4")],
)
def test_a_list_of_approvers_with_a_wrong_line_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "approvers.txt").write_text(text)
    with pytest.raises(ApprovalInvalid, match=said):
        read_approvers(tmp_path / "approvers.txt")
    with pytest.raises(ApprovalInvalid, match="cannot be read"):
        read_approvers(tmp_path / "nowhere.txt")


def test_an_approver_has_one_name(tmp_path: Path) -> None:
    listed, key = tmp_path / "approvers.txt", tmp_path / "key.pem"
    assert add_approver(listed, "Wang  Fang", key) == add_approver(listed, "Wang Fang", key)
    assert list(read_approvers(listed).values()) == ["Wang Fang"]
    with pytest.raises(ApprovalInvalid, match="another key"):
        add_approver(listed, "Li Na", key)
    with pytest.raises(ApprovalInvalid, match="must have a name"):
        add_approver(listed, " ", tmp_path / "other.pem")


_WITHOUT_KEY = '{"statement": {"format": 1}, "key": 1, "signature": ""}'


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"statement": {}, "key": "", "signature": ""}', _WITHOUT_KEY])
def test_a_file_that_is_no_approval_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "approval.json").write_text(text)
    with pytest.raises(ApprovalInvalid):
        Approval.read(tmp_path / "approval.json")


def test_an_approval_is_read_as_it_was_written(case: Case, tmp_path: Path) -> None:
    (tmp_path / "approval.json").write_bytes(dump_json(case.signed.to_json()))
    assert Approval.read(tmp_path / "approval.json") == case.signed


def test_a_key_that_is_not_there_is_told_from_one_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(BundleInvalid, match=r"No such file or directory.*: name the file of a private key"):
        read_key(tmp_path / "key.pem")
    none = tmp_path / "none.pem"
    none.write_text("no key")
    none.chmod(0o600)
    with pytest.raises(BundleInvalid, match="must be an Ed25519 private key in PEM"):
        read_key(none)
