"""One text of TensorRT and what it means."""

from __future__ import annotations

from dataclasses import dataclass

FIX = "`trtconv fix` rewrites it"
FOLD = "`trtconv fix` folds constants first, which often is all it takes; else make the value a constant in the export"


@dataclass(frozen=True)
class Message:
    """A text of TensorRT: what it means, what to do next, and the passes that are about it.

    `pattern` is a regular expression that is searched for in the text; its groups fill the placeholders of `means`.
    """

    pattern: str
    means: str
    do: str
    passes: tuple[str, ...] = ()
