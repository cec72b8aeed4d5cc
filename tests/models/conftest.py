"""Small drawn data sets, and a command line that fails loudly."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
import torch
from click.testing import CliRunner

FIXTURES = Path(__file__).parents[2] / "fixtures"


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shapes() -> ModuleType:
    """The generator in fixtures/, as a module."""
    spec = importlib.util.spec_from_file_location("shapes_dataset", FIXTURES / "shapes_dataset.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def class_data(shapes: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Image folders: 100 shapes of 32x32 to learn, 25 to measure."""
    root = tmp_path_factory.mktemp("classes")
    shapes.write_classification(root, {"train": 100, "val": 25}, size=32, seed=1)
    return root


@pytest.fixture(scope="session")
def mask_data(shapes: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Image/mask lists: 24 scenes of 64x64 to learn, 6 to measure."""
    root = tmp_path_factory.mktemp("masks")
    shapes.write_segmentation(root, {"train": 24, "val": 6}, size=64, seed=1)
    return root


@pytest.fixture
def command() -> Callable[..., str]:
    """Runs a click command and returns what it printed; an error of ours is raised."""

    def run(verb: click.Command, *arguments: Any) -> str:
        result = CliRunner().invoke(verb, [str(a) for a in arguments], standalone_mode=False)
        if result.exception:
            raise result.exception
        return result.stdout

    return run
