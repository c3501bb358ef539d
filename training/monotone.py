"""Does the model keep the directions it promises? Proved over the shipped trees, for every row there can be.

A sum of trees falls nowhere if no tree does, also as computers add: rounding keeps order. So the proof takes tree by tree every
two leaves that two rows can reach which differ in one directed feature alone, and asks that their values be ordered. The boxes
are exact (`training.trees`), so a tree that passes keeps its directions and a tree that fails breaks one. What is not ordered
in one tree can still be made good by the others; then two rows are sought on which the whole model falls.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from credit.errors import BundleInvalid, OutOfRange
from training.monotone_witness import Pair, Witness, find_witness
from training.trees import TOP, Bools, Boxes, Ints, Tree, Values, leaf_boxes, parse_trees

CLAIM = (
    "For every row of finite or missing values: when one of the features rises from one number to a greater one and all else, missing "
    "values included, stays as it is, the model's log-odds of bad do not fall where direction is 1 and do not rise where it is -1. "
    "A missing value is not ordered against a number, except where missing says as_zero: there it is read as 0 and ordered as 0. "
    "Where missing says own_branch, each split sends it to the side it learned: missing_safer and missing_riskier count the splits "
    "that send it to the side of less and of more risk. Points follow to their rounding."
)


@dataclass(frozen=True, slots=True)
class Directed:
    """What was found of one feature with a promised direction.

    ``splits`` counts the model's splits on it. ``missing`` says how they treat a missing value: ``own_branch``, ``as_zero``,
    ``mixed``, or ``not_used`` where there is no split.
    """

    name: str
    direction: int
    splits: int
    missing: str
    missing_safer: int
    missing_riskier: int
    pairs_checked: int


@dataclass(frozen=True, slots=True)
class Violation:
    """Two leaves of one tree that are not ordered: a row of ``lower_leaf`` moves to ``higher_leaf`` when ``feature`` rises.

    ``box`` holds the other features of such a row that are bounded: ``above`` (None: no bound), ``up_to`` (None: no bound) and
    whether it may be ``missing``.
    """

    feature: str
    tree: int
    lower_leaf: int
    higher_leaf: int
    lower_value: float
    higher_value: float
    box: Mapping[str, Mapping[str, float | bool | None]]


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the proof found over one model text.

    Attributes
    ----------
    verdict
        ``monotone``; ``violated``, with a ``witness`` on which the model falls; ``undecided`` where some tree is not ordered
        and no two rows were found on which the whole model falls. Only ``monotone`` is a proof.
    model_sha256
        Of the text that was read.
    violations, example
        Pairs of leaves that are not ordered, and the worst of them.
    """

    verdict: str
    model_sha256: str
    trees: int
    leaves: int
    features: tuple[Directed, ...]
    pairs_checked: int
    violations: int
    example: Violation | None = None
    witness: Witness | None = None

    def to_json(self) -> dict[str, Any]:
        """Return a document that `from_json` reads back; one certificate, one document."""
        return {"claim": CLAIM, **asdict(self), "features": [asdict(entry) for entry in self.features]}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Certificate":
        """Read a document written by `to_json`."""
        parts = {name: value for name, value in document.items() if name != "claim"}
        parts["features"] = tuple(Directed(**entry) for entry in parts["features"])
        parts["example"] = parts["example"] and Violation(**parts["example"])
        parts["witness"] = parts["witness"] and Witness(**parts["witness"])
        return cls(**parts)

    def require(self, model_text: str, directions: Mapping[str, int]) -> None:
        """Raise `BundleInvalid` unless this proves the directions of this very text.

        Parameters
        ----------
        model_text
            The text that scores.
        directions
            By feature; 0 promises nothing.
        """
        found = _sha256(model_text)
        if found != self.model_sha256:
            raise BundleInvalid(
                f"monotone.json must be of this model.txt: it is of {self.model_sha256[:12]}, found {found[:12]}: prove again"
            )
        if self.verdict != "monotone":
            raise BundleInvalid(f"the trees must be proved monotone; monotone.json says {self.verdict}{self._where()}: train again")
        proved = {entry.name: entry.direction for entry in self.features}
        promised = {name: direction for name, direction in directions.items() if direction}
        if proved != promised:
            other = sorted(name for name in {*proved, *promised} if proved.get(name) != promised.get(name))
            raise BundleInvalid(f"monotone.json must prove every promised direction and no other; it differs on {other[:5]}: prove again")

    def _where(self) -> str:
        if self.example is None:
            return ""
        e = self.example
        return (
            f" ({e.feature} rises from leaf {e.lower_leaf} to leaf {e.higher_leaf} of tree {e.tree}: {e.lower_value} to {e.higher_value})"
        )


