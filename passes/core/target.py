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
    """The data file `targets.json`: what each version registers, and where that is known from."""
    text = resources.files("trtconv.passes.core").joinpath("targets.json").read_text(encoding="utf-8")
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
            raise UnknownTarget(f"unknown target {text!r}; known: {_known_ranges()}, auto")
        product = {"trt": "tensorrt", "rtx": "tensorrt-rtx"}.get(match[1], match[1])
        if match[2] is None:
            return cls.installed(product) or cls(product, parse_version(facts()["versions"][product][-1]))
        version = parse_version(match[2])
        versions = [parse_version(v) for v in facts()["versions"][product]]
        if version < versions[0][: len(version)]:
            raise UnknownTarget(f"{text} is older than any known version; known: {_known_ranges()}, auto")
        return cls(product, newest_of(version, versions))

    @classmethod
    def auto(cls) -> Target:
        """The installed product, TensorRT before TensorRT-RTX; with neither, the newest TensorRT known."""
        found = next(filter(None, map(cls.installed, PRODUCTS)), None)
        return found or cls("tensorrt", parse_version(facts()["versions"]["tensorrt"][-1]))

    @classmethod
    def installed(cls, product: str) -> Target | None:
        """The installed version of a product; None when it is not installed."""
        try:
            return cls(product, parse_version(metadata.version(product.replace("-", "_")))[:2])
        except metadata.PackageNotFoundError:
            return None

    def __str__(self) -> str:
        return f"{self.product}-{'.'.join(map(str, self.version))}"

    @property
    def title(self) -> str:
        """The product's own spelling with the version: `TensorRT-RTX 1.7`."""
        name = "TensorRT-RTX" if self.is_rtx else "TensorRT"
        return f"{name} {'.'.join(map(str, self.version))}"

    @property
    def is_rtx(self) -> bool:
        """Whether this is TensorRT-RTX."""
        return self.product == "tensorrt-rtx"

    @property
    def is_newer_than_known(self) -> bool:
        """Whether the version is beyond the newest in the data file, whose facts then stand in."""
        return self.version[:2] > parse_version(facts()["versions"][self.product][-1])[:2]

    @property
    def parser(self) -> Version:
        """The TensorRT parser generation behind this target: its own version, or for TensorRT-RTX the nearest."""
        if not self.is_rtx:
            return self.version
        table = {parse_version(k): parse_version(v) for k, v in facts()["rtx_parser_generation"].items()}
        return table[max((v for v in table if v <= self.version), default=min(table))]

    def before(self, *version: int) -> bool:
        """Whether the parser is older than TensorRT `version`: `target.before(8, 2)`."""
        return self.parser < version

    def has(self, op_type: str) -> bool:
        """Whether the parser registers an importer for the operator."""
        ranges = facts()["operators"].get(op_type)
        if ranges is None or op_type in facts()["rtx_refuses"].get(self._rtx_key, ()):
            return False
        return any(parse_version(a) <= self.parser and (b is None or self.parser < parse_version(b)) for a, b in ranges)

    @property
    def _rtx_key(self) -> str:
        if not self.is_rtx:
            return ""
        known_keys = [parse_version(v) for v in facts()["rtx_refuses"]]
        return ".".join(map(str, max((v for v in known_keys if v <= self.version), default=min(known_keys))))


def parse_version(text: str) -> Version:
    """`8.5.2` -> (8, 5, 2); what follows the numbers, as in `8.6.1.post1`, is left out."""
    match = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def newest_of(version: Version, versions: list[Version]) -> Version:
    """The newest known version that a shorter one stands for: 10 -> 10.16; 8.2 -> 8.2.5; else itself."""
    return max((v for v in versions if v[: len(version)] == version), default=version)


def _known_ranges() -> str:
    return ", ".join(f"{product}-{', '.join(facts()['versions'][product])}" for product in PRODUCTS)


def known() -> list[str]:
    """Every target in the data file, oldest first."""
    return [f"{product}-{v}" for product in PRODUCTS for v in facts()["versions"][product]]
