"""An error curve as a picture: SVG, by itself or in a page with a table; PNG through Pillow."""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from trtconv.errors import BadInput, Unavailable
from trtconv.report.json import finite

if TYPE_CHECKING:
    from trtconv.divergence.error_curve import ErrorCurve, Layer

WIDTH, HEIGHT = 960, 420
LEFT, RIGHT, TOP, BOTTOM = 80, 24, 44, 48
INK, GRID, EQUAL = "#282828", "#e1e1e1", "#9a9a9a"
LINE, FLOOR, JUMP = "#1f77b4", "#2c8c3c", "#c02020"
LOWEST = 1e-10
"""Errors below are drawn at the foot of the picture, as those of equal tensors are: a logarithm knows no zero."""
TABLE_ROWS = 200


def save_curve(curve: ErrorCurve, path: Path) -> Path:
    """Write the curve in the form that the suffix names. Raises BadInput and Unavailable."""
    from trtconv.storage.files import writing, written_whole

    check_path(path)
    content = _WRITERS[path.suffix.lower()](curve)
    with writing(path), written_whole(path) as temporary:
        temporary.write_bytes(content)
    return path


def check_path(path: Path) -> None:
    """Raises BadInput where the suffix names no form or the folder is missing, Unavailable for a .png without Pillow.

    Before anything is run: a curve may take minutes to measure.
    """
    from trtconv.storage.files import writing

    if path.suffix.lower() not in _WRITERS:
        forms = ", ".join(_WRITERS)
        raise BadInput(f"{path} does not say which form an error curve is to have", do=f"end its name in {forms}")
    if path.suffix.lower() == ".png" and importlib.util.find_spec("PIL") is None:
        raise Unavailable("a .png needs Pillow", do="pip install pillow, or write .html or .svg instead")
    with writing(path):
        pass


def _json(curve: ErrorCurve) -> bytes:
    return (json.dumps(finite(curve.to_json()), indent=1) + "\n").encode()


# --- what is drawn, in pixels --------------------------------------------------------------------


@dataclass(frozen=True)
class Plot:
    """Where everything of the picture is: x is depth, y the error relative to the range, logarithmic."""

    layers: Sequence[Layer]

    @property
    def deepest(self) -> int:
        """The last depth."""
        return max((layer.depth for layer in self.layers), default=1)

    @property
    def highest(self) -> int:
        """The power of ten above all errors."""
        finite_errors = [one.of_range for one in self.layers if math.isfinite(one.of_range)]
        top = max([*finite_errors, *(one.floor for one in self.layers), LOWEST * 100])
        return max(math.ceil(math.log10(top)), 0 if len(finite_errors) < len(self.layers) else -9)

    def x(self, depth: float) -> float:
        """Pixels from the left."""
        return LEFT + (WIDTH - LEFT - RIGHT) * depth / max(1, self.deepest)

    def y(self, error: float) -> float:
        """Pixels from the top."""
        lowest = math.log10(LOWEST)
        power = min(float(self.highest), math.log10(max(error, LOWEST)) if math.isfinite(error) else self.highest)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (power - lowest) / (self.highest - lowest)

    def worst(self) -> list[tuple[float, float]]:
        """A point a depth: the largest error there. Sizes and the like, equal among what is not, are left out."""
        first = min((one.depth for one in self.layers if one.of_range > 0), default=self.deepest)
        return self._envelope([o for o in self.layers if o.of_range > 0 or o.depth < first], lambda one: one.of_range)

    def floor(self) -> list[tuple[float, float]]:
        """A point a depth: what rounding explains there."""
        return self._envelope(self.layers, lambda layer: layer.floor)

    def _envelope(self, layers: Sequence[Layer], of: Callable[[Layer], float]) -> list[tuple[float, float]]:
        largest: dict[int, float] = {}
        for layer in layers:
            largest[layer.depth] = max(largest.get(layer.depth, 0.0), of(layer))
        return [(self.x(depth), self.y(error)) for depth, error in sorted(largest.items())]

    def powers(self) -> Iterator[tuple[str, float]]:
        """Labels and heights of the horizontal lines."""
        lowest = round(math.log10(LOWEST))
        for power in range(lowest, self.highest + 1, 2 if self.highest - lowest > 8 else 1):
            yield ("equal" if power == lowest else f"1e{power}"), self.y(10.0**power)

    def depths(self) -> Iterator[tuple[str, float]]:
        """Labels and places of the vertical lines."""
        power = 10 ** math.floor(math.log10(max(1, self.deepest / 10)))
        step = next(m * power for m in (1, 2, 5, 10) if m * power * 10 >= self.deepest)
        for depth in range(0, self.deepest + 1, step):
            yield str(depth), self.x(depth)


TITLE = "largest error of each tensor, relative to its range"
LEGEND = ((LINE, "largest at this depth"), (FLOOR, "what rounding explains"), (JUMP, "jumps"))


# --- SVG and HTML --------------------------------------------------------------------------------


def _svg_file(curve: ErrorCurve) -> bytes:
    return svg(curve).encode()


