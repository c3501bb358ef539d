"""From challenger to champion: what an approver signs, and what a promotion verifies again from the grounds up."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from credit.errors import ApprovalInvalid, BundleInvalid, BundleTampered, GateFailed, TrainingFailed
from credit.policy import Policy
from training.approval import Approval, answered, sign_statement
from training.bundle import ScoringBundle
from training.extra import TO_REGISTER, require_packages
from training.gates import MONOTONE_VIOLATIONS, Gate, Measure, judge_gates, read_measures
from training.keys import APPROVERS, HOME_KEY, read_approvers, read_key
from training.monotone import prove
from training.seal import dump_json, load_json, public_key_hex
from training.settings import packaged_policy
from training.track import CHALLENGER, CHAMPION, RecordedVersion, move_champion, read_document, version_at

DOSSIER = "dossier.json"
AGAINST_CHAMPION = "against_champion.json"


@dataclass(frozen=True, slots=True)
class Candidate:
    """The challenger on its way: its recorded bundle, its dossier, what its gates say and under which policy."""

    version: RecordedVersion
    bundle: ScoringBundle
    dossier: bytes
    champion: str | None
    gates: Sequence[Gate]
    policy: Policy

    def facts(self) -> dict[str, Any]:
        """Return what a statement says of the candidate; a promotion compares it word for word."""
        return {
            "version": self.version.version,
            "run_id": self.version.run_id,
            "bundle_sha256": self.bundle.content_hash,
            "trainer_key": self.bundle.signed_by,
            "dossier_sha256": hashlib.sha256(self.dossier).hexdigest(),
            "champion_sha256": self.champion,
            "policy": {"id": self.policy.id, "version": self.policy.version},
        }


@dataclass(frozen=True, slots=True)
class Promotion:
    """The version that is champion now, its bundle's content hash, who approved it, and which gates were answered in writing."""

    version: str
    content_hash: str
    approved_by: str
    approved_at: str
    answered: tuple[str, ...]


def find_candidate(home: Path, *, dossier: Path | None, at: datetime, policy: Policy | None = None) -> Candidate:
    """Return the challenger with its gates.

    Parameters
    ----------
    home
        MLflow's home.
    dossier
        The dossier's JSON file; by default the one recorded in the challenger's run.
    at
        The time now: it chooses the policy in force.
    policy
        The policy `gates`, in place of the packaged one.

    Raises
    ------
    TrainingFailed
        There is no challenger, or MLflow is not installed.
    BundleTampered
        The recorded bundle is not the one that was trained.
    GateFailed
        There is no dossier, or it is another bundle's.
    """
    require_packages(TO_REGISTER)
    version = version_at(home, CHALLENGER)
    bundle = recorded_bundle(version)
    text = _dossier(home, version, dossier)
    document = _document(text, "the dossier")
    of = document.get("model")
    validated = of.get("bundle_sha256") if isinstance(of, dict) else None
    if validated != bundle.content_hash:
        raise GateFailed(f"the dossier must be of the challenger's bundle {bundle.content_hash}, found {validated}: validate that bundle")
    policy = policy or packaged_policy("gates").on(at.date())
    champion = _champion_hash(home)
    differences = None if champion is None else _differences(home, version, champion)
    measures = {**read_measures(document.get("measures"), "the dossier"), MONOTONE_VIOLATIONS: _proved(bundle)}
    gates = judge_gates({name: found for name, found in measures.items() if found is not None}, differences, policy)
    return Candidate(version, bundle, text, champion, gates, policy)


def approve(
    candidate: Candidate,
    *,
    approver: str,
    key: Ed25519PrivateKey,
    at: datetime,
    explanations: Mapping[str, str],
    overrides: Mapping[str, str],
) -> Approval:
    """Sign a statement about the candidate; what is written answers the gates that are not green.

    Raises
    ------
    GateFailed
        A gate is neither green nor answered as it asks.
    ApprovalInvalid
        The key is the trainer's, or no approver is named.
    """
    if not approver.strip():
        raise ApprovalInvalid("an approval must name its approver: say who answers for the model")
    if public_key_hex(key.public_key()) == candidate.bundle.signed_by:
        raise ApprovalInvalid("the approver's key must be another than the trainer's: ask somebody who did not train the model")
    gates = answered(candidate.gates, explanations=explanations, overrides=overrides)
    approved_at = at.isoformat(timespec="seconds")
    return sign_statement({**candidate.facts(), "gates": gates, "approver": approver.strip(), "approved_at": approved_at}, key)


