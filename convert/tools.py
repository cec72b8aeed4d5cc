"""Other people's optimizers, each as one more edit: run in a child process, compared before and after, or undone."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trtconv.errors import BadInput, TrtconvError, Unavailable
from trtconv.passes.core import Edit, Model
from trtconv.passes.core.base import Evidence

if TYPE_CHECKING:
    from trtconv.feeding.inputs import Case
    from trtconv.passes.core import Graph, Node, TensorType
    from trtconv.pipeline import Outcome
    from trtconv.runtimes.running import Feed

WHOLE = "the graph"
"""What stands where other edits name their node."""


@dataclass(frozen=True)
class Tool:
    """An optimizer, called like trtconv's extra that brings it, and how it is run on a file."""

    name: str
    package: str
    run: Callable[[str, str], None]
    """Gets the file to read and the file to write, in a child process; belongs to an importable module."""

    def require(self) -> None:
        """Raise Unavailable where it is not installed."""
        if importlib.util.find_spec(self.package) is None:
            raise Unavailable(f"{self.name} is not installed", do=f"pip install 'trtconv[{self.name}]'")


def run_onnxsim(source: str, output: str) -> None:
    """Onnxsim with its defaults."""
    import onnx
    import onnxsim

    from trtconv.storage.saving import save_model

    save_model(onnxsim.simplify(onnx.load(source))[0], output)


def run_onnxslim(source: str, output: str) -> None:
    """Onnxslim with its defaults."""
    import onnx
    import onnxslim

    from trtconv.storage.saving import save_model

    save_model(onnxslim.slim(onnx.load(source)), output)


TOOLS = {
    tool.name: tool for tool in (Tool("onnxsim", "onnxsim", run_onnxsim), Tool("onnxslim", "onnxslim", run_onnxslim))
}


def choose_tools(names: Iterable[str]) -> list[Tool]:
    """The tools of these names. Raises BadInput for a name that is not there, Unavailable for one not installed."""
    chosen = []
    for name in dict.fromkeys(names):
        if name not in TOOLS:
            raise BadInput(f"there is no tool called {name!r}", do=f"known are {', '.join(TOOLS)}")
        TOOLS[name].require()
        chosen.append(TOOLS[name])
    return chosen


def apply_tool(tool: Tool, model: Model, outcome: Outcome, *, evidence: bool) -> Model:
    """The model that `tool` makes of `model`, all its weights in memory; `model` itself where that was undone.

    The edit is added to `outcome`. It is undone where the tool fails, where inputs and outputs are not what they were,
    and, with `evidence`, where ONNX Runtime does not compute the same with both or cannot run them.
    """
    try:
        with outcome.clock.step(tool.name):
            made = _made(tool, model)
    except TrtconvError as error:
        outcome.undone.append(_edit(tool, Evidence("not checkable", why=error.what)))
        return model
    change = next(interface_changes(model.main, made.main), "")
    found = Evidence("differs", why=change) if change else None
    if found is None and evidence:
        with outcome.clock.step("evidence"):
            found = compare_models(model, made)
    edit = _edit(tool, found, model, made)
    if found is not None and not found.holds:
        outcome.undone.append(edit)
        return model
    outcome.edits.append(edit)
    return made


def _made(tool: Tool, model: Model) -> Model:
    """What the tool makes of the model. Raises TrtconvError where it makes nothing that can be read."""
    from trtconv.isolate import ChildError, isolated
    from trtconv.passes.core.order import InvalidGraph
    from trtconv.runtimes.mapped import with_weights
    from trtconv.storage.files import open_model
    from trtconv.storage.saving import save_model

    with tempfile.TemporaryDirectory(prefix="trtconv-") as folder:
        source, output = Path(folder, "before.onnx"), Path(folder, "after.onnx")
        save_model(model.commit(), source, model.file or None)
        try:
            isolated(tool.run, str(source), str(output), what=f"running {tool.name}")
            return Model(with_weights(open_model(output), str(output)))
        except ChildError as error:
            raise BadInput(f"{tool.name} failed: {str(error).strip().splitlines()[-1]}") from error
        except InvalidGraph as error:
            raise BadInput(f"{tool.name} left a graph that is not valid: {error}") from error


