"""The library: every public name loads when it is asked for."""

from __future__ import annotations

import pytest

import trtconv


@pytest.mark.parametrize("name", sorted(set(dir(trtconv)) - {"annotations"}))
def test_every_public_name_loads(name: str) -> None:
    assert getattr(trtconv, name) is not None


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'fixx'"):
        trtconv.fixx  # noqa: B018
