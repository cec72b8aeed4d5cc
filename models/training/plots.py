"""Line plots with Pillow alone: two panels need no plotting library among a user's dependencies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor, isfinite, log10

from PIL import Image, ImageDraw, ImageFont

Points = Sequence[tuple[float, float]]

PANEL = (640, 300)
MARGIN = (64, 28, 24, 36)
INK, GRID = (40, 40, 40), (225, 225, 225)
COLOURS = ((31, 119, 180), (214, 98, 24), (44, 140, 60), (150, 60, 160), (120, 90, 60))


def draw(curves: Mapping[str, Points]) -> Image.Image:
    """The first curve (the loss) in a panel of its own, the others together in a second one below."""
    panels = [dict(list(curves.items())[:1]), dict(list(curves.items())[1:])]
    shown = [panel for panel in panels if any(panel.values())]
    image = Image.new("RGB", (PANEL[0], PANEL[1] * max(1, len(shown))), "white")
    for i, panel in enumerate(shown):
        _panel(ImageDraw.Draw(image), panel, i * PANEL[1])
    return image


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) from `low` to `high`."""
    raw = (high - low) / about
    power = 10.0 ** floor(log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    first = floor(low / step + 0.999999)
    return [i * step for i in range(first, floor(high / step + 1e-6) + 1)]


def _span(values: list[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return low, high


def _panel(draw: ImageDraw.ImageDraw, panel: Mapping[str, Points], top: int) -> None:
    points = [p for curve in panel.values() for p in curve if isfinite(p[1])]
    if not points:
        return
    x_span, y_span = _span([p[0] for p in points]), _span([p[1] for p in points])
    left, right = MARGIN[0], PANEL[0] - MARGIN[2]
    upper, lower = top + MARGIN[1], top + PANEL[1] - MARGIN[3]

    def place(x: float, y: float) -> tuple[float, float]:
        across, up = (x - x_span[0]) / (x_span[1] - x_span[0]), (y - y_span[0]) / (y_span[1] - y_span[0])
        return left + across * (right - left), lower - up * (lower - upper)

    font = ImageFont.load_default(11)
    for x in ticks(*x_span):
        at = place(x, y_span[0])
        draw.line([at, (at[0], upper)], GRID)
        draw.text((at[0], lower + 6), f"{x:g}", INK, font, anchor="mt")
    for y in ticks(*y_span):
        at = place(x_span[0], y)
        draw.line([at, (right, at[1])], GRID)
        draw.text((left - 6, at[1]), f"{y:.4g}", INK, font, anchor="rm")
    draw.rectangle((left, upper, right, lower), outline=INK)
    draw.text((right, lower + 20), "step", INK, font, anchor="rt")
    for i, (name, curve) in enumerate(panel.items()):
        line = [place(*p) for p in curve if isfinite(p[1])]
        colour = COLOURS[i % len(COLOURS)]
        draw.line(line, colour, 2)
        draw.text((left + 8 + 110 * i, upper - 14), name, colour, font, anchor="lm")
        for x, y in line[-1:]:
            draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=colour)
