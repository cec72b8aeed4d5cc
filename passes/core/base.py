"""What a pass is: one kind of trouble, how to see it and, where possible, how to mend it."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph, Node
    from trtconv.passes.core.rewrite import Replacement
    from trtconv.passes.core.target import Target


class Effect(str, enum.Enum):
    """What the target does with the trouble."""

    REFUSED = "refused"
    """The parser or the builder rejects it."""
    SILENT = "silent"
    """It is accepted, and computes something else."""
    SLOW = "slow"
    """It is accepted, and costs more than it needs to."""


class Safety(str, enum.Enum):
    """What a rewrite may do to the numbers."""

    EXACT = "exact"
    """Bit-equal outputs."""
    ROUNDING = "rounding"
    """The same arithmetic in another order: equal within a few ULP."""
    APPROXIMATE = "approximate"
    """More than rounding is lost; needs `--unsafe`."""


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


@dataclass(frozen=True)
class Example:
    """A graph in ONNX text syntax, what a pass makes of it for a target, or the reason why it refuses."""

    target: str
    before: str
    after: str | None = None
    refusal: str | None = None
    title: str = ""


class Pass:
    """One kind of trouble. Subclass in a file of its own in `passes/`; the catalogue finds it.

    The module's docstring is the page that users read (`trtconv explain NAME`).
    """

    ops: ClassVar[tuple[str, ...]] = ()
    """Operators it looks at; none means every node."""
    safety: ClassVar[Safety] = Safety.EXACT
    examples: ClassVar[tuple[Example, ...]] = ()
    after: ClassVar[tuple[str, ...]] = ()
    """Names of passes that have to run first."""

    @classmethod
    def name(cls) -> str:
        """`RuntimePads` -> `runtime-pads`."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Say what is wrong with `node` for `target`, or None. Reads only, and cheaply."""
        raise NotImplementedError

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """What takes the node's place. Raises `Refused` when this case cannot be mended."""
        raise NotImplementedError
