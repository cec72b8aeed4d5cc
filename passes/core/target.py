"""A target: the product and version whose ONNX parser has to take the graph."""

from __future__ import annotations

import difflib
import functools
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata, resources
from itertools import takewhile
from typing import Any

Version = tuple[int, ...]

PRODUCTS = ("tensorrt", "tensorrt-rtx")
ALIASES = {"trt": "tensorrt", "rtx": "tensorrt-rtx"}


class UnknownTarget(ValueError):
    """A target text that names no product or version; the message names the nearest that are known."""


@functools.cache
def facts() -> dict[str, Any]:
    """The data file `targets.json`: what each TensorRT registers and documents, and where that is known from."""
    return _read("targets.json")


@functools.cache
def measured() -> dict[str, Any]:
    """The data file `rtx.json`: what each TensorRT-RTX said when it was asked (tests/benchmarks/measure_rtx.py)."""
    return _read("rtx.json")


def _read(name: str) -> dict[str, Any]:
    text = resources.files("trtconv.passes.core").joinpath(name).read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@dataclass(frozen=True)
class Target:
    """A product and a version, such as `tensorrt-8.2` or `tensorrt-rtx-1.7`."""

    product: str
    version: Version

    @classmethod
    def parse(cls, text: str) -> Target:
        """Target of `tensorrt-8.2`, `tensorrt-10`, `tensorrt-rtx` (the installed, else the newest known) or `auto`.

        Raises UnknownTarget.
        """
        if text == "auto":
            return cls.auto()
        name = re.sub(r"[\s_]+", "-", text.strip().lower())
        match = re.fullmatch(r"(tensorrt-rtx|tensorrt|trt|rtx)(?:-?v?(\d+(?:\.\d+)*))?", name)
        if not match:
            raise UnknownTarget(f"unknown target {text!r}{_did_you_mean(name)}")
        product = ALIASES.get(match[1], match[1])
        if match[2] is None:
            return cls.installed(product) or cls(product, versions(product)[-1])
        version, oldest = parse_version(match[2]), versions(product)[0]
        if version < oldest[: len(version)]:
            raise UnknownTarget(f"{text} is older than the oldest known, {cls(product, oldest)}")
        return cls(product, resolve(product, version))

    @classmethod
    def auto(cls) -> Target:
        """The installed product, TensorRT before TensorRT-RTX; with neither, the newest TensorRT known."""
        found = next(filter(None, map(cls.installed, PRODUCTS)), None)
        return found or cls("tensorrt", versions("tensorrt")[-1])

    @classmethod
    def installed(cls, product: str) -> Target | None:
        """The installed version of a product; None when it is not installed."""
        try:
            return cls(product, resolve(product, parse_version(metadata.version(product.replace("-", "_")))))
        except metadata.PackageNotFoundError:
            return None

    def __str__(self) -> str:
        return f"{self.product}-{_text(self.version)}"

    @property
    def title(self) -> str:
        """The product's own spelling with the version: `TensorRT-RTX 1.7`."""
        name = "TensorRT-RTX" if self.is_rtx else "TensorRT"
        return f"{name} {_text(self.version)}"

    @property
    def is_rtx(self) -> bool:
        """Whether this is TensorRT-RTX."""
        return self.product == "tensorrt-rtx"

    @property
    def is_known(self) -> bool:
        """Whether the data file has the version, whatever the patch; else the facts of `nearest` stand in."""
        return self.version[:2] in {version[:2] for version in versions(self.product)}

    @property
    def doubt(self) -> str:
        """What makes all that is said of a version that is not known less certain; empty for one that is."""
        if self.is_known:
            return ""
        is_newer = self.version > versions(self.product)[-1]
        why = "is newer than what trtconv knows" if is_newer else "is not among the versions that trtconv knows"
        return f"{self.title} {why}: these are the facts of {Target(self.product, self.nearest).title}"

    @property
    def nearest(self) -> Version:
        """The newest known version that is not newer than this one: the one whose facts hold."""
        return max((v for v in versions(self.product) if v <= self.version), default=versions(self.product)[0])

    @property
    def parser(self) -> Version:
        """The TensorRT parser generation behind this target: its own version, or for TensorRT-RTX the nearest.

        The second is inferred from what the two accept and from when they came out.
        """
        if not self.is_rtx:
            return self.version
        return parse_version(facts()["rtx_parser_generation"][_text(self.nearest)])

    @property
    def documented_opset(self) -> tuple[int, int]:
        """Oldest and newest opset that NVIDIA documents; for TensorRT-RTX those of its parser's generation."""
        oldest, newest = self._details["opset"]
        return oldest, newest

    @property
    def opset_evidence(self) -> str:
        """Where the opsets are known from: a key of `facts()["evidence"]`."""
        return "inferred" if self.is_rtx or not self.is_known else str(self._details["opset_from"])

    def before(self, *version: int) -> bool:
        """Whether the parser is older than TensorRT `version`: `target.before(8, 2)`."""
        return self.parser < version

    def has(self, op_type: str) -> bool:
        """Whether the parser takes the operator in some form.

        Of TensorRT: whether it registers an importer. Of TensorRT-RTX: whether it registers one, and did not refuse
        every one of the standard's cases with the operator when it was measured.
        """
        if self.is_rtx:
            return op_type in self._measured["registered"] and op_type not in self._measured["never_accepted"]
        known_operator = facts()["operators"].get(op_type)
        return known_operator is not None and parse_version(known_operator["since"]) <= self.parser

    def lack(self, op_type: str) -> str:
        """What keeps an operator that the target does not have from being used, in words."""
        stage = self._measured["never_accepted"].get(op_type, "").partition(":")[0] if self.is_rtx else ""
        if stage == "build":
            return f"the parser of {self.title} takes {op_type}, and its builder has nothing to run it with"
        return f"{self.title} has no importer for {op_type}"

    def evidence(self, op_type: str) -> str:
        """Where it is known from whether the parser has the operator: a key of `facts()["evidence"]`."""
        if not self.is_known or (self.is_rtx and op_type in self._measured["unmeasured"]):
            return "inferred"
        return "measured" if self.is_rtx else str(self._details["operators"])

    @property
    def _measured(self) -> dict[str, Any]:
        found: dict[str, Any] = measured()["versions"][_text(self.nearest)]
        return found

    @property
    def _details(self) -> dict[str, Any]:
        at = max(v for v in versions("tensorrt") if v <= self.parser)
        details: dict[str, Any] = facts()["details"][_text(at)]
        return details


