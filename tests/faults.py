"""Seeded faults: what a broken rewrite does to a network, one node at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

Fault = Callable[[ModelProto, NodeProto, np.random.Generator], bool]


def inject(model: ModelProto, seed: int) -> tuple[ModelProto, str, str]:
    """A copy of `model` with one fault, the label of the node it is in, and the kind of fault."""
    rng = np.random.default_rng(seed)
    order = [(kind, index) for kind in FAULTS for index, node in enumerate(model.graph.node) if fits(kind, node)]
    kinds = sorted({kind for kind, _ in order})
    for kind in rng.permutation(kinds):
        places = [index for name, index in order if name == kind]
        for index in rng.permutation(places):
            mutant = ModelProto()
            mutant.CopyFrom(model)
            node = mutant.graph.node[int(index)]
            if FAULTS[kind][1](mutant, node, rng):
                return mutant, node.name or node.output[0], str(kind)
    raise ValueError("no fault fits this model")


def fits(kind: str, node: NodeProto) -> bool:
    return node.op_type in FAULTS[kind][0]


def attribute(node: NodeProto, name: str) -> object | None:
    return next((helper.get_attribute_value(a) for a in node.attribute if a.name == name), None)


def set_attribute(node: NodeProto, name: str, value: object) -> None:
    kept = [a for a in node.attribute if a.name != name]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(name, value)])


def own_constant(model: ModelProto, node: NodeProto, index: int, change: Callable[[np.ndarray], np.ndarray]) -> bool:
    """Give `node` a changed copy of its constant input `index`; False where that is no constant."""
    if index >= len(node.input):
        return False
    name = node.input[index]
    found = [t for t in model.graph.initializer if t.name == name]
    found += [a.t for n in model.graph.node if n.op_type == "Constant" and n.output[0] == name for a in n.attribute]
    if not found or found[0].data_type == TensorProto.UNDEFINED:
        return False
    value = numpy_helper.to_array(found[0])
    changed = change(value)
    if changed.shape == value.shape and np.array_equal(changed, value):
        return False
    node.input[index] = f"{name}/fault"
    model.graph.initializer.append(numpy_helper.from_array(changed.astype(value.dtype), f"{name}/fault"))
    return True


def wrong_alpha(model: ModelProto, node: NodeProto, rng: np.random.Generator) -> bool:
    default = {"HardSigmoid": 0.2, "LeakyRelu": 0.01, "Elu": 1.0}[node.op_type]
    set_attribute(node, "alpha", float(attribute(node, "alpha") or default) * 1.2)
    return True


def shifted_pad(model: ModelProto, node: NodeProto, rng: np.random.Generator) -> bool:
    pads = attribute(node, "pads")
    if not pads or (len(set(pads[: len(pads) // 2])) == 1 and not any(pads)):
        return False
    half = len(pads) // 2
    if pads[half - 1] == 0:
        return False
    moved = [*pads[: half - 1], pads[half - 1] - 1, *pads[half:-1], pads[-1] + 1]
    set_attribute(node, "pads", moved)
    return True


def swapped_mode(model: ModelProto, node: NodeProto, rng: np.random.Generator) -> bool:
    mode = attribute(node, "mode")
    set_attribute(node, "mode", "linear" if mode in (None, b"nearest") else "nearest")
    return True


def dropped_operand(model: ModelProto, node: NodeProto, rng: np.random.Generator) -> bool:
    kept = node.input[0]
    node.op_type = "Identity"
    del node.input[:]
    del node.attribute[:]
    node.input.append(kept)
    return True


def perturbed_weight(model: ModelProto, node: NodeProto, rng: np.random.Generator) -> bool:
    def change(value: np.ndarray) -> np.ndarray:
        changed = value.copy()
        place = int(rng.integers(value.size))
        changed.reshape(-1)[place] += 0.5 * float(np.abs(value).max()) + 1e-3
        return changed

    return own_constant(model, node, 1, change)


def flipped_transpose(model: ModelProto, node: NodeProto, rng: np.random.Generator) -> bool:
    perm = list(attribute(node, "perm") or [])
    if len(perm) < 2:
        return False
    set_attribute(node, "perm", [*perm[:-2], perm[-1], perm[-2]])
    return True


def off_by_one(model: ModelProto, node: NodeProto, rng: np.random.Generator) -> bool:
    return own_constant(model, node, 1, lambda starts: starts + 1)


def lost_cast(model: ModelProto, node: NodeProto, rng: np.random.Generator) -> bool:
    """The cast is gone, and what reads it gets the other element type."""
    return dropped_operand(model, node, rng)


FAULTS: dict[str, tuple[tuple[str, ...], Fault]] = {
    "wrong alpha": (("HardSigmoid", "LeakyRelu", "Elu"), wrong_alpha),
    "shifted pad": (("Conv", "MaxPool", "AveragePool"), shifted_pad),
    "swapped Resize mode": (("Resize", "Upsample"), swapped_mode),
    "dropped operand": (("Add", "Mul"), dropped_operand),
    "perturbed weight": (("Conv", "Gemm", "MatMul"), perturbed_weight),
    "flipped transpose": (("Transpose",), flipped_transpose),
    "off-by-one Slice": (("Slice",), off_by_one),
    "lost cast": (("Cast",), lost_cast),
    "lost activation": (("Relu", "Sigmoid", "Clip", "HardSwish", "Softmax", "Erf", "Sqrt"), dropped_operand),
}
