"""Whether the optional packages are there."""

from __future__ import annotations

from importlib.util import find_spec

from trtconv.errors import Unavailable


def need_torch() -> None:
    """Raises Unavailable where PyTorch is not installed."""
    if find_spec("torch") is None:
        raise Unavailable("this needs PyTorch", do="pip install 'trtconv[models]'")