def _edit(tool: Tool, evidence: Evidence | None, before: Model | None = None, after: Model | None = None) -> Edit:
    if before is None or after is None:
        return Edit(tool.name, WHOLE, "", f"{tool.name} was asked for", (), (), evidence)
    counts = [sum(len(graph.nodes) for graph in model.graphs()) for model in (before, after)]
    gone, new = _without(before.main, after.main), _without(after.main, before.main)
    return Edit(tool.name, WHOLE, "", f"{counts[0]} nodes become {counts[1]}", gone, new, evidence)


def _without(graph: Graph, other: Graph) -> tuple[Node, ...]:
    """Nodes of `graph` that `other` does not have as they are."""
    known = {(n.name, n.op_type, *n.inputs, *n.outputs) for n in other.nodes}
    return tuple(n for n in graph.nodes if (n.name, n.op_type, *n.inputs, *n.outputs) not in known)


# --- what it must not change ---------------------------------------------------------------------


def interface_changes(before: Graph, after: Graph) -> Iterator[str]:
    """In words, how the inputs and outputs of `after` are other than those of `before`."""
    for kind, old, new in (
        ("input", before.inputs, after.inputs),
        ("output", before.output_types, after.output_types),
    ):
        if list(old) != list(new):
            yield f"the {kind}s {', '.join(old)} are {', '.join(new) or 'none'} afterwards"
            continue
        for name, found in old.items():
            yield from (f"{change} of the {kind} {name}" for change in _type_changes(found, new[name]))


def _type_changes(before: TensorType | None, after: TensorType | None) -> Iterator[str]:
    if before is None or after is None:
        return
    if before.dtype != after.dtype:
        yield "it changes the element type"
    if before.shape is None or after.shape is None:
        return
    if len(before.shape) != len(after.shape):
        yield "it changes the rank"
        return
    for axis, (old, new) in enumerate(zip(before.shape, after.shape, strict=True)):
        if isinstance(old, int) and old != new:
            yield f"it makes axis {axis}, which is {old}, {new or 'unknown'}: the shape"
        elif isinstance(old, str) and isinstance(new, int):
            yield f"it fixes the dimension {old} at {new}: axis {axis}"


def compare_models(before: Model, after: Model, seed: int = 0) -> Evidence:
    """Both models in ONNX Runtime on made-up inputs of several sizes, judged as `verify` does by default."""
    from trtconv.comparison.comparing import compare_outputs, tensors
    from trtconv.comparison.criteria import Criteria
    from trtconv.evidence.judging import units
    from trtconv.runtimes.onnxruntime import infer, open_model

    counted, furthest, criteria = 0, 0, Criteria().of(before.main, after.main)
    try:
        cases = list(_cases_that_run(before, seed))
        running = open_model(after, what="its result")
        for case, expected in cases:
            actual = infer(running, case.feed, what="its result")
            values = dict(tensors(expected))
            for one in compare_outputs(case.name, expected, actual, criteria):
                if not one.passed:
                    return Evidence("differs", counted, why=str(one))
                furthest = max(furthest, units(values[one.name], one.difference))
            counted += 1
    except Uncomparable as error:
        return Evidence("not checkable", why=str(error))
    except BadInput as error:
        return Evidence("differs", counted, why=error.what)
    return Evidence("close" if furthest else "bit-equal", counted, furthest)


class Uncomparable(Exception):
    """Why a model cannot be run here."""


def _cases_that_run(model: Model, seed: int) -> Iterator[tuple[Case, Feed]]:
    """Inputs, and what `model` makes of them. Raises Uncomparable where it runs on none."""
    from trtconv.feeding.cases import ENOUGH_GUESSES
    from trtconv.feeding.guessing import guessed_shapes
    from trtconv.feeding.inputs import seeded_case
    from trtconv.runtimes.onnxruntime import infer, open_model

    why, found = "no inputs can be made up", 0
    try:
        running = open_model(model)
    except BadInput as error:
        raise Uncomparable(error.what) from error
    for name, shapes in guessed_shapes(model.main.inputs):
        try:
            case = seeded_case(model.main, name, shapes, seed)
            expected = infer(running, case.feed)
        except BadInput as error:
            why = error.what
            continue
        yield case, expected
        found += 1
        if found == ENOUGH_GUESSES:
            return
    if not found:
        raise Uncomparable(why)
