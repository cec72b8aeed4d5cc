"""Shape profiles as trtexec writes them: `--minShapes=image:1x3x224x224 --optShapes=... --maxShapes=...`.

trtexec has one text for each of min, opt and max, `--profile=N` before the texts of each of several profiles, and
gives the values of a shape tensor in the place of its shape.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Sequence

from trtconv.errors import BadInput
from trtconv.shapes import POINTS, Point, ShapeProfile, Span, Spans, parse_shapes

_OPTION = re.compile(r"--(?P<kind>min|opt|max)?[sS]hapes=(?P<text>.*)|--profile=(?P<profile>\d+)", re.DOTALL)


def to_trtexec(profiles: Sequence[ShapeProfile]) -> list[str]:
    """The arguments that trtexec takes for `profiles`; to be quoted for a shell by `shlex.join`."""
    arguments = []
    for index, profile in enumerate(profiles):
        if len(profiles) > 1:
            arguments.append(f"--profile={index}")
        arguments += [f"--{point}Shapes={_text(profile, point)}" for point in POINTS]
    return arguments


def from_trtexec(arguments: str | Sequence[str], values_of: Collection[str] = ()) -> tuple[ShapeProfile, ...]:
    """Profiles of trtexec's arguments, as a list or as they are typed into a shell; its other options are passed over.

    `values_of` names the inputs that are shape tensors. Raises BadInput where trtexec would refuse them, too.
    """
    profiles: list[dict[str, str]] = []
    for argument in shlex.split(arguments) if isinstance(arguments, str) else arguments:
        match = _OPTION.fullmatch(argument)
        if not match:
            continue
        if not profiles or match["profile"]:
            profiles.append({})
        if not match["profile"]:
            profiles[-1][match["kind"] or "all"] = match["text"]
    if not profiles:
        raise BadInput("no shapes in these arguments", do="give --minShapes, --optShapes and --maxShapes, or --shapes")
    return tuple(_profile(texts, frozenset(values_of)) for texts in profiles)


def _text(profile: ShapeProfile, point: Point) -> str:
    both = {**profile.at(point), **profile.values_at(point)}
    return ",".join(f"{_quoted(name)}:{'x'.join(map(str, numbers)) or 'scalar'}" for name, numbers in both.items())


def _quoted(name: str) -> str:
    if "'" in name:
        raise BadInput(f"trtexec cannot take the input name {name!r}: it has a quote", do="rename the input")
    return f"'{name}'" if re.search("[:,;=]", name) else name


def _profile(texts: dict[str, str], values_of: frozenset[str]) -> ShapeProfile:
    alone = texts.get("all") or (texts["opt"] if set(texts) == {"opt"} else None)
    if alone:
        texts = dict.fromkeys(POINTS, alone)
    missing = [f"--{point}Shapes" for point in POINTS if point not in texts]
    if missing:
        raise BadInput(f"{' and '.join(missing)} missing", do="give all three, or --optShapes alone for fixed shapes")
    least, opt, most = (_numbers(texts[point]) for point in POINTS)
    if not set(least) == set(opt) == set(most):
        names = sorted(set(least) ^ set(opt) | set(opt) ^ set(most))
        raise BadInput(f"input {names[0]!r} is not in all of --minShapes, --optShapes and --maxShapes")
    spans = {name: _joined(name, least[name], opt[name], most[name]) for name in opt}
    return ShapeProfile(
        {name: s for name, s in spans.items() if name not in values_of},
        {name: s for name, s in spans.items() if name in values_of},
    )


def _numbers(text: str) -> dict[str, tuple[int, ...]]:
    profiles = parse_shapes(text)
    if len(profiles) != 1 or profiles[0].values or not profiles[0].is_fixed:
        raise BadInput(f"trtexec does not take {text!r}", do="write NAME:1x3x224x224,NAME:...")
    return profiles[0].at("opt")


def _joined(name: str, least: tuple[int, ...], opt: tuple[int, ...], most: tuple[int, ...]) -> Spans:
    if not len(least) == len(opt) == len(most):
        raise BadInput(f"input {name!r} has {len(least)}, {len(opt)} and {len(most)} dimensions at min, opt and max")
    if any(not a <= b <= c for a, b, c in zip(least, opt, most, strict=True)):
        raise BadInput(f"input {name!r} is not in the order min <= opt <= max: {least}, {opt}, {most}")
    return tuple(map(Span, least, opt, most))
