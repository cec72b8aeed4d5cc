"""The log of a training run: rows of numbers, written as CSV, as JSON and as a plot."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from trtconv.models.training import plots
from trtconv.storage.files import writing, written_whole

Row = dict[str, int | float]
"""`step`, `epoch`, `lr` and `loss`, and after a validation its metrics."""


TABLE, VALUES, PLOT = FILES = "log.csv", "log.json", "plot.png"


def write(folder: Path, rows: Sequence[Row]) -> None:
    """`log.csv`, `log.json` and `plot.png` in `folder`, each whole or not at all."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    table = csv.DictWriter(text, columns, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    _replace(folder / TABLE, text.getvalue().encode())
    _replace(folder / VALUES, json.dumps(list(rows), indent=1).encode())
    picture = io.BytesIO()
    plots.draw(curves(rows)).save(picture, "PNG")
    _replace(folder / PLOT, picture.getvalue())


def curves(rows: Sequence[Row]) -> dict[str, list[tuple[float, float]]]:
    """The loss, and each metric, as points (step, value)."""
    names = dict.fromkeys(name for row in rows for name in row if name not in ("step", "epoch", "lr"))
    return {name: [(row["step"], row[name]) for row in rows if name in row] for name in names}


def _replace(path: Path, content: bytes) -> None:
    with writing(path), written_whole(path) as temporary:
        temporary.write_bytes(content)
