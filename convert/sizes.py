"""Amounts of memory as text: `8G`, `512M`, `1.5GiB`."""

from __future__ import annotations

import re

from trtconv.errors import BadInput

UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


def parse_size(text: str) -> int:
    """Bytes of `8G`; units are powers of 1024, as trtexec has them. Raises BadInput."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*", text.lower())
    if not match:
        raise BadInput(f"{text!r} is no size", do="write bytes, or a number with K, M or G: 512M, 8G")
    return int(float(match[1]) * UNITS[match[2]])
