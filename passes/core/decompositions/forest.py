"""The trees of a tree ensemble (`ai.onnx.ml`) as one table: each branch compares by <= or <, a leaf leads to itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import helper, numpy_helper

from trtconv.passes.core.rewrite import Refused

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trtconv.passes.core.node import Node

MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "BRANCH_MEMBER")
"""In the order of the numbers that TreeEnsemble gives them."""


@dataclass(frozen=True)
class Branch:
    """One comparison: the nodes that follow where it holds, where it does not, and where the feature is NaN."""

    feature: int
    threshold: float
    is_strict: bool
    """x < threshold; else x <= threshold."""
    yes: int
    no: int
    missing: int


@dataclass
class Forest:
    """Nodes are numbers: one is a branch or a leaf."""

    roots: list[int]
    leaves: dict[int, NDArray[Any]]
    """What each adds to each target."""
    count: int
    """Numbers that are taken, from 0 on."""
    branches: dict[int, Branch] = field(default_factory=dict)

    def depth(self) -> int:
        """Comparisons on the longest way from a root to a leaf. Raises Refused where a way has no end."""
        level, depth = set(self.roots), 0
        while level := {n for b in map(self.branches.get, level) if b for n in (b.yes, b.no, b.missing)}:
            depth += 1
            if depth > self.count:
                raise Refused("its nodes lead in a circle")
        return depth

    def grow(self, number: int, feature: int, mode: str, values: Sequence[float], ends: tuple[int, int, int]) -> None:
        """Add the branch `number`, with whatever further ones its mode takes; `ends` is where it leads to."""
        yes, no, missing = ends
        if mode in ("BRANCH_LEQ", "BRANCH_LT"):
            self.branches[number] = Branch(feature, values[0], mode == "BRANCH_LT", yes, no, missing)
        elif mode in ("BRANCH_GT", "BRANCH_GTE"):
            self.branches[number] = Branch(feature, values[0], mode == "BRANCH_GTE", no, yes, missing)
        elif mode == "BRANCH_NEQ":
            self._grow_members(number, feature, values, (no, yes, missing))
        elif mode in ("BRANCH_EQ", "BRANCH_MEMBER"):
            self._grow_members(number, feature, values, ends)
        else:
            raise Refused(f"its branches compare by {mode}")

    def _grow_members(self, number: int, feature: int, values: Sequence[float], ends: tuple[int, int, int]) -> None:
        """Equal to one of the values: not more and not less, one value after the other."""
        yes, no, missing = ends
        for position, value in enumerate(values):
            is_last = position + 1 == len(values)
            free, following = self.count, no if is_last else self.count + 1
            self.count += 1 if is_last else 2
            self.branches[number] = Branch(feature, value, False, free, following, missing)
            self.branches[free] = Branch(feature, value, True, following, yes, missing)
            number = following


def of_tree_ensemble(node: Node) -> Forest:
    """TreeEnsemble: branches and leaves are counted each for themselves; the leaves come after the branches here."""
    features = node.attr_ints("nodes_featureids") or []
    leaves = [_one_hot(t, w, node.attr_int("n_targets", 1)) for t, w in _leaves(node)]
    places = {len(features) + i: w for i, w in enumerate(leaves)}
    forest = Forest(node.attr_ints("tree_roots") or [], places, len(features) + len(leaves))
    yes, no = (
        [n + len(features) * leaf for n, leaf in zip(*(_attribute(node, a) for a in pair), strict=True)]
        for pair in (("nodes_truenodeids", "nodes_trueleafs"), ("nodes_falsenodeids", "nodes_falseleafs"))
    )
    modes = [MODES[m] for m in _tensor(node, "nodes_modes").tolist()]
    members, splits = _members(node), _tensor(node, "nodes_splits").tolist()
    for i, (mode, missing) in enumerate(zip(modes, _missing(node, modes, yes, no), strict=True)):
        values = next(members) if mode == "BRANCH_MEMBER" else [splits[i]]
        forest.grow(i, features[i], mode, values, (yes[i], no[i], missing))
    return forest


def of_older_ensemble(node: Node, votes: str, targets: int) -> Forest:
    """TreeEnsembleRegressor or TreeEnsembleClassifier, whose leaves vote in attributes named `<votes>_...`."""
    trees = _attribute(node, "nodes_treeids")
    place = {key: i for i, key in enumerate(zip(trees, _attribute(node, "nodes_nodeids"), strict=True))}
    modes = [m.decode() for m in _attribute(node, "nodes_modes")]
    silent = {i: np.zeros(targets) for i, mode in enumerate(modes) if mode == "LEAF"}
    forest = Forest(_firsts(trees), silent | _votes(node, votes, place, targets), len(modes))
    yes, no = (
        [place.get(key, -1) for key in zip(trees, _attribute(node, f"nodes_{side}nodeids"), strict=True)]
        for side in ("true", "false")
    )
    features, values = _attribute(node, "nodes_featureids"), _numbers(node, "nodes_values")
    for i, (mode, missing) in enumerate(zip(modes, _missing(node, modes, yes, no), strict=True)):
        if mode != "LEAF":
            forest.grow(i, features[i], mode, [values[i]], (yes[i], no[i], missing))
    return forest


def _firsts(trees: Sequence[int]) -> list[int]:
    """Place of the first node of each tree, which is its root."""
    return list({tree: i for i, tree in reversed(list(enumerate(trees)))}.values())


def _votes(node: Node, votes: str, place: dict[tuple[int, int], int], targets: int) -> dict[int, NDArray[Any]]:
    found: dict[int, NDArray[Any]] = {}
    keys = zip(_attribute(node, f"{votes}_treeids"), _attribute(node, f"{votes}_nodeids"), strict=True)
    ballots = zip(keys, _attribute(node, f"{votes}_ids"), _numbers(node, f"{votes}_weights"), strict=True)
    seen: set[tuple[int, int]] = set()
    for key, target, weight in ballots:
        if (place[key], target) in seen:
            raise Refused("a leaf votes twice for the same target")
        seen.add((place[key], target))
        found[place[key]] = found.get(place[key], 0) + _one_hot(target, weight, targets)
    return found


def _leaves(node: Node) -> Iterator[tuple[int, float]]:
    return zip(node.attr_ints("leaf_targetids") or [], _tensor(node, "leaf_weights").tolist(), strict=True)


def _one_hot(target: int, weight: float, targets: int) -> NDArray[Any]:
    return np.where(np.arange(targets) == target, weight, 0.0)


def _members(node: Node) -> Iterator[list[float]]:
    """The values of each set, which NaN ends."""
    values: list[float] = []
    for value in _tensor(node, "membership_values").tolist() if "membership_values" in node.attributes else ():
        if np.isnan(value):
            yield values
            values = []
        else:
            values.append(value)


def _missing(node: Node, modes: Sequence[str], yes: Sequence[int], no: Sequence[int]) -> list[int]:
    """Where NaN leads: it is unequal to everything, and less or more than nothing, unless the node says otherwise."""
    tracks = _attribute(node, "nodes_missing_value_tracks_true") or [0] * len(modes)
    ways = zip(modes, tracks, yes, no, strict=True)
    return [y if mode == "BRANCH_NEQ" or track else n for mode, track, y, n in ways]


def _attribute(node: Node, name: str) -> list[Any]:
    found = node.attributes.get(name)
    return [] if found is None else list(helper.get_attribute_value(found))


def _numbers(node: Node, name: str) -> list[float]:
    """A list of floats, or the tensor of doubles that stands for it."""
    doubles = node.attr_tensor(f"{name}_as_tensor")
    return node.attr_floats(name) or [] if doubles is None else numpy_helper.to_array(doubles).tolist()


def _tensor(node: Node, name: str) -> NDArray[Any]:
    found = node.attr_tensor(name)
    if found is None:
        raise Refused(f"it has no {name}")
    return numpy_helper.to_array(found)