@functools.cache
def parse_version(text: str) -> Version:
    """`8.5.2` -> (8, 5, 2); what follows the numbers, as in `8.6.1.post1`, is left out."""
    match = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def versions(product: str) -> list[Version]:
    """The known versions of a product, oldest first."""
    return [parse_version(v) for v in facts()["versions"][product]]


def resolve(product: str, version: Version) -> Version:
    """The version that one as users or packages write it stands for: 10 -> 10.16, 8.2 -> 8.2.5, 10.3.0.26 -> 10.3.

    Patches count where they are known to differ. 7.2 stands for 7.2.1, whose operators all of 7.2 have.
    """
    known_versions = versions(product)
    if len(version) > 2:
        has_patches = any(len(v) > 2 and v[:2] == version[:2] for v in known_versions)
        return version[:3] if has_patches else version[:2]
    stands_for = facts()["stands_for"].get(_text(version)) if product == "tensorrt" else None
    if stands_for:
        return parse_version(stands_for)
    return max((v for v in known_versions if v[: len(version)] == version), default=version)


def _text(version: Version) -> str:
    return ".".join(map(str, version))


def _did_you_mean(name: str) -> str:
    """The known targets that are spelt nearly as `name`; empty where none is."""
    near: list[str] = []
    spelt = re.fullmatch(r"(.*?)-?v?(\d+(?:\.\d+)*)", name)
    if spelt:  # the version is well formed: the product is missing or misspelt
        products = _near(spelt[1], [*PRODUCTS, *ALIASES])[:1] if spelt[1] else PRODUCTS
        named = {p: Target(p, resolve(p, parse_version(spelt[2]))) for p in (ALIASES.get(p, p) for p in products)}
        near = [f"{product}-{spelt[2]}" for product, target in named.items() if target.is_known]
    near = near or _near(name, known() if re.search(r"\d", name) else PRODUCTS)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _near(name: str, names: Iterable[str]) -> list[str]:
    """Up to three of `names` that are spelt nearly as `name`, those with the same beginning first."""

    def shared(other: str) -> int:
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(name, other, strict=False)))

    return sorted(difflib.get_close_matches(name, names, 3, 0.75), key=shared, reverse=True)


def known_ranges() -> str:
    """Oldest and newest version of each product: `tensorrt-7.0 to 11.4 and tensorrt-rtx-1.4 to 1.7`."""
    ranges = {product: (_text(versions(product)[0]), _text(versions(product)[-1])) for product in PRODUCTS}
    return " and ".join(f"{product}-{oldest} to {newest}" for product, (oldest, newest) in ranges.items())


def known() -> list[str]:
    """Every target in the data file, oldest first."""
    return [f"{product}-{v}" for product in PRODUCTS for v in facts()["versions"][product]]
