"""Inputs that the user has: .npz files, what Polygraphy saved, pictures; and how what was fed is kept."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper

from trtconv.errors import BadInput
from trtconv.feeding.inputs import Case
from trtconv.storage.arrays import ArrayWriter, as_type, read_arrays

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trtconv.feeding.preprocessing import Preprocessing
    from trtconv.passes.core import Graph, Model, TensorType

    Array = NDArray[Any]
    Feed = dict[str, Array]

PICTURES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

Given = str | os.PathLike[str] | Mapping[str, "Array"] | Sequence[Mapping[str, "Array"]]


def given_cases(model: Model, given: Given) -> list[Case]:
    """Cases of what a user has: a file, a folder of files, or arrays by input name.

    A file is an .npz file with an array per input, or JSON that `polygraphy run --save-inputs` wrote; a folder holds
    .npz files, or pictures, which become inputs as the metadata of the model say. Raises BadInput for what does not
    fit the graph, Unavailable for pictures without Pillow.
    """
    return [Case(name, fitted_feed(model.main, name, feed)) for name, feed in _read(model, given)]


def _read(model: Model, given: Given) -> Iterator[tuple[str, Mapping[str, Array]]]:
    if isinstance(given, Mapping):
        yield "given", given
    elif isinstance(given, (str, os.PathLike)):
        path = Path(given)
        if not path.exists():
            raise BadInput(f"{path} does not exist", where="--inputs")
        yield from _folder(model, path) if path.is_dir() else _file(model, path)
    else:
        yield from ((f"given {i}", feed) for i, feed in enumerate(given))


def _folder(model: Model, folder: Path) -> Iterator[tuple[str, Mapping[str, Array]]]:
    arrays = sorted(folder.glob("*.npz"))
    pictures = sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURES)
    if arrays:
        for path in arrays:
            yield path.name, read_arrays(path, "--inputs")
    elif pictures:
        yield from _pictures(model, pictures)
    else:
        raise BadInput(
            f"{folder} holds neither .npz files nor pictures",
            where="--inputs",
            do="save inputs with numpy.savez(file, input_name=array)",
        )


def _file(model: Model, path: Path) -> Iterator[tuple[str, Mapping[str, Array]]]:
    if path.suffix.lower() == ".json":
        for number, feed in enumerate(_polygraphy(path)):
            yield f"{path.name} {number}", feed
    elif path.suffix.lower() in PICTURES:
        yield from _pictures(model, [path])
    else:
        yield path.name, read_arrays(path, "--inputs")


def _polygraphy(path: Path) -> list[Feed]:
    """The feeds that `polygraphy run --save-inputs` wrote: a list of arrays by input name."""
    from polygraphy.exception import PolygraphyException
    from polygraphy.json import load_json

    do = "write it with `polygraphy run ... --save-inputs FILE`"
    try:
        feeds = load_json(str(path))
    except (OSError, ValueError, KeyError, TypeError, PolygraphyException) as error:
        raise BadInput(f"{path} is no JSON of Polygraphy: {error}", where="--inputs", do=do) from error
    if not isinstance(feeds, list) or not feeds or not all(isinstance(feed, Mapping) for feed in feeds):
        raise BadInput(f"{path} is not a list of inputs by name", where="--inputs", do=do)
    return [{name: np.asarray(value) for name, value in feed.items()} for feed in feeds]


# --- pictures ------------------------------------------------------------------------------------


def _pictures(model: Model, paths: Sequence[Path]) -> Iterator[tuple[str, Mapping[str, Array]]]:
    """A case for each picture, or for as many as the fixed batch of the graph takes."""
    from trtconv.feeding.preprocessing import Preprocessing, open_image, prepared

    look = Preprocessing.from_metadata({p.key: p.value for p in model.proto.metadata_props})
    name, rows = _image_input(model.main, look)
    if look is None:
        raise BadInput(
            "the metadata of the model do not say how a picture becomes its input",
            where="--inputs",
            do="export it with `trtconv models export`, or feed arrays: --inputs file.npz",
        )
    for start in range(0, len(paths), rows):
        some = paths[start : start + rows]
        some = [*some, *[some[-1]] * (rows - len(some))]
        yield some[0].name, {name: np.stack([prepared(open_image(path), look) for path in some])}


def _image_input(graph: Graph, look: Preprocessing | None) -> tuple[str, int]:
    """The one input of the graph, which takes images, and how many at once."""
    names = list(graph.inputs)
    found = graph.inputs[names[0]] if len(names) == 1 else None
    if found is None or found.dtype != TensorProto.FLOAT or len(found.shape or ()) != 4:
        raise BadInput(
            "pictures can be fed to a graph with a single input of float images only",
            where="--inputs",
            do="feed arrays: --inputs file.npz",
        )
    batch = (found.shape or (1,))[0]
    return names[0], batch if isinstance(batch, int) and batch > 0 else 1


# --- fitting the graph ---------------------------------------------------------------------------


def fitted_feed(graph: Graph, case: str, feed: Mapping[str, Array], where: str = "--inputs") -> Feed:
    """The arrays of one case in the graph's order and element types; raises BadInput for what does not fit."""
    wanted = ", ".join(f"{name}: {_show(t)}" for name, t in graph.inputs.items())
    missing, unknown = [n for n in graph.inputs if n not in feed], [n for n in feed if n not in graph.inputs]
    for names, problem in ((missing, "lacks the input"), (unknown, "has an array that is no input:")):
        if names:
            raise BadInput(f"{case} {problem} {names[0]!r}", where=where, do=f"the graph takes {wanted}")
    return {name: _fit(case, name, np.asarray(feed[name]), found, where) for name, found in graph.inputs.items()}


def _fit(case: str, name: str, value: Array, found: TensorType | None, where: str) -> Array:
    if found is None:
        return value
    shape, dtype = found.shape, np.dtype(helper.tensor_dtype_to_np_dtype(found.dtype))
    if shape is not None and (
        len(shape) != value.ndim
        or any(isinstance(d, int) and d not in (s, -1) for d, s in zip(shape, value.shape, strict=True))
    ):
        raise BadInput(f"{case}: {name!r} has shape {list(value.shape)}, the graph takes {_show(found)}", where=where)
    typed = as_type(value, dtype)
    if typed is None:
        raise BadInput(f"{case}: {name!r} holds {value.dtype}, the graph takes {_show(found)}", where=where)
    return typed


def _show(found: TensorType | None) -> str:
    if found is None:
        return "unknown"
    dims = "x".join("?" if d is None else str(d) for d in found.shape or ())
    return f"{TensorProto.DataType.Name(found.dtype).lower()} {dims or 'scalar'}"


# --- keeping -------------------------------------------------------------------------------------


def save_cases(cases: Sequence[Case], folder: str | os.PathLike[str]) -> list[Path]:
    """Write each case to an .npz file of its own in `folder`, made where it is not there; raises BadInput."""
    from trtconv.storage.files import writing, written_whole

    paths = []
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"cannot make the folder {folder}: {error.strerror}", where="--save-inputs") from error
    for number, case in enumerate(cases):
        name = re.sub(r"^\d{3} |\.npz$", "", case.name)  # that of inputs which were themselves saved before
        path = Path(folder, f"{number:03d} {name}.npz")
        with writing(path), written_whole(path) as temporary, temporary.open("wb") as file, ArrayWriter(file) as arrays:
            for name, value in case.feed.items():
                arrays.add(name, value)
        paths.append(path)
    return paths
