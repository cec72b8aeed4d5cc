"""The error budget: how far every tensor inside a model is from the original's, from the inputs to the outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trtconv.comparison.metrics import EXACT, compare, is_float
from trtconv.divergence.bisect import JUMP, distance, floor_of, origin_of, segment
from trtconv.divergence.tapping import InOnnxRuntime, Tap, batches, pairs_of, tapped
from trtconv.passes.core.node import reads

if TYPE_CHECKING:
    import os

    from trtconv.divergence.bisect import Floor
    from trtconv.feeding.inputs import Case
    from trtconv.passes.core import Edit, Graph, Model


@dataclass(frozen=True)
class Layer:
    """One tensor: its error as it has come this far, of its own node and of all in front."""

    tensor: str
    node: str
    op_type: str
    depth: int
    """Nodes on the longest way from an input to it."""
    max_abs: float
    max_rel: float
    max_ulp: int
    of_range: float
    """Largest error relative to the largest value of the tensor; infinite for another shape or misplaced NaN."""
    floor: float
    """What rounding explains of that."""
    arriving: float
    """The largest `of_range` among the tensors that it is computed from."""
    pass_name: str = ""
    """The pass that wrote the node, where one did."""

    @property
    def jumps(self) -> bool:
        """Whether the error is not there before, or an order of magnitude smaller."""
        return self.of_range > self.floor and self.of_range > JUMP * self.arriving


@dataclass(frozen=True)
class ErrorCurve:
    """The error of each tensor that both models have, in topological order."""

    case: str
    layers: tuple[Layer, ...]
    where: str = "ONNX Runtime"
    """What ran the model."""
    remark: str = ""
    """What else a reader should know of how it was measured."""

    @property
    def sentence(self) -> str:
        """Whether the error jumps, and where, or creeps."""
        where = "" if self.where == "ONNX Runtime" else f"in {self.where}, "
        return f"{where}{self._course}" + (f"; {self.remark}" if self.remark else "")

    @property
    def _course(self) -> str:
        if not self.layers:
            return "no tensor inside is in both models"
        worst = max(self.layers, key=lambda layer: layer.of_range)
        if worst.of_range <= 0:
            return f"all {len(self.layers)} tensors are equal"
        peak = f"at most {_percent(worst.of_range)} of a tensor's range, at {worst.tensor}"
        if all(layer.of_range <= layer.floor for layer in self.layers):
            return f"nothing but rounding in {len(self.layers)} tensors: {peak}"
        jump = max((one for one in self.layers if one.jumps), key=lambda one: one.of_range, default=None)
        if jump is None:
            first = next(one for one in self.layers if one.of_range > one.floor)
            start = f"passes what rounding explains at {first.tensor}"
            return f"the error creeps: it {start}, depth {first.depth}, and jumps nowhere; {peak}"
        written = f", written by {jump.pass_name}" if jump.pass_name else ""
        place = f"{jump.tensor} ({jump.op_type} {jump.node}{written}), depth {jump.depth}"
        grown = f"from {_percent(jump.arriving)} to {_percent(jump.of_range)} of the range"
        return f"the error jumps at {place}, {grown}; {peak}"

    def to_json(self) -> dict[str, object]:
        """`{"case", "where", "sentence", "layers": [...]}`."""
        layers = [asdict(layer) for layer in self.layers]
        return {"case": self.case, "where": self.where, "sentence": self.sentence, "layers": layers}

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it as .html, .svg, .png or .json, whole or not at all, and return where.

        Raises BadInput for another suffix, Unavailable for a .png without Pillow.
        """
        from trtconv.report.curve import save_curve

        return save_curve(self, Path(path))


def _percent(fraction: float) -> str:
    return f"{fraction:.2g}" if fraction == float("inf") else f"{100 * fraction:.2g} %"


def measure_curve(original: Model, model: Model, case: Case, edits: Sequence[Edit] = ()) -> ErrorCurve:
    """The curve of both models in ONNX Runtime. Raises one of `failures()` where one of them does not run."""
    pairs = pairs_of(original.main, model.main, edits)
    expected, actual = (InOnnxRuntime(one, case.feed) for one in (original, model))
    layers = layers_of(model.main, pairs, expected, actual, case, edits)
    return ErrorCurve(case.name, tuple(layers))


def layers_of(
    graph: Graph,
    pairs: Mapping[str, str],
    expected: Tap,
    actual: Tap,
    case: Case,
    edits: Sequence[Edit] = (),
    floor: Floor = lambda name, want: floor_of(want),
) -> Iterator[Layer]:
    """Every float tensor of a model with the graph `graph`, whatever runs it, in topological order."""
    depths, errors = depths_of(graph), dict[str, float]()
    for batch in batches(pairs, graph, case.feed):
        for name, want, got in tapped(expected, actual, batch):
            error = errors[name] = distance(want, got)
            if not is_float(want.dtype):
                continue
            nodes, ends = segment(graph, name, errors.keys() - {name})
            arriving = max((errors.get(end, 0.0) for end in ends), default=0.0)
            found = compare(want, got, EXACT)
            edit = origin_of(name, [node.label for node in nodes], edits)
            yield Layer(
                name,
                nodes[0].label,
                nodes[0].op_type,
                depths[name],
                found.max_abs,
                found.max_rel,
                found.max_ulp or 0,
                error,
                floor(name, want),
                arriving,
                edit.pass_name if edit else "",
            )


def depths_of(graph: Graph) -> dict[str, int]:
    """Nodes on the longest way to each tensor that the graph computes; constants count for nothing."""
    depths: dict[str, int] = {}
    for node in graph.nodes:
        depth = 1 + max((depths.get(t, 0) for t in reads(node)), default=0)
        own = 0 if node.op_type == "Constant" else depth
        depths.update((o, own) for o in node.outputs if o)
    return depths
