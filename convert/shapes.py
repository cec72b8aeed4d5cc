"""Optimization profiles as text: `image:1-4-8x3x224x224`  <->  ShapeProfile.

    image:1-4-8x3x224x224     batch of at least 1, best for 4, at most 8; the rest fixed
    ids:1-8x16-128            `a-c` stands for `a-c-c`: best for the largest
    image:...,mask:...        several inputs; a repeated option does the same
    image:1x...;image:8x...   several profiles
    sizes=1x3x224-448x224-448 the values of a shape tensor, element by element; `count=1-4-8` has one
    scale:scalar              a shape without dimensions
    'a,b':1x3                 a name with a comma, a semicolon or a quote ('' inside quotes is one quote)

A name may contain colons and equals signs: the last one counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from trtconv.errors import BadInput

Point = Literal["min", "opt", "max"]
POINTS: tuple[Point, ...] = ("min", "opt", "max")

LARGEST = 2**31 - 1
"""Largest dimension or value: TensorRT's own limit for the elements of a tensor."""

SYNTAX = "write NAME:1-4-8x3x224x224 for a shape (min-opt-max), NAME=1-4-8 for the values of a shape tensor"

_ITEM = re.compile(
    r"\s*(?:'(?P<quoted>(?:[^']|'')*)'\s*|(?P<plain>(?!\s*')[^,;]*))(?P<mark>[:=])(?P<spans>[^,;:=']*)(?P<end>[,;]|$)",
    re.DOTALL,
)
_SPAN = re.compile(r"(-?\d+)(?:-(-?\d+))?(?:-(-?\d+))?")


class Span(NamedTuple):
    """What one dimension, or one value, may be; the engine is tuned for `opt`."""

    min: int
    opt: int
    max: int

    @classmethod
    def parse(cls, text: str) -> Span:
        """Span of `a-b-c`, `a-c` (which is `a-c-c`) or `a`; raises ValueError for anything else."""
        match = _SPAN.fullmatch(text.strip())
        if not match:
            raise ValueError(f"{text.strip()!r} is not a number or a min-opt-max")
        first, *rest = (int(number) for number in match.groups() if number is not None)
        least, opt, most = first, rest[0] if rest else first, rest[-1] if rest else first
        if not least <= opt <= most:
            raise ValueError(f"{text.strip()} is not in the order min-opt-max")
        if max(abs(least), abs(most)) > LARGEST:
            raise ValueError(f"{text.strip()} is beyond {LARGEST}")
        return cls(least, opt, most)

    @property
    def text(self) -> str:
        """The shortest form: `3`, `1-8`, `1-4-8`."""
        if self.min == self.max:
            return str(self.min)
        return f"{self.min}-{self.max}" if self.opt == self.max else f"{self.min}-{self.opt}-{self.max}"


Spans = tuple[Span, ...]


@dataclass(frozen=True)
class ShapeProfile:
    """One optimization profile: shapes by input, and the values of inputs that are shape tensors."""

    shapes: Mapping[str, Spans]
    values: Mapping[str, Spans] = field(default_factory=dict)

    def at(self, point: Point) -> dict[str, tuple[int, ...]]:
        """Shape of each input at `min`, `opt` or `max`."""
        return {name: _at(spans, point) for name, spans in self.shapes.items()}

    def values_at(self, point: Point) -> dict[str, tuple[int, ...]]:
        """Values of each shape tensor at `min`, `opt` or `max`, flat; one for a tensor without dimensions."""
        return {name: _at(spans, point) for name, spans in self.values.items()}

    @property
    def is_fixed(self) -> bool:
        """Whether min, opt and max are the same."""
        return self.at("min") == self.at("max") and self.values_at("min") == self.values_at("max")

    @property
    def text(self) -> str:
        """The canonical text, which parses back to an equal profile."""
        shapes = [f"{quoted(name)}:{shape_text(spans)}" for name, spans in self.shapes.items()]
        values = [f"{quoted(name)}={'x'.join(s.text for s in spans)}" for name, spans in self.values.items()]
        return ",".join(shapes + values)

    def to_json(self) -> dict[str, object]:
        """`{"shapes": {name: {"min": [...], "opt": [...], "max": [...]}}, "values": {...}}`."""
        return {"shapes": _points(self.shapes), "values": _points(self.values)}


