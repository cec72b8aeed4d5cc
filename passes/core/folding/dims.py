"""Exact arithmetic on sizes: polynomials with integer coefficients over named dimensions.

An element of a shape tensor is an `int` or an `Expr`. Equal sizes have equal normal forms, so `==` decides what can
be decided; what cannot be expressed becomes an atom of its own, equal only to itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Atom:
    """An indivisible quantity: a dimension, an unknown integer, or a quotient that does not divide out."""

    kind: str
    args: tuple[object, ...]
    nonnegative: bool

    def __str__(self) -> str:
        return f"{self.kind}({', '.join(map(str, self.args))})" if self.kind != "dim" else str(self.args[0])


Monomial = frozenset[tuple[Atom, int]]
"""Atoms with their powers; empty for the constant term."""

CONSTANT: Monomial = frozenset()


class Expr:
    """A polynomial that is not a plain number. Made by `dim`, `unknown` and arithmetic; hashable."""

    __slots__ = ("_hash", "terms")

    def __init__(self, terms: dict[Monomial, int]) -> None:
        self.terms = terms
        self._hash = hash(frozenset(terms.items()))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expr) and self._hash == other._hash and self.terms == other.terms

    def __add__(self, other: Size) -> Size:
        return _sum(self, other, 1)

    __radd__ = __add__

    def __sub__(self, other: Size) -> Size:
        return _sum(self, other, -1)

    def __rsub__(self, other: Size) -> Size:
        return _sum(other, self, -1)

    def __neg__(self) -> Size:
        return _normal({m: -c for m, c in self.terms.items()})

    def __mul__(self, other: Size) -> Size:
        out: dict[Monomial, int] = {}
        for left, a in self.terms.items():
            for right, b in _terms(other):
                product = _times(left, right)
                out[product] = out.get(product, 0) + a * b
        return _normal(out)

    __rmul__ = __mul__

    def __str__(self) -> str:
        return " + ".join(sorted(_text(m, c) for m, c in self.terms.items()))

    __repr__ = __str__


Size = int | Expr
"""A number, or an expression of dimensions."""


def dim(*key: object) -> Expr:
    """A dimension, which is never negative, known by `key` (its name, or tensor and axis)."""
    return _atom(Atom("dim", key, True))


def unknown(*key: object) -> Expr:
    """An integer of any sign, known by `key`."""
    return _atom(Atom("value", key, False))


def opaque(kind: str, *args: Size) -> Expr:
    """A function of sizes that has no normal form; equal where kind and arguments are."""
    return _atom(Atom(kind, args, all(is_nonnegative(a) for a in args)))


def name_of(size: Expr) -> str | None:
    """Name of a dimension that the model names; None for any other expression."""
    if len(size.terms) != 1:
        return None
    ((monomial, factor),) = size.terms.items()
    if factor != 1 or len(monomial) != 1:
        return None
    ((atom, power),) = monomial
    return str(atom.args[0]) if atom.kind == "dim" and len(atom.args) == power == 1 else None


def mentions(size: Size, tensors: Sequence[str]) -> bool:
    """Whether `size` is made of a dimension or an element that is known by one of `tensors`."""
    if isinstance(size, int):
        return False
    return any(
        atom.args[0] in tensors or any(isinstance(a, Expr) and mentions(a, tensors) for a in atom.args)
        for monomial in size.terms
        for atom, _ in monomial
    )


def is_nonnegative(size: Size) -> bool:
    """Whether `size` is at least 0 whatever the dimensions are; False where that cannot be told."""
    return all(c >= 0 and all(a.nonnegative for a, _ in m) for m, c in _terms(size))


def is_positive(size: Size) -> bool:
    """Whether `size` is at least 1 whatever the dimensions are; False where that cannot be told."""
    return is_nonnegative(size) and _constant(size) > 0


def is_zero_with(size: Size, other: Size) -> bool:
    """Whether `size` is 0 wherever `other`, a single product, is; False where that cannot be told."""
    if len(factors := list(_terms(other))) != 1:
        return False
    needed = {atom for atom, _ in factors[0][0]}
    return all(needed <= {atom for atom, _ in monomial} for monomial, _ in _terms(size))


def is_linear(size: Size) -> bool:
    """Whether `size` is a number, or a dimension and such times small factors: never a product of dimensions."""
    return all(sum(p for _, p in m) <= 1 and abs(c) < 1 << 16 for m, c in _terms(size))


def equal(a: Size, b: Size) -> bool | None:
    """Whether two sizes are equal; None where that depends on the dimensions."""
    difference = a - b
    if isinstance(difference, int):
        return difference == 0
    return False if is_positive(difference) or is_positive(-difference) else None


def less(a: Size, b: Size) -> bool | None:
    """Whether `a` < `b`; None where that depends on the dimensions."""
    if is_positive(b - a):
        return True
    return False if is_nonnegative(a - b) else None


def maximum(a: Size, b: Size) -> Size:
    """The larger of two sizes."""
    if is_nonnegative(a - b):
        return a
    return b if is_nonnegative(b - a) else opaque("max", a, b)


def minimum(a: Size, b: Size) -> Size:
    """The smaller of two sizes."""
    if is_nonnegative(a - b):
        return b
    return a if is_nonnegative(b - a) else opaque("min", a, b)


def divide(a: Size, b: Size) -> Size | None:
    """`a` / `b` where it comes out even for all dimensions other than 0; None where it does not."""
    divisor = list(_terms(b))
    if len(divisor) != 1 or not divisor[0][1]:
        return None
    atoms, factor = divisor[0]
    out: dict[Monomial, int] = {}
    for monomial, coefficient in _terms(a):
        rest = _without(monomial, atoms)
        if rest is None or coefficient % factor:
            return None
        out[rest] = coefficient // factor
    return _normal(out)


def floor_divide(a: Size, b: Size) -> Size:
    """`a` / `b` rounded down; `b` is not 0."""
    exact = divide(a, b)
    if exact is not None:
        return exact
    if not isinstance(b, int) or b < 0:
        return opaque("floordiv", a, b)
    quotient = _normal({m: c // b for m, c in _terms(a) if c % b == 0 or m == CONSTANT})
    rest = _normal({m: c % b if m == CONSTANT else c for m, c in _terms(a) if c % b or m == CONSTANT})
    if isinstance(rest, int):
        return quotient + rest // b
    return quotient + opaque("floordiv", rest, b)


def truncated_divide(a: Size, b: Size) -> Size:
    """`a` / `b` rounded towards zero, as ONNX divides integers; `b` is not 0."""
    if isinstance(a, int) and isinstance(b, int):
        return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    if is_nonnegative(a) and is_nonnegative(b):
        return floor_divide(a, b)
    exact = divide(a, b)
    return exact if exact is not None else opaque("truncdiv", a, b)


def product(sizes: tuple[Size, ...]) -> Size:
    """Product of all sizes; 1 for none."""
    out: Size = 1
    for size in sizes:
        out = size * out
    return out


def _atom(atom: Atom) -> Expr:
    return Expr({frozenset(((atom, 1),)): 1})


def _terms(size: Size) -> Iterator[tuple[Monomial, int]]:
    if isinstance(size, Expr):
        yield from size.terms.items()
    else:
        yield CONSTANT, size


def _constant(size: Size) -> int:
    return size.terms.get(CONSTANT, 0) if isinstance(size, Expr) else size


def _normal(terms: dict[Monomial, int]) -> Size:
    kept = {m: c for m, c in terms.items() if c}
    if not kept:
        return 0
    if len(kept) == 1 and CONSTANT in kept:
        return kept[CONSTANT]
    return Expr(kept)


def _sum(a: Size, b: Size, sign: int) -> Size:
    out = dict(_terms(a))
    for monomial, coefficient in _terms(b):
        out[monomial] = out.get(monomial, 0) + sign * coefficient
    return _normal(out)


def _times(a: Monomial, b: Monomial) -> Monomial:
    if not a or not b:
        return a or b
    powers = dict(a)
    for atom, power in b:
        powers[atom] = powers.get(atom, 0) + power
    return frozenset(powers.items())


def _without(monomial: Monomial, atoms: Monomial) -> Monomial | None:
    powers = dict(monomial)
    for atom, power in atoms:
        powers[atom] = powers.get(atom, 0) - power
        if powers[atom] < 0:
            return None
    return frozenset((a, p) for a, p in powers.items() if p)


def _text(monomial: Monomial, coefficient: int) -> str:
    atoms = "*".join(sorted(f"{a}^{p}" if p > 1 else str(a) for a, p in monomial))
    return atoms if coefficient == 1 and atoms else f"{coefficient}*{atoms}" if atoms else str(coefficient)