def prove(model_text: str, names: Sequence[str], directions: Sequence[int]) -> Certificate:
    """Check every tree of a LightGBM text model against the promised directions.

    Parameters
    ----------
    model_text
        As LightGBM writes it; splits on numbers and constant leaves alone.
    names, directions
        Of the f features in the model's order; +1 where the log-odds of bad must not fall as the value rises, -1 where they
        must not rise, 0 where nothing is promised.

    Raises
    ------
    BundleInvalid
        The text cannot be read as such a model.
    OutOfRange
        Names or directions are not the model's, or a direction is none of -1, 0, 1.
    """
    found, trees = parse_trees(model_text)
    if tuple(names) != found or len(directions) != len(found):
        raise OutOfRange(f"names and directions must be those of the model's {len(found)} features in its order, found {len(names)}")
    if not set(directions) <= {-1, 0, 1}:
        raise OutOfRange(f"a direction must be -1, 0 or 1, found {sorted(set(directions))}")
    boxes = [leaf_boxes(tree) for tree in trees]
    pairs = dict.fromkeys(np.flatnonzero(directions).tolist(), 0)
    broken: list[Pair] = []
    for number, (tree, box) in enumerate(zip(trees, boxes, strict=True)):
        for feature, compared, unordered in _compare(tree, box, directions):
            pairs[feature] += compared
            broken += [Pair(number, feature, int(a), int(b)) for a, b in unordered]
    directed = tuple(_directed(trees, names[j], j, directions[j], compared) for j, compared in pairs.items())
    broken.sort(key=lambda pair: (-abs(np.diff(trees[pair.tree].leaf_value[[pair.lower, pair.higher]])[0]), pair))
    example = _violation(broken[0], trees, boxes, names) if broken else None
    witness = find_witness(model_text, names, trees, boxes, broken, directions) if broken else None
    return Certificate(
        verdict="monotone" if not broken else "undecided" if witness is None else "violated",
        model_sha256=_sha256(model_text),
        trees=len(trees),
        leaves=sum(len(tree.leaf_value) for tree in trees),
        features=directed,
        pairs_checked=sum(pairs.values()),
        violations=len(broken),
        example=example,
        witness=witness,
    )


def _compare(tree: Tree, boxes: Boxes, directions: Sequence[int]) -> list[tuple[int, int, Ints]]:
    """Return, for each directed feature of a tree, its place, the pairs of leaves compared, and those not ordered, shape (n, 2).

    A pair (a, b) is compared where two rows that agree in all other features can lie in a and in b, the first with the
    smaller number.
    """
    if not any(directions[feature] for feature in boxes.features.tolist()):
        return []
    by_feature = boxes.reach.transpose(1, 0, 2)
    # Boolean products: cells two leaves have in common, counted in float32 without loss.
    cells = by_feature.astype(np.float32)
    is_apart = (cells @ cells.transpose(0, 2, 1)) == 0
    apart = is_apart.sum(axis=0)
    numbers = by_feature[:, :, 1:]
    lowest = numbers.argmax(axis=2)
    highest = numbers.shape[2] - 1 - numbers[:, :, ::-1].argmax(axis=2)
    has_numbers = np.asarray(numbers.any(axis=2), dtype=np.bool_)
    found = []
    for k, feature in enumerate(boxes.features.tolist()):
        if not directions[feature]:
            continue
        is_compared = (apart == is_apart[k]) & (lowest[k][:, None] < highest[k][None, :])
        is_compared &= has_numbers[k][:, None] & has_numbers[k][None, :]
        np.fill_diagonal(is_compared, False)
        values = tree.leaf_value * directions[feature]
        found.append((feature, int(is_compared.sum()), np.argwhere(is_compared & (values[:, None] > values[None, :]))))
    return found


def _directed(trees: Sequence[Tree], name: str, feature: int, direction: int, pairs_checked: int) -> Directed:
    splits = [(tree, int(node)) for tree in trees for node in np.flatnonzero(tree.feature == feature)]
    own = [bool(tree.goes_left(node, np.array([np.nan]))[0]) for tree, node in splits if tree.missing_is_own(node)]
    # Left are the smaller values: less risk where risk rises with the value.
    safer = sum(is_left == (direction > 0) for is_left in own)
    missing = "not_used" if not splits else "own_branch" if len(own) == len(splits) else "mixed" if own else "as_zero"
    return Directed(name, direction, len(splits), missing, safer, len(own) - safer, pairs_checked)


def _violation(pair: Pair, trees: Sequence[Tree], boxes: Sequence[Boxes], names: Sequence[str]) -> Violation:
    box, values = boxes[pair.tree], trees[pair.tree].leaf_value
    both = np.asarray(box.reach[pair.lower] & box.reach[pair.higher], dtype=np.bool_)
    others = {
        names[j]: _hull(cells, allowed)
        for j, cells, allowed in zip(box.features.tolist(), box.cells, both, strict=True)
        if j != pair.feature and not allowed[~np.isinf(cells)].all()
    }
    return Violation(names[pair.feature], pair.tree, pair.lower, pair.higher, float(values[pair.lower]), float(values[pair.higher]), others)


def _hull(cells: Values, allowed: Bools) -> dict[str, float | bool | None]:
    """Return the bounds of the cells a feature may lie in."""
    inside = np.flatnonzero(allowed[1:]) + 1
    above = up_to = None
    if len(inside):
        above = float(cells[inside[0] - 1]) if inside[0] > 1 else None
        up_to = float(cells[inside[-1]]) if cells[inside[-1]] < TOP else None
    return {"above": above, "up_to": up_to, "missing": bool(allowed[0])}


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
