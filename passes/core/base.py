"""What a pass is: one kind of trouble, how to see it and, where possible, how to mend it."""

from __future__ import annotations

import abc
import enum
import inspect
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from trtconv.passes.core.rewrite import Refused

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.model import Model
    from trtconv.passes.core.node import Node
    from trtconv.passes.core.rewrite import Replacement
    from trtconv.passes.core.target import Target


class Effect(enum.StrEnum):
    """What the target does with the trouble."""

    REFUSED = "refused"
    """The parser or the builder rejects it."""
    SILENT = "silent"
    """It is accepted, and computes something else."""
    SLOW = "slow"
    """It is accepted, and costs more than it needs to."""
    NOTE = "note"
    """Taken as the file says; but the file may not say what its author meant. Never fails a lint."""


class Safety(enum.StrEnum):
    """What a rewrite may do to the numbers."""

    EXACT = "exact"
    ROUNDING = "rounding"
    APPROXIMATE = "approximate"

    @property
    def means(self) -> str:
        """What it promises, in a sentence's half."""
        return {
            Safety.EXACT: "the outputs are equal bit by bit",
            Safety.ROUNDING: "the same arithmetic in another order: equal within a few ULP",
            Safety.APPROXIMATE: "more than rounding is lost, as it would be in the target itself: DOUBLE becomes FLOAT",
        }[self]


@dataclass(frozen=True)
class Trouble:
    """Why a node is trouble for a target."""

    effect: Effect
    why: str


def refused(why: str) -> Trouble:
    """The target rejects the node because of `why`."""
    return Trouble(Effect.REFUSED, why)


def silent(why: str) -> Trouble:
    """The target accepts the node and computes something else because of `why`."""
    return Trouble(Effect.SILENT, why)


def slow(why: str) -> Trouble:
    """The target accepts the node; it costs more than it needs to because of `why`."""
    return Trouble(Effect.SLOW, why)


def note(why: str) -> Trouble:
    """The target computes what the file says; `why` is a reason to doubt that the author meant it."""
    return Trouble(Effect.NOTE, why)


@dataclass(frozen=True)
class Example:
    """A graph in ONNX text syntax, what a pass makes of it for a target, or the reason why it refuses."""

    target: str
    before: str
    after: str | None = None
    refusal: str | None = None
    title: str = ""


@dataclass(frozen=True)
class Evidence:
    """What running an edit's graphs, before and after, on made-up values has shown. It is no proof."""

    verdict: Literal["bit-equal", "close", "differs", "misread", "not checkable"]
    cases: int = 0
    """Sets of values that were run."""
    max_ulp: int = 0
    """Largest error, in units in the last place of the largest output."""
    why: str = ""
    """What differs, what keeps it from being checked, or under which condition it holds."""
    apart: str = ""
    """Inputs at which the outputs part all the same: such as the pass promises nothing about."""

    @property
    def holds(self) -> bool:
        """Whether the outputs are what they were, as far as the pass promises."""
        return self.verdict in ("bit-equal", "close")

    def __str__(self) -> str:
        over = f" over {self.cases} case{'s' * (self.cases != 1)}"
        text = {
            "bit-equal": f"bit-equal{over}",
            "close": f"within {self.max_ulp} ULP{over}",
            "differs": "differs",
            "misread": "the target would get it wrong",
            "not checkable": "not checkable here",
        }[self.verdict]
        if self.apart:
            text += f", apart at {self.apart}"
        return f"{text}: {self.why}" if self.why else text

    def to_json(self) -> dict[str, object]:
        """All fields."""
        return dict(vars(self))


@dataclass(frozen=True)
class Edit:
    """One rewrite that was done: which pass, at which node, why, and the nodes before and after."""

    pass_name: str
    node: str
    op_type: str
    why: str
    before: tuple[Node, ...]
    after: tuple[Node, ...]
    evidence: Evidence | None = None
    """None where it was not asked for."""
    renamed: tuple[tuple[str, str], ...] = ()
    """Tensors that are gone, each with the one that its readers read instead."""
    effect: Effect | None = None
    """What the target does with what was there before; None for an edit of the whole model."""

    def to_json(self) -> dict[str, object]:
        """`{"pass", "node", "op_type", "why", "before", "after", "evidence"}`, nodes by name and operator."""
        return {
            "pass": self.pass_name,
            "node": self.node,
            "op_type": self.op_type,
            "why": self.why,
            "before": [{"name": n.label, "op_type": n.op_type} for n in self.before],
            "after": [{"name": n.label, "op_type": n.op_type} for n in self.after],
            "evidence": self.evidence.to_json() if self.evidence else None,
        }


class Pass(abc.ABC):
    """One kind of trouble. Subclass in a file of its own in `passes/`; the catalogue finds it.

    The module's docstring is the page that users read (`trtconv explain NAME`).
    """

    ops: ClassVar[tuple[str, ...]] = ()
    """Operators it looks at; none means every node."""
    domains: ClassVar[tuple[str, ...]] = ("",)
    """Operator domains it looks at; the standard one is empty. None at all means every domain."""
    safety: ClassVar[Safety] = Safety.EXACT
    examples: ClassVar[tuple[Example, ...]] = ()
    after: ClassVar[tuple[str, ...]] = ()
    """Names of passes that run before this one."""

    @classmethod
    def name(cls) -> str:
        """`RuntimePads` -> `runtime-pads`."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def page(cls) -> str:
        """The page for users: the docstring of the pass's module."""
        return inspect.cleandoc(sys.modules[cls.__module__].__doc__ or "")

    @classmethod
    def summary(cls) -> str:
        """First sentence under `## What it does`."""
        text = " ".join(cls.page().partition("## What it does")[2].partition("##")[0].split())
        return re.split(r"(?<=[.])\s", text)[0]

    def candidates(self, graph: Graph, target: Target) -> list[Node]:
        """Nodes that `find` is asked about; a pass that looks at all operators leaves out what it can at a glance."""
        return graph.nodes_of(self.ops, self.domains)

    @abc.abstractmethod
    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Say what is wrong with `node` for `target`, or None. Reads only, and cheaply."""

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """What takes the node's place. Raises `Refused` when this case cannot be mended."""
        raise Refused("no rewrite is known")


class ModelPass(Pass):
    """A pass that has to see the whole model at once: folding, element types."""

    @abc.abstractmethod
    def mend(self, model: Model, target: Target) -> list[Edit]:
        """Change the model in place and tell each edit; an empty list when there is nothing to do."""