def parse_shapes(texts: str | Iterable[str]) -> tuple[ShapeProfile, ...]:
    """Profiles of one `--shapes` text, or of several that each speak of other inputs.

    A text with one profile holds for all profiles of the others. Raises BadInput.
    """
    parsed = [_profiles(text) for text in ([texts] if isinstance(texts, str) else texts)]
    count = max(map(len, parsed), default=0)
    if any(len(profiles) not in (1, count) for profiles in parsed):
        counts = " and ".join(str(len(profiles)) for profiles in parsed)
        raise BadInput(f"the shapes have {counts} profiles", do="give each input the same number of profiles, or one")
    return tuple(_merged([p[min(index, len(p) - 1)] for p in parsed]) for index in range(count))


def shapes_text(profiles: Sequence[ShapeProfile]) -> str:
    """The canonical text of several profiles."""
    return ";".join(profile.text for profile in profiles)


def shape_text(spans: Spans) -> str:
    """`1-4-8x3x224x224`; `scalar` for no dimensions."""
    return "x".join(span.text for span in spans) or "scalar"


def quoted(name: str) -> str:
    """The name as it has to be written in a shapes text."""
    plain = name and not re.search(r"[,;']", name) and name == name.strip()
    return name if plain else "'" + name.replace("'", "''") + "'"


def _profiles(text: str) -> list[ShapeProfile]:
    profiles: list[ShapeProfile] = []
    shapes: dict[str, Spans] = {}
    values: dict[str, Spans] = {}
    position, end = 0, ","
    while end:
        match = _ITEM.match(text, position)
        if not match:
            raise BadInput(f"cannot read the shapes {text[position:]!r}", do=SYNTAX)
        name, is_shape = _name(match), match["mark"] == ":"
        _refuse_second(name, shapes, values)
        (shapes if is_shape else values)[name] = _spans(name, match["spans"].strip(), is_shape)
        position, end = match.end(), match["end"]
        if end != ",":
            profiles.append(ShapeProfile(shapes, values))
            shapes, values = {}, {}
    return profiles


def _name(match: re.Match[str]) -> str:
    if match["quoted"] is not None:
        return match["quoted"].replace("''", "'")
    name = match["plain"].strip()
    if not name:
        raise BadInput(f"{match[0].strip()!r} names no input", do=SYNTAX)
    return name


def _refuse_second(name: str, shapes: Mapping[str, Spans], values: Mapping[str, Spans]) -> None:
    if name in shapes or name in values:
        raise BadInput(f"input {name!r} has two shapes in one profile", do="separate profiles by ;")


def _spans(name: str, text: str, is_shape: bool) -> Spans:
    if is_shape and text == "scalar":
        return ()
    try:
        spans = tuple(Span.parse(part) for part in text.split("x"))
    except ValueError as error:
        raise BadInput(f"input {name!r}: {error}", where=f"in {text!r}", do=SYNTAX) from None
    if is_shape and any(span.min < 0 for span in spans):
        raise BadInput(f"input {name!r}: a dimension cannot be negative", where=f"in {text!r}", do=SYNTAX)
    return spans


def _merged(parts: Sequence[ShapeProfile]) -> ShapeProfile:
    shapes: dict[str, Spans] = {}
    values: dict[str, Spans] = {}
    for part in parts:
        for name in (*part.shapes, *part.values):
            _refuse_second(name, shapes, values)
        shapes.update(part.shapes)
        values.update(part.values)
    return ShapeProfile(shapes, values)


def _at(spans: Spans, point: Point) -> tuple[int, ...]:
    return tuple(span[POINTS.index(point)] for span in spans)


def _points(spans: Mapping[str, Spans]) -> dict[str, dict[str, list[int]]]:
    return {name: {point: list(_at(s, point)) for point in POINTS} for name, s in spans.items()}