def svg(curve: ErrorCurve) -> str:
    """The picture; each tensor says its name and numbers under the pointer."""
    plot = Plot(curve.layers)
    size, font = f'width="{WIDTH}" height="{HEIGHT}"', 'font-family="sans-serif" font-size="12"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {size} {font}>']
    parts.append(f'<rect {size} fill="white"/>')
    parts += [
        _line((LEFT, y), (WIDTH - RIGHT, y), GRID) + _text(LEFT - 8, y + 4, text, "end") for text, y in plot.powers()
    ]
    parts += [
        _line((x, TOP), (x, HEIGHT - BOTTOM), GRID) + _text(x, HEIGHT - BOTTOM + 18, text, "middle")
        for text, x in plot.depths()
    ]
    parts += [_polyline(plot.floor(), FLOOR, "4 3"), _polyline(plot.worst(), LINE)]
    parts += [_dot(plot, layer) for layer in curve.layers]
    parts.append(_text(WIDTH - RIGHT, HEIGHT - 10, "depth: nodes on the longest way from an input", "end"))
    parts.append(_text(LEFT, 20, TITLE, "start"))
    for index, (colour, text) in enumerate(LEGEND):
        x = WIDTH - RIGHT - 170 * (len(LEGEND) - index)
        parts.append(f'<circle cx="{x}" cy="16" r="4" fill="{colour}"/>' + _text(x + 10, 20, text, "start"))
    return "\n".join([*parts, "</svg>\n"])


def _line(start: tuple[float, float], end: tuple[float, float], colour: str) -> str:
    return f'<path d="M{start[0]:.1f} {start[1]:.1f}L{end[0]:.1f} {end[1]:.1f}" stroke="{colour}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{INK}">{escape(text)}</text>'


def _polyline(points: Sequence[tuple[float, float]], colour: str, dashes: str = "") -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"{dashed}/>'


def _dot(plot: Plot, layer: Layer) -> str:
    errors = f"{layer.of_range:.3g} of the range, abs {layer.max_abs:.3g}"
    said = f"{layer.tensor}: {layer.op_type} {layer.node}\n{errors}"
    place = f'cx="{plot.x(layer.depth):.1f}" cy="{plot.y(layer.of_range):.1f}" r="{4 if layer.jumps else 2}"'
    return f'<circle {place} fill="{_colour(layer)}"><title>{escape(said)}</title></circle>'


def _colour(layer: Layer) -> str:
    return JUMP if layer.jumps else LINE if layer.of_range > 0 else EQUAL


def _html(curve: ErrorCurve) -> bytes:
    """A page that needs nothing else: the sentence, the picture, and a table of the largest errors."""
    shown = sorted(curve.layers, key=lambda one: -one.of_range)[:TABLE_ROWS]
    titles = ("depth", "tensor", "operator", "node", "of range", "arriving", "max abs", "max rel", "ULP", "pass")
    rows = [_row(layer) for layer in shown]
    head = "".join(f"<th>{title}</th>" for title in titles)
    marked = [' class="jump"' if one.jumps else "" for one in shown]
    body = "\n".join(
        f"<tr{mark}>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
        for mark, row in zip(marked, rows, strict=True)
    )
    left = len(curve.layers) - len(shown)
    more = f"<p>and {left} tensors with smaller errors, which the .json form has</p>" if left > 0 else ""
    return _PAGE.format(
        sentence=escape(curve.sentence), case=escape(curve.case), svg=svg(curve), head=head, body=body, more=more
    ).encode()


def _row(one: Layer) -> tuple[object, ...]:
    errors = (f"{value:.3g}" for value in (one.of_range, one.arriving, one.max_abs, one.max_rel))
    return (one.depth, one.tensor, one.op_type, one.node, *errors, one.max_ulp, one.pass_name)


_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Error curve</title><style>
body {{ font: 14px sans-serif; color: #282828; margin: 2em; }}
svg {{ max-width: 100%; height: auto; }}
table {{ border-collapse: collapse; font-size: 12px; }}
td, th {{ padding: 2px 8px; text-align: left; border-bottom: 1px solid #e1e1e1; }}
.jump td {{ color: #c02020; }}
</style></head><body>
<h1>Error curve</h1>
<p>{sentence} (case {case})</p>
{svg}
<h2>Largest errors</h2>
<table><tr>{head}</tr>
{body}
</table>
{more}
</body></html>
"""


# --- PNG -----------------------------------------------------------------------------------------


def _png(curve: ErrorCurve) -> bytes:
    """The picture through Pillow, which comes with the networks: trtconv[models]."""
    import io

    from PIL import Image, ImageDraw, ImageFont

    plot, image = Plot(curve.layers), Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(12)
    for text, y in plot.powers():
        draw.line([(LEFT, y), (WIDTH - RIGHT, y)], GRID)
        draw.text((LEFT - 8, y), text, INK, font, anchor="rm")
    for text, x in plot.depths():
        draw.line([(x, TOP), (x, HEIGHT - BOTTOM)], GRID)
        draw.text((x, HEIGHT - BOTTOM + 6), text, INK, font, anchor="mt")
    draw.line(plot.floor(), FLOOR, 1)
    draw.line(plot.worst(), LINE, 2)
    for layer in curve.layers:
        x, y, r = plot.x(layer.depth), plot.y(layer.of_range), 4 if layer.jumps else 2
        draw.ellipse((x - r, y - r, x + r, y + r), fill=_colour(layer))
    draw.text((LEFT, 10), TITLE, INK, font)
    draw.text((WIDTH - RIGHT, HEIGHT - 20), "depth: nodes on the longest way from an input", INK, font, anchor="rt")
    for index, (colour, text) in enumerate(LEGEND):
        x = WIDTH - RIGHT - 170 * (len(LEGEND) - index)
        draw.ellipse((x - 4, 12, x + 4, 20), fill=colour)
        draw.text((x + 10, 16), text, INK, font, anchor="lm")
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


_WRITERS: dict[str, Callable[[ErrorCurve], bytes]] = {".html": _html, ".svg": _svg_file, ".png": _png, ".json": _json}
