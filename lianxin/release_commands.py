"""Commands from a recorded model to a released one, and back: approver, approve, promote, release, rollback."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from lianxin.arguments import HOME, Home, Json
from lianxin.console import show
from lianxin.files import write_file

Approvers = Annotated[
    Path | None,
    typer.Option("--approvers", help="The bank's list of approvers' public keys [default: HOME/keys/approvers.txt]."),
]
Dossier = Annotated[Path | None, typer.Option("--dossier", help="The dossier's JSON file [default: the one recorded with the challenger].")]
SigningKey = Annotated[Path | None, typer.Option("--key", help="Ed25519 private key, PEM [default: HOME/keys/release.pem, made once].")]
Out = Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write; it must not exist yet.")]


def challenger(out: Out, home: Home = HOME, as_json: Json = False) -> None:
    """Write the challenger's bundle as it was recorded, signed by its trainer: to validate it, or to score in the champion's shadow.

    Example: `lianxin challenger work/challenger --home work/mlruns`
    """
    from training.extra import TO_REGISTER, require_packages

    require_packages(TO_REGISTER)
    from training.release import copy_challenger

    version, bundle = copy_challenger(home, out)
    result = {"bundle": str(out), "version": version, "bundle_sha256": bundle.content_hash, "trainer_key": bundle.signed_by}
    show(result, as_json=as_json, lines=[f"{out}: version {version}, content hash {bundle.content_hash}, trained by {bundle.signed_by}"])


def approver(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who answers for models.")],
    key: Annotated[Path, typer.Option("--key", help="The approver's Ed25519 private key, PEM; made where there is none.")],
    approvers: Approvers = None,
    home: Home = HOME,
    as_json: Json = False,
) -> None:
    """Enter an approver in the bank's list. Keep the list where those who train cannot write, and the key with the approver.

    Example: `lianxin approver "Risk committee" --key work/keys/risk.pem --home work/mlruns`
    """
    from training.keys import APPROVERS, add_approver

    place = home / APPROVERS if approvers is None else approvers
    public = add_approver(place, name, key)
    shown = {"name": name, "public_key": public, "approvers": str(place)}
    show(shown, as_json=as_json, lines=[f"{place}: {name} approves with {public}"])


def approve(
    approver: Annotated[str, typer.Option("--approver", help="The approver's name, as the list has it.")],
    key: Annotated[Path, typer.Option("--key", help="The approver's private key, PEM.")],
    out: Annotated[Path, typer.Option("--out", metavar="F.json", help="Approval to write.")],
    dossier: Dossier = None,
    explain: Annotated[list[str] | None, typer.Option("--explain", metavar="GATE=TEXT", help="Explains an amber gate.")] = None,
    override: Annotated[
        list[str] | None, typer.Option("--override", metavar="GATE=TEXT", help="Overrides a gate that is red, not measured or amber.")
    ] = None,
    home: Home = HOME,
    as_json: Json = False,
) -> None:
    """Judge the challenger's gates and sign an approval of it. Gates that are not green are answered in writing, or nothing is signed.

    Example: `lianxin approve --approver "Risk committee" --key work/keys/risk.pem --out work/approval.json --home work/mlruns`
    """
    from training.extra import TO_REGISTER, require_packages

    require_packages(TO_REGISTER)
    from training.keys import read_key
    from training.promotion import approve as sign
    from training.promotion import find_candidate
    from training.seal import dump_json

    now = datetime.now(UTC)
    explanations, overrides = _texts("--explain", explain), _texts("--override", override)
    candidate = find_candidate(home, dossier=dossier, at=now)
    signed = sign(candidate, approver=approver, key=read_key(key), at=now, explanations=explanations, overrides=overrides)
    write_file(out, dump_json(signed.to_json()))
    lines = [
        f"{out}: {approver} approves version {candidate.version.version}, bundle {candidate.bundle.content_hash}",
        *(f"  {gate.verdict.value:12} {gate.zh} / {gate.en}" for gate in candidate.gates),
    ]
    show(signed.to_json(), as_json=as_json, lines=lines)


def promote(
    approval: Annotated[Path, typer.Option("--approval", help="What `lianxin approve` wrote.")],
    approvers: Approvers = None,
    dossier: Dossier = None,
    home: Home = HOME,
    as_json: Json = False,
) -> None:
    """Make the challenger the champion, if an approver of the list has signed for it and its gates say what was signed.

    Example: `lianxin promote --approval work/approval.json --home work/mlruns`
    """
    from training.extra import TO_REGISTER, require_packages

    require_packages(TO_REGISTER)
    from training.approval import Approval
    from training.promotion import promote as move

    done = move(home, Approval.read(approval), at=datetime.now(UTC), approvers=approvers, dossier=dossier)
    shown = {
        "champion": done.version,
        "bundle_sha256": done.content_hash,
        "approved_by": done.approved_by,
        "approved_at": done.approved_at,
        "answered_gates": list(done.answered),
    }
    show(shown, as_json=as_json, lines=[f"champion is now version {done.version}, approved by {done.approved_by}"])


def release(out: Out, home: Home = HOME, key: SigningKey = None, as_json: Json = False) -> None:
    """Write the champion as a signed bundle: text and JSON, all that the service needs.

    Example: `lianxin release work/bundle --home work/mlruns`
    """
    from training.extra import TO_REGISTER, require_packages

    require_packages(TO_REGISTER)
    from training.release import release as write

    done = write(home, out, at=datetime.now(UTC), key=key)
    result = {"bundle": str(out), "version": done.version, "bundle_sha256": done.content_hash, "trusted_key": done.trusted_key}
    lines = [f"{out}: version {done.version}, content hash {done.content_hash}", f"signed; trust key {done.trusted_key}"]
    show(result, as_json=as_json, lines=lines)


def rollback(
    out: Out,
    by: Annotated[str, typer.Option("--by", help="Who does it.")],
    why: Annotated[str, typer.Option("--why", help="The reason, kept with both versions.")],
    home: Home = HOME,
    key: SigningKey = None,
    as_json: Json = False,
) -> None:
    """Make the former champion the champion again and write its bundle, with the old scores to the last bit.

    Example: `lianxin rollback work/former --by "Operator" --why "Alarm of the monitoring" --home work/mlruns`
    """
    from training.extra import TO_REGISTER, require_packages

    require_packages(TO_REGISTER)
    from training.release import rollback as back

    done = back(home, out, by=by, why=why, at=datetime.now(UTC), key=key)
    result = {"bundle": str(out), "champion": done.version, "bundle_sha256": done.content_hash, "trusted_key": done.trusted_key}
    lines = [f"champion is version {done.version} again; {out}: content hash {done.content_hash}", f"signed; trust key {done.trusted_key}"]
    show(result, as_json=as_json, lines=lines)


def _texts(option: str, given: Sequence[str] | None) -> dict[str, str]:
    """Return the texts by gate of `GATE[,GATE...]=TEXT` arguments."""
    texts: dict[str, str] = {}
    for one in given or ():
        names, equals, text = one.partition("=")
        gates = [name.strip() for name in names.split(",")]
        if not equals or not text.strip() or not all(gates) or set(gates) & set(texts):
            raise typer.BadParameter(f"{one!r} must be GATE=TEXT, or GATE,GATE=TEXT, each gate once", param_hint=option)
        texts.update(dict.fromkeys(gates, text.strip()))
    return texts
