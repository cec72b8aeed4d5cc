"""Tensors inside an engine, which is built anew for each group of them: marked as outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trtconv.isolate import isolated
from trtconv.parser.parsing import on_disk
from trtconv.runtimes.marking import markable

if TYPE_CHECKING:
    from trtconv.engine_leg import EngineRequest
    from trtconv.feeding.inputs import Case
    from trtconv.runtimes.running import Feed


@dataclass
class InEngine:
    """One case in engines of `request`, as `trtconv.divergence.marking` asks for them."""

    request: EngineRequest
    case: Case
    outputs: Feed = field(default_factory=dict)
    """What the network's own outputs were in the engine asked last."""

    def markable(self) -> list[str]:
        """Names of the inner tensors that can be handed out, as the parser tells them; no GPU is needed."""
        with on_disk(self.request.source) as path:
            return isolated(
                markable,
                str(path),
                what=f"parsing {path.name} with {self.request.product.title}",
                limits=self.request.limits,
                environment=self.request.product.environment,
            )

    def values(self, names: Sequence[str]) -> dict[str, Any]:
        """Values of markable tensors by name. Raises what `build` raises, and NativeFailure."""
        (found,) = self.request.run([self.case], marked=names)
        self.outputs = {name: value for name, value in found.items() if name not in names}
        return {name: found[name] for name in names if name in found}