def promote(home: Path, approval: Approval, *, at: datetime, approvers: Path | None = None, dossier: Path | None = None) -> Promotion:
    """Make the challenger the champion.

    The gates are judged again, and the statement must say of the challenger, its dossier and every gate what is found now.

    Parameters
    ----------
    home
        MLflow's home.
    approval
        What an approver signed.
    at
        The time now.
    approvers
        The bank's list; by default ``keys/approvers.txt`` under the home.
    dossier
        As in `find_candidate`.

    Raises
    ------
    ApprovalInvalid
        Another signature, signer, model, dossier, champion, policy or verdict than the one at hand, or an old one.
    GateFailed
        A gate is not green and nothing was written about it.
    """
    candidate = find_candidate(home, dossier=dossier, at=at)
    home_key = home / HOME_KEY
    releaser = public_key_hex(read_key(home_key).public_key()) if home_key.exists() else None
    listed = read_approvers(home / APPROVERS if approvers is None else approvers)
    name, written = confirm(candidate, approval, approvers=listed, releaser=releaser, at=at)
    approved_at = str(approval.statement["approved_at"])
    documents = {DOSSIER: candidate.dossier, "approval.json": dump_json(approval.to_json()), **_page_of(dossier)}
    tags = {
        "approved_by": name,
        "approved_at": approved_at,
        "approver_key": approval.key,
        "approval_sha256": approval.sha256,
        "dossier_sha256": approval.statement["dossier_sha256"],
        "promoted_at": at.isoformat(timespec="seconds"),
        "answered_gates": ", ".join(written),
        **{f"gate.{gate.name}": gate.verdict.value for gate in candidate.gates},
    }
    move_champion(home, candidate.version, tags, documents)
    return Promotion(candidate.version.version, candidate.bundle.content_hash, name, approved_at, tuple(written))


def confirm(
    candidate: Candidate, approval: Approval, *, approvers: Mapping[str, str], releaser: str | None, at: datetime
) -> tuple[str, list[str]]:
    """Return who approved the candidate and which gates were answered in writing; raises as `promote`.

    ``approvers`` are names by public key; ``releaser`` is the public key that signs releases, which may not approve either.
    """
    trainer = candidate.bundle.signed_by
    if trainer is None:
        raise ApprovalInvalid("the recorded bundle must be signed by its trainer, so that an approver can be told from it: train again")
    approver = approval.verify(approvers, not_by=[trainer, releaser], at=at, days=candidate.policy.whole("approval_days"))
    statement = approval.statement
    for name, found in candidate.facts().items():
        if statement.get(name) != found:
            raise ApprovalInvalid(f"the approval is of {name} {statement.get(name)!r}, and the challenger's is {found!r}: approve again")
    entries = statement.get("gates")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ApprovalInvalid("the approval must list the gates it answers: approve again")
    said = [{name: value for name, value in entry.items() if name != "written"} for entry in entries]
    if said != [gate.to_json() for gate in candidate.gates]:
        raise ApprovalInvalid("the gates say something else now than when the approval was given: approve again")
    words = {str(entry["name"]): str(entry.get("written") or "") for entry in entries}
    asked = {gate.name: gate.answer.value for gate in candidate.gates}
    answered(
        candidate.gates,
        explanations={name: text for name, text in words.items() if text and asked[name] == "explanation"},
        overrides={name: text for name, text in words.items() if text and asked[name] == "override"},
    )
    return approver, [name for name, text in words.items() if text]


def recorded_bundle(version: RecordedVersion) -> ScoringBundle:
    """Return the bundle of a recorded version; raise `BundleTampered` where it is not the one that was trained."""
    bundle = ScoringBundle.load(version.bundle)
    recorded = version.tags.get("bundle_sha256")
    if bundle.content_hash != recorded:
        raise BundleTampered(
            f"version {version.version} was recorded with the bundle {recorded}, and {version.bundle} holds "
            f"{bundle.content_hash}: train again"
        )
    return bundle


def _proved(bundle: ScoringBundle) -> Measure | None:
    """Prove the trees again, so that a certificate is never taken at its word; None where the bundle has none."""
    if bundle.monotone is None:
        return None
    directions = [factor.direction for factor in bundle.factors]
    return Measure(float(prove(bundle.content["model.txt"].decode(), bundle.names, directions).violations))


def _dossier(home: Path, version: RecordedVersion, path: Path | None) -> bytes:
    if path is None:
        recorded = read_document(home, version.run_id, DOSSIER)
        if recorded is None:
            raise GateFailed(f"version {version.version} has no dossier: run `lianxin validate` on its bundle, or name the file")
        return recorded
    try:
        return path.read_bytes()
    except OSError as error:
        raise GateFailed(
            f"the dossier {path} cannot be read ({error.strerror}): name the JSON file that `lianxin validate` wrote"
        ) from error


def _page_of(dossier: Path | None) -> dict[str, bytes]:
    """Return the page that lies beside a dossier, so that MLflow shows it."""
    page = None if dossier is None else dossier.with_suffix(".html")
    return {"dossier.html": page.read_bytes()} if page is not None and page.is_file() else {}


def _document(text: bytes, name: str) -> dict[str, Any]:
    try:
        document = load_json(text, name)
    except BundleInvalid as error:
        raise GateFailed(f"{error}: validate the bundle again") from error
    if not isinstance(document, dict):
        raise GateFailed(f"{name} must be a JSON object: validate the bundle again")
    return document


def _champion_hash(home: Path) -> str | None:
    try:
        return version_at(home, CHAMPION).tags.get("bundle_sha256")
    except TrainingFailed:
        return None


def _differences(home: Path, version: RecordedVersion, champion: str) -> dict[str, Any]:
    """Return the recorded differences to today's champion; none where it was compared with another one or not at all."""
    recorded = read_document(home, version.run_id, AGAINST_CHAMPION)
    document = {} if recorded is None else _document(recorded, "the comparison with the champion")
    return read_measures(document.get("measures"), "the comparison") if document.get("champion_sha256") == champion else {}
