"""A finding: one pass at one node, and what it says."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trtconv.passes.core import Graph, Node, Pass, Target, Trouble


@dataclass(frozen=True)
class Finding:
    """Trouble at one node.

    `refusal` is why no pass could mend it, empty where nothing was tried; `source` the `file:line` of the user's
    Python that made the node, where the export recorded it.
    """

    pass_name: str
    effect: str
    node: str
    op_type: str
    why: str
    tensors: tuple[str, ...] = ()
    refusal: str = ""
    source: str = ""

    @classmethod
    def of(cls, one: Pass, node: Node, trouble: Trouble, refusal: str = "") -> Finding:
        """The finding of pass `one` at `node`."""
        tensors = tuple(t for t in (*node.inputs, *node.outputs) if t)
        return cls(
            one.name(), trouble.effect.value, node.label, node.op_type, trouble.why, tensors, refusal, source_of(node)
        )

    @property
    def is_fatal(self) -> bool:
        """Whether the target refuses the node or computes something else; slow is neither."""
        return self.effect in ("refused", "silent")

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
            "source": self.source,
            "fingerprint": self.fingerprint,
        }


def source_of(node: Node) -> str:
    """The user's Python line that made the node, as PyTorch's dynamo exporter records it; empty where it did not."""
    if node.proto is None:
        return ""
    trace = next((p.value for p in node.proto.metadata_props if p.key == "pkg.torch.onnx.stack_trace"), "")
    frames = re.findall(r'File "([^"]+)", line (\d+)', trace)
    own = [frame for frame in frames if "site-packages" not in frame[0]]
    return ":".join((own or frames)[-1]) if frames else ""


def refusal_at(one: Pass, node: Node, graph: Graph, target: Target) -> str:
    """Why `one` cannot mend `node`; empty when it can."""
    from trtconv.passes.core import Refused

    try:
        one.rewrite(node, graph, target)
    except Refused as why:
        return str(why)
    return ""
