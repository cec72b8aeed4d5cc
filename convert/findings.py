"""A finding: one pass at one node, and what it says."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trtconv.passes.core import Graph, Node, Pass, Target, Trouble


@dataclass(frozen=True)
class Finding:
    """Trouble at one node. `refusal` is why no pass could mend it, empty where nothing was tried."""

    pass_name: str
    effect: str
    node: str
    op_type: str
    why: str
    tensors: tuple[str, ...] = ()
    refusal: str = ""

    @classmethod
    def of(cls, one: Pass, node: Node, trouble: Trouble, refusal: str = "") -> Finding:
        """The finding of pass `one` at `node`."""
        tensors = tuple(t for t in (*node.inputs, *node.outputs) if t)
        return cls(one.name(), trouble.effect.value, node.label, node.op_type, trouble.why, tensors, refusal)

    @property
    def fingerprint(self) -> str:
        """Stable across runs and re-exports that keep names: pass, node name and tensor names."""
        text = "\0".join((self.pass_name, self.node, *self.tensors))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, object]:
        """All fields, and the fingerprint."""
        return {
            "pass": self.pass_name,
            "effect": self.effect,
            "node": self.node,
            "op_type": self.op_type,
            "why": self.why,
            "tensors": list(self.tensors),
            "refusal": self.refusal,
            "fingerprint": self.fingerprint,
        }


def refusal_at(one: Pass, node: Node, graph: Graph, target: Target) -> str:
    """Why `one` cannot mend `node`; empty when it can."""
    from trtconv.passes.core import Refused

    try:
        one.rewrite(node, graph, target)
    except Refused as why:
        return str(why)
    return ""
