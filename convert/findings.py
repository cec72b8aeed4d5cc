"""A finding: one pass at one node, and what it says."""

from __future__ import annotations

import ast
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from trtconv.passes.core import Graph, Node, Pass, Target, Trouble


PARSER = "parser"
"""What stands in place of a pass's name at a finding that no pass foresaw, but the real parser."""


class Place(TypedDict):
    """Where a node is: its tensors, and what the export recorded of the code that made it."""

    tensors: tuple[str, ...]
    source: str
    module: str


@dataclass(frozen=True)
class Finding:
    """Trouble at one node.

    `refusal` is why no pass could mend it, empty where nothing was tried; `source` the `file:line` of the user's
    Python that made the node and `module` the path of its nn.Module, where the export recorded them.
    """

    pass_name: str
    effect: str
    node: str
    op_type: str
    why: str
    tensors: tuple[str, ...] = ()
    refusal: str = ""
    source: str = ""
    module: str = ""

    @classmethod
    def of(cls, one: Pass, node: Node, trouble: Trouble, refusal: str = "") -> Finding:
        """The finding of pass `one` at `node`."""
        effect = trouble.effect.value
        return cls(one.name(), effect, node.label, node.op_type, trouble.why, refusal=refusal, **cls.place(node))

    @staticmethod
    def place(node: Node) -> Place:
        """The fields that say where `node` is."""
        tensors = tuple(t for t in (*node.inputs, *node.outputs) if t)
        return Place(tensors=tensors, source=source_of(node), module=module_of(node))

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
            "module": self.module,
            "fingerprint": self.fingerprint,
        }


def source_of(node: Node) -> str:
    """The user's Python line that made the node, as PyTorch's dynamo exporter records it; empty where it did not."""
    frames = re.findall(r'File "([^"]+)", line (\d+)', _recorded(node, "stack_trace"))
    own = [frame for frame in frames if "site-packages" not in frame[0]]
    return ":".join((own or frames)[-1]) if frames else ""


def module_of(node: Node) -> str:
    """Path of the nn.Module that made the node (`features.3.conv`); empty for the model itself, or if unrecorded.

    The exporter records the scopes around the node from the outside in, and the node's own name last.
    """
    try:
        scopes = ast.literal_eval(_recorded(node, "name_scopes") or "[]")
    except (SyntaxError, ValueError):
        return ""
    return str(scopes[-2]) if isinstance(scopes, list) and len(scopes) > 1 else ""


def _recorded(node: Node, key: str) -> str:
    properties = node.proto.metadata_props if node.proto is not None else ()
    return next((p.value for p in properties if p.key == f"pkg.torch.onnx.{key}"), "")


def refusal_at(one: Pass, node: Node, graph: Graph, target: Target) -> str:
    """Why `one` cannot mend `node`; empty when it can."""
    from trtconv.passes.core import Refused

    try:
        one.rewrite(node, graph, target)
    except Refused as why:
        return str(why)
    except Exception as error:  # a bug in one pass must not lose what the others did
        return f"its rewrite crashed, which is a bug in trtconv ({type(error).__name__}: {error})"
    return ""
