"""Model texts written by hand: any tree, also such as LightGBM would not grow."""

from dataclasses import dataclass

from hypothesis import strategies as st

TINY = 1.0000000180025095e-35
FEATURES = 3
NAMES = ("a", "b", "c")
MISSING_IS_ZERO_LEFT, MISSING_OWN_LEFT, MISSING_OWN_RIGHT = 6, 10, 8


@dataclass(frozen=True)
class Split:
    feature: int
    threshold: float
    decision: int
    left: "Split | float"
    right: "Split | float"


def text(*trees: "Split | float", names: tuple[str, ...] = NAMES) -> str:
    head = (
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n"
        f"max_feature_idx={len(names) - 1}\nobjective=binary sigmoid:1\nfeature_names={' '.join(names)}\n"
        f"feature_infos={' '.join(['[-9:9]'] * len(names))}\n"
    )
    blocks = "".join(f"Tree={number}\n{_block(tree)}\n\n" for number, tree in enumerate(trees))
    return f"{head}\n{blocks}end of trees\n\nparameters:\nend of parameters\n"


def _block(tree: "Split | float") -> str:
    nodes: list[Split] = []
    leaves: list[float] = []
    children: dict[int, list[int]] = {}

    def number(node: "Split | float") -> int:
        if not isinstance(node, Split):
            leaves.append(node)
            return -len(leaves)
        nodes.append(node)
        mine = len(nodes) - 1
        children[mine] = [number(node.left), number(node.right)]
        return mine

    number(tree)
    if not nodes:
        return f"num_leaves=1\nnum_cat=0\nleaf_value={leaves[0]!r}\nis_linear=0\nshrinkage=1\n"
    lists: dict[str, list[object]] = {
        "split_feature": [node.feature for node in nodes],
        "split_gain": [1] * len(nodes),
        "threshold": [repr(node.threshold) for node in nodes],
        "decision_type": [node.decision for node in nodes],
        "left_child": [children[i][0] for i in range(len(nodes))],
        "right_child": [children[i][1] for i in range(len(nodes))],
        "leaf_value": [repr(value) for value in leaves],
        "leaf_weight": [1] * len(leaves),
        "leaf_count": [1] * len(leaves),
        "internal_value": [0] * len(nodes),
        "internal_weight": [1] * len(nodes),
        "internal_count": [_leaves(node) for node in nodes],
    }
    body = "".join(f"{key}={' '.join(map(str, values))}\n" for key, values in lists.items())
    return f"num_leaves={len(leaves)}\nnum_cat=0\n{body}is_linear=0\nshrinkage=1\n"


def _leaves(node: "Split | float") -> int:
    return _leaves(node.left) + _leaves(node.right) if isinstance(node, Split) else 1


thresholds = st.sampled_from([-2.5, -TINY, -1e-40, 0.0, 1e-36, TINY, 0.7, 1.5, 1.5000000000000002, 1.7976931348623157e308])
decisions = st.sampled_from([0, 2, 4, 6, 8, 10])
leaf_values = st.integers(-3, 3).map(float)
trees = st.recursive(
    leaf_values,
    lambda inner: st.builds(Split, st.integers(0, FEATURES - 1), thresholds, decisions, inner, inner),
    max_leaves=7,
)
"""Trees whose splits treat missing values in every way, with thresholds about zero and at the ends."""
