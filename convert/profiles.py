"""Shape profiles held against a graph's inputs: what is wrong with them, and what was left unsaid."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from trtconv.errors import BadInput
from trtconv.shapes import ShapeProfile, Span, Spans, parse_shapes, quoted, shape_text

if TYPE_CHECKING:
    from onnx import ModelProto

    from trtconv.passes.core.types import Dim, TensorType

Inputs = Mapping[str, "TensorType | None"]
"""Type of each graph input that a caller has to feed; None for what is no tensor or has no type."""

EXAMPLE_BATCH, EXAMPLE_SIZE = "1-4-8", "224"


def model_inputs(model: ModelProto) -> Inputs:
    """The inputs of a model that are not initializers, in order."""
    from trtconv.passes.core.types import tensor_type

    constants = {tensor.name for tensor in model.graph.initializer}
    return {value.name: tensor_type(value.type) for value in model.graph.input if value.name not in constants}


def profiles_for(inputs: Inputs, shapes: str | Iterable[str] | Sequence[ShapeProfile] = ()) -> tuple[ShapeProfile, ...]:
    """Profiles that name every input, in the graph's order; static inputs need not be given.

    A static graph without `shapes` has one profile. Raises BadInput that shows the graph's own inputs.
    """
    try:
        profiles = _parsed(shapes) or (ShapeProfile({}),)
        for profile in profiles:
            _check_names(profile, inputs)
        complete = tuple(_complete(profile, inputs) for profile in profiles)
        for profile in complete:
            _check_dim_params(profile, inputs)
    except BadInput as error:
        where = f"{error.where}; " if error.where else ""
        raise BadInput(
            error.what,
            where=f"{where}the graph's inputs are {inputs_text(inputs)}",
            do=f"for example --shapes {example(inputs)}",
        ) from None
    return complete


def inputs_text(inputs: Inputs) -> str:
    """`image: float[N,3,224,224], mask: bool[N]`."""
    return ", ".join(f"{name}: {_type_text(found)}" for name, found in inputs.items()) or "none"


def example(inputs: Inputs) -> str:
    """A text of shapes that fits the inputs with dynamic dimensions, or all inputs where none has any."""
    dynamic = [name for name, found in inputs.items() if is_dynamic(found)]
    sizes: dict[str, str] = {}
    return ",".join(f"{quoted(name)}:{_example_shape(inputs[name], sizes)}" for name in dynamic or inputs)


def is_dynamic(found: TensorType | None) -> bool:
    """Whether a shape must be given before an engine can be built."""
    return found is None or found.shape is None or any(_fixed(dim) is None for dim in found.shape)


def _parsed(shapes: str | Iterable[str] | Sequence[ShapeProfile]) -> tuple[ShapeProfile, ...]:
    given = [shapes] if isinstance(shapes, str) else list(shapes)
    profiles = [p for p in given if isinstance(p, ShapeProfile)]
    return tuple(profiles) or parse_shapes([text for text in given if isinstance(text, str) and text])


def _check_names(profile: ShapeProfile, inputs: Inputs) -> None:
    for name in (*profile.shapes, *profile.values):
        if name not in inputs:
            raise BadInput(f"the graph has no input {name!r}")


def _complete(profile: ShapeProfile, inputs: Inputs) -> ShapeProfile:
    shapes: dict[str, Spans] = {}
    for name, found in inputs.items():
        shape = found.shape if found is not None else None
        if name in profile.values:
            shapes[name] = _shape_of_values(name, profile.values[name], found)
        elif name in profile.shapes:
            _check_shape(name, profile.shapes[name], shape)
            shapes[name] = profile.shapes[name]
        else:
            shapes[name] = _static_shape(name, found)
    return ShapeProfile(shapes, {name: profile.values[name] for name in inputs if name in profile.values})


def _check_shape(name: str, spans: Spans, shape: tuple[Dim, ...] | None) -> None:
    if shape is None:
        return
    if len(spans) != len(shape):
        raise BadInput(f"input {name!r} has {len(shape)} dimensions, not the {len(spans)} of {shape_text(spans)}")
    for axis, (span, dim) in enumerate(zip(spans, shape, strict=True)):
        fixed = _fixed(dim)
        if fixed is not None and span != (fixed, fixed, fixed):
            hint = f"; for the values of a shape tensor write {quoted(name)}={shape_text(spans)}" if axis == 0 else ""
            raise BadInput(f"dimension {axis} of input {name!r} is fixed to {fixed}, not {span.text}{hint}")


def _shape_of_values(name: str, values: Spans, found: TensorType | None) -> Spans:
    from onnx import TensorProto

    if found is None or found.shape is None:
        return (Span(len(values), len(values), len(values)),)
    if found.dtype not in (TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL) or len(found.shape) > 1:
        raise BadInput(f"input {name!r} cannot be a shape tensor: it is {_type_text(found)}")
    length = _fixed(found.shape[0]) if found.shape else 1
    if length is not None and length != len(values):
        raise BadInput(f"input {name!r} has {length} values, not the {len(values)} given")
    return (Span(len(values), len(values), len(values)),) if found.shape else ()


def _static_shape(name: str, found: TensorType | None) -> Spans:
    if found is None or found.shape is None or is_dynamic(found):
        raise BadInput(f"input {name!r} has dynamic dimensions, and no shape was given for it")
    return tuple(Span(dim, dim, dim) for dim in found.shape if isinstance(dim, int))


def _check_dim_params(profile: ShapeProfile, inputs: Inputs) -> None:
    """TensorRT demands equal sizes of dimensions with the same name, and fails late where they are not."""
    seen: dict[str, tuple[str, Span]] = {}
    for name, found in inputs.items():
        shape = found.shape if found is not None and found.shape is not None else ()
        for dim, span in zip(shape, profile.shapes[name], strict=False):
            if not isinstance(dim, str) or _is_number(dim):
                continue
            first, other = seen.setdefault(dim, (name, span))
            if span != other:
                what = f"dimension {dim!r} is {other.text} in input {first!r}, and {span.text} in input {name!r}"
                raise BadInput(f"{what}: the graph says that they are equal")


def _fixed(dim: Dim) -> int | None:
    """The number that a dimension is fixed to; old exporters write -1 for a dynamic one."""
    return dim if isinstance(dim, int) and dim >= 0 else None


def _is_number(dim: str) -> bool:
    """Whether a dimension's name is a mere -1, which says nothing: TensorRT renames such ones since 10.10."""
    return re.fullmatch(r"-\d+", dim) is not None


def _type_text(found: TensorType | None) -> str:
    from onnx import TensorProto

    if found is None:
        return "no tensor type"
    dims = "?" if found.shape is None else ",".join("?" if d is None else str(d) for d in found.shape)
    return f"{TensorProto.DataType.Name(found.dtype).lower()}[{dims}]"


def _example_shape(found: TensorType | None, sizes: dict[str, str]) -> str:
    """A shape that fits; `sizes` remembers what stands for a named dimension, which has to be equal everywhere."""
    if found is None or found.shape is None:
        return f"{EXAMPLE_BATCH}x3x{EXAMPLE_SIZE}x{EXAMPLE_SIZE}"
    dims = []
    for axis, dim in enumerate(found.shape):
        fixed, example = _fixed(dim), EXAMPLE_SIZE if axis else EXAMPLE_BATCH
        named = sizes.setdefault(dim, example) if isinstance(dim, str) else example
        dims.append(named if fixed is None else str(fixed))
    return "x".join(dims) or "scalar"
