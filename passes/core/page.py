"""A pass's page as Markdown: its docstring, its facts, its examples. `explain` prints it, docs/ holds it."""

from __future__ import annotations

import textwrap

from trtconv.passes.core.base import Example, Pass


def markdown(one: Pass) -> str:
    """The whole page of a pass."""
    facts = [
        "## Facts",
        "",
        f"- operators: {', '.join(one.ops) or 'all'}",
        f"- safety: {one.safety.value}",
    ]
    if one.after:
        facts.append(f"- runs after: {', '.join(one.after)}")
    examples = [line for example in one.examples for line in _example(example)]
    return "\n".join([one.page(), "", *facts, "", "## Examples", "", *examples]).rstrip() + "\n"


def _example(example: Example) -> list[str]:
    title = example.title or ("rewritten" if example.after else "refused" if example.refusal else "left alone")
    lines = [f"For {example.target}, {title}:", "", *_block(example.before)]
    if example.after:
        lines += ["becomes", "", *_block(example.after)]
    if example.refusal:
        lines += [f"is refused: {example.refusal}", ""]
    return lines


def _block(graph: str) -> list[str]:
    first, _, rest = graph.partition("\n")
    return ["```", first.strip(), *textwrap.dedent(rest).rstrip().splitlines(), "```", ""]
