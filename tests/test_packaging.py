"""The wheel: only `trtconv` in site-packages, every module in it, and the command runs from an empty environment."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = {"convert": "trtconv", "passes": "trtconv/passes", "models": "trtconv/models"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    source = tmp_path_factory.mktemp("source")
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in tracked.splitlines():
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(source)],
        check=True,
        capture_output=True,
    )
    return next(out.glob("*.whl"))


def test_wheel_holds_every_module_and_nothing_generic(wheel: Path) -> None:
    names = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    assert {n.split("/")[0] for n in names} == {"trtconv"}
    for folder, package in FOLDERS.items():
        tracked = subprocess.run(["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=True)
        for file in tracked.stdout.split():
            if (ROOT / file).is_file() and (file.endswith((".py", ".json", "py.typed"))):
                assert f"{package}/{file.removeprefix(folder + '/')}" in names


def test_wheel_runs_from_an_environment_of_its_own(wheel: Path, tmp_path: Path) -> None:
    """Installed without its dependencies beside the ones of this environment, so that nothing is downloaded."""
    venv.create(tmp_path / "env", with_pip=True, system_site_packages=False)
    python = tmp_path / "env" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", str(wheel)], check=True, capture_output=True)
    packages = Path(
        subprocess.check_output([python, "-c", "import site; print(site.getsitepackages()[0])"], text=True).strip()
    )
    installed = {p.name for p in packages.iterdir()} - {"__pycache__"}
    assert {
        n for n in installed if "pip" not in n and "setuptools" not in n and "distutils" not in n and "pkg_res" not in n
    } == {
        "trtconv",
        next(n for n in installed if n.startswith("trtconv-")),
    }
    ours = next(p for p in sys.path if p.endswith("site-packages"))
    (packages / "dependencies.pth").write_text(ours + "\n")
    shown = subprocess.run(
        [tmp_path / "env" / "bin" / "trtconv", "passes"], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert "hard-swish-type" in shown.stdout
    where = subprocess.check_output([python, "-c", "import trtconv; print(trtconv.__file__)"], text=True, cwd=tmp_path)
    assert str(packages) in where
