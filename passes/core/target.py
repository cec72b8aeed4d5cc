"""A target: the product and version whose ONNX parser has to take the graph."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from importlib import metadata, resources
from typing import Any

Version = tuple[int, ...]

PRODUCTS = ("tensorrt", "tensorrt-rtx")


class UnknownTarget(ValueError):
    """A target text that names no product or version; the message lists the known ones."""


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
        match = re.fullmatch(r"(tensorrt-rtx|tensorrt|trt|rtx)(?:-?v?(\d+(?:\.\d+)*))?", text.strip().lower())
        if not match:
            bare = re.fullmatch(r"v?(\d+(?:\.\d+)*)", text.strip().lower())
            hint = f"did you mean tensorrt-{bare[1]}?" if bare else f"known: {_known_ranges()}, auto"
            raise UnknownTarget(f"unknown target {text!r}; {hint}")
        product = {"trt": "tensorrt", "rtx": "tensorrt-rtx"}.get(match[1], match[1])
        if match[2] is None:
            return cls.installed(product) or cls(product, versions(product)[-1])
        version = parse_version(match[2])
        if version < versions(product)[0][: len(version)]:
            raise UnknownTarget(f"{text} is older than any known version; known: {_known_ranges()}, auto")
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
    def is_newer_than_known(self) -> bool:
        """Whether the version is beyond the newest in the data file, whose facts then stand in."""
        return self.version[:2] > versions(self.product)[-1][:2]

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
        return "inferred" if self.is_rtx or self.is_newer_than_known else str(self._details["opset_from"])

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
        if self.is_newer_than_known or (self.is_rtx and op_type in self._measured["unmeasured"]):
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


def _known_ranges() -> str:
    return ", ".join(f"{product}-{', '.join(facts()['versions'][product])}" for product in PRODUCTS)


def known() -> list[str]:
    """Every target in the data file, oldest first."""
    return [f"{product}-{v}" for product in PRODUCTS for v in facts()["versions"][product]]
