"""A pass's page as Markdown: its docstring, its facts, its examples. `explain` prints it, docs/ holds it."""

from __future__ import annotations

import textwrap

import onnx

from trtconv.passes.core.base import Example, Pass
from trtconv.passes.core.model import Model
from trtconv.passes.core.picture import mermaid
from trtconv.passes.core.target import Target, known


def markdown(one: Pass, *, pictures: bool = False) -> str:
    """The whole page of a pass; with `pictures`, the graphs before and after a rewrite are drawn, too."""
    facts = [
        "## Facts",
        "",
        f"- operators: {', '.join(one.ops) or 'all'}",
        f"- safety: {one.safety.value}",
    ]
    if one.after:
        facts.append(f"- runs after: {', '.join(one.after)}")
    examples = [line for example in one.examples for line in _example(one, example, pictures)]
    return "\n".join([one.page(), "", *facts, "", "## Examples", "", *examples]).rstrip() + "\n"


def _example(one: Pass, example: Example, pictures: bool) -> list[str]:
    title = example.title or ("rewritten" if example.after else "refused" if example.refusal else "left alone")
    lines = [f"For {example.target}, {title}:", "", *_block(example.before)]
    if pictures and example.after:
        lines += mermaid(example.before)
    if example.after:
        lines += ["becomes", "", *_block(example.after)]
        lines += mermaid(example.after) if pictures else []
    if example.refusal:
        lines += [f"is refused: {example.refusal}", ""]
    return [*lines, f"Found for {found_for(one, example)}.", ""]


def found_for(one: Pass, example: Example) -> str:
    """The known targets for which the pass has something to say of the example: `TensorRT 7.0 to 8.2.5`."""
    model = Model(onnx.parser.parse_model(example.before))
    targets = [Target.parse(name) for name in known()]
    runs: list[tuple[Target, Target]] = []
    open_run = False
    for previous, target in zip([None, *targets], targets, strict=False):
        open_run = open_run and previous is not None and previous.product == target.product
        if not _is_found(one, model, target):
            open_run = False
            continue
        runs[-1:] = [(runs[-1][0], target)] if open_run else [*runs[-1:], (target, target)]
        open_run = True
    return ", ".join(_span(first, last) for first, last in runs) or "no known target"


def _is_found(one: Pass, model: Model, target: Target) -> bool:
    return any(
        one.find(node, graph, target) is not None
        for graph in model.graphs()
        for node in graph.nodes_of(one.ops)
        if not one.domains or node.domain in one.domains
    )


def _span(first: Target, last: Target) -> str:
    return first.title if first == last else f"{first.title} to {'.'.join(map(str, last.version))}"


def _block(graph: str) -> list[str]:
    first, _, rest = graph.partition("\n")
    return ["```", first.strip(), *textwrap.dedent(rest).rstrip().splitlines(), "```", ""]
