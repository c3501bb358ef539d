"""Two signed bundles that score apart, and a thousand ways to damage one."""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from credit.scale import Scale
from training.bundle import ScoringBundle
from training.scorer import Scorer
from training.seal import MANIFEST, SIGNATURE, dump_json, load_json, seal

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


def make_pair(bundle: ScoringBundle, folder: Path) -> None:
    """Write ``first`` and ``second``, signed by one key; the second says ten points more of everybody."""
    seal(folder / "first", bundle.content, {"version": "1", "approved_by": "tests"}, KEY)
    scale = Scale(bundle.scale.base_score + 10.0, bundle.scale.base_odds, bundle.scale.pdo)
    golden = load_json(bundle.content["golden.json"], "golden.json")
    rows = [[np.nan if cell is None else float.fromhex(cell) for cell in row] for row in golden["rows"]]
    scores = Scorer.from_text(bundle.content["model.txt"].decode(), bundle.calibration, scale).score(np.array(rows))
    golden |= {"points": [x.hex() for x in scores.points.tolist()], "pd": [x.hex() for x in scores.pd.tolist()]}
    told = {"base_score": scale.base_score, "base_odds": scale.base_odds, "pdo": scale.pdo}
    changed = {"scale.json": dump_json(told), "golden.json": dump_json(golden)}
    seal(folder / "second", {**bundle.content, **changed}, {"version": "2", "approved_by": "tests"}, KEY)


@contextmanager
def damaged(folder: Path, rng: random.Random) -> Iterator[str]:
    """Damage a bundle folder in one of twelve ways, and mend it at the end."""
    name = rng.choice(list(DAMAGES))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    DAMAGES[name](folder, rng)
    try:
        yield name
    finally:
        for path in folder.iterdir():
            path.unlink()
        for part, data in before.items():
            (folder / part).write_bytes(data)


def _some(folder: Path, rng: random.Random) -> Path:
    return rng.choice(sorted(folder.iterdir()))


def _flip(folder: Path, rng: random.Random) -> None:
    path = _some(folder, rng)
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def _cut(folder: Path, rng: random.Random) -> None:
    path = _some(folder, rng)
    data = path.read_bytes()
    path.write_bytes(data[: rng.randrange(len(data))])


def _add(folder: Path, rng: random.Random) -> None:
    with _some(folder, rng).open("ab") as file:
        file.write(rng.randbytes(rng.randrange(1, 50)))


def _change_places(folder: Path, rng: random.Random) -> None:
    one, other = rng.sample(sorted(folder.iterdir()), 2)
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def _drop(folder: Path, rng: random.Random) -> None:
    _some(folder, rng).unlink()


def _unexpected(folder: Path, rng: random.Random) -> None:
    (folder / f"more{rng.randrange(9)}.pkl").write_bytes(b"\x80\x04.")


def _link(folder: Path, rng: random.Random) -> None:
    path = _some(folder, rng)
    path.unlink()
    path.symlink_to("/dev/zero" if rng.random() < 0.5 else "../second/" + path.name)


def _pipe(folder: Path, rng: random.Random) -> None:
    path = _some(folder, rng)
    path.unlink()
    os.mkfifo(path)


def _unsigned(folder: Path, rng: random.Random) -> None:
    (folder / SIGNATURE).unlink()


def _signed_by_another(folder: Path, rng: random.Random) -> None:
    manifest = (folder / MANIFEST).read_bytes()
    (folder / SIGNATURE).write_text(f"{OTHER_KEY.public_key().public_bytes_raw().hex()}\n{OTHER_KEY.sign(manifest).hex()}\n", "ascii")


def _old_signature(folder: Path, rng: random.Random) -> None:
    old = folder.parent / "first" / SIGNATURE
    (folder / SIGNATURE).write_bytes(old.read_bytes())


def _old_bundle_under_this_name(folder: Path, rng: random.Random) -> None:
    for path in (folder.parent / "first").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())


DAMAGES: dict[str, Callable[[Path, random.Random], None]] = {
    "flip": _flip, "cut": _cut, "add": _add, "change places": _change_places, "drop": _drop, "unexpected": _unexpected, "link": _link,
    "pipe": _pipe, "unsigned": _unsigned, "signed by another": _signed_by_another, "old signature": _old_signature,
    "old bundle": _old_bundle_under_this_name,
}  # fmt: skip


def damaged_text(text: str, rng: random.Random) -> str:
    """Return a model text damaged where LightGBM reads it: cut short, or a wrong child, count, number or feature."""
    if rng.random() < 0.3:
        return text[: rng.randrange(len(text) // 2)]
    lines = text.split("\n")
    wanted = rng.choice(("left_child=", "right_child=", "split_feature=", "num_leaves=", "leaf_value=", "decision_type="))
    place = rng.choice([number for number, line in enumerate(lines) if line.startswith(wanted) and len(line) > len(wanted)])
    name, _, told = lines[place].partition("=")
    values = told.split(" ")
    values[rng.randrange(len(values))] = rng.choice(("-100000", "100000", "99", "nan", "x", "1e308"))
    lines[place] = f"{name}={' '.join(values)}"
    return "\n".join(lines)
