"""`explain` for a pasted error: raw TensorRT texts as passes, nodes, plain words and the next step."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from trtconv.parser.messages import MESSAGES, Message

_NODES = (
    r"In node -?\d+ with name: (?P<node>.*?) and operator: (?P<op>\w+)",
    r"While parsing node number \d+ \[(?P<op>\w+)(?: -> \"(?P<node>[^\"]*)\")?",
    r"Invalid Node - (?P<node>\S+)",
    r"\{ForeignNode\[(?P<node>.+?)(?:\.\.\.(?P<node2>.+?))?\]\}",
    r"for node (?P<node>[^\s{]+)",
    r"\bname: \"(?P<node>[^\"]+)\"\s*op_type: \"(?P<op>\w+)\"",
    r"(?P<node>[^\s(]+): (?:kernel weights|(?:an? )?II?[A-Z]\w+Layer)",
    r"Layer: (?P<node>\S+)'s output",
    r"violated\. (?P<node>[^\s:]+):",
    r"In node -?\d+ \((?:import)?(?!parse)(?P<op>[A-Z]\w+)\)",
    r"In function import(?!Model\b|Initializer)(?P<op>[A-Z]\w+)",
)
"""Where TensorRT's texts name nodes and operators."""


@dataclass(frozen=True)
class Explanation:
    """What one piece of a text means. `text` is that piece."""

    text: str
    means: str
    do: str
    passes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """All fields."""
        return {**vars(self), "passes": list(self.passes)}


@dataclass(frozen=True)
class Explained:
    """All that is known of a text: its pieces, and the nodes and operators that it names."""

    explanations: tuple[Explanation, ...]
    nodes: tuple[str, ...]
    op_types: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """`{"explanations", "nodes", "op_types"}`."""
        found = [e.to_json() for e in self.explanations]
        return {"explanations": found, "nodes": list(self.nodes), "op_types": list(self.op_types)}

    @property
    def text(self) -> str:
        """Paragraphs for people."""
        named = ", ".join([*self.nodes, *(f"operator {o}" for o in self.op_types)])
        blocks = [f"It is about {named}."] if named and self.explanations else []
        for one in self.explanations:
            lines = [f"> {one.text}", f"means: {one.means}", f"do:    {one.do}"]
            if one.passes:
                lines.append(f"see:   {', '.join(f'trtconv explain {p}' for p in one.passes)}")
            blocks.append("\n".join(lines))
        return "\n\n".join(blocks) + "\n" if blocks else ""


def explain_error(text: str) -> Explained:
    """What a text of TensorRT's parser, builder or runtime means; without explanations where nothing is known of it."""
    nodes, op_types = _named(text)
    found = [one for _, one in sorted(_explanations(text, op_types), key=lambda pair: pair[0])]
    return Explained(tuple(dict.fromkeys(found)), nodes, op_types)


def _explanations(text: str, op_types: tuple[str, ...]) -> Iterator[tuple[int, Explanation]]:
    """Each message that is in the text, once, where no earlier row has explained the same place."""
    covered: list[tuple[int, int]] = []
    for message in MESSAGES:
        match = re.search(message.pattern, text)
        if match is None or any(a < match.end() and match.start() < b for a, b in covered):
            continue
        covered.append(match.span())
        yield match.start(), _explanation(message, match, op_types)


def _explanation(message: Message, match: re.Match[str], op_types: tuple[str, ...]) -> Explanation:
    groups = {k: v or "" for k, v in match.groupdict().items()}
    if "last" in groups:
        groups["last"] = groups["last"] or "itself"
    words = message.means.format(**groups)
    return Explanation(" ".join(match[0].split()), words, message.do, _about(message.passes, op_types))


def _about(passes: tuple[str, ...], op_types: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the passes that look at the operators, where the text names any."""
    from trtconv.passes.core.catalogue import catalogue

    ops = {name: catalogue()[name].ops for name in passes}
    return tuple(p for p in passes if not op_types or not ops[p] or set(ops[p]) & set(op_types))


def _named(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    nodes: dict[str, None] = {}
    op_types: dict[str, None] = {}
    for pattern in _NODES:
        for match in re.finditer(pattern, text):
            groups = match.groupdict()
            nodes.update(dict.fromkeys(v for k, v in groups.items() if v and k.startswith("node")))
            op_types.update(dict.fromkeys(v for k, v in groups.items() if v and k == "op"))
    return tuple(nodes), tuple(op_types)
