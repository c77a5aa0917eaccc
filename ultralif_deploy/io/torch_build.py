"""Whether torch was built for a GPU, read from its files, because importing it takes seconds."""

import ast
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from ultralif_deploy.errors import Missing

INSTALL = "https://pytorch.org/get-started/locally says how to install one that has it"


def missing_gpu_build() -> Missing | None:
    """What is missing if torch was built without CUDA and ROCm; None where its files do not say."""
    stated = _stated(version_file())
    if stated.get("cuda", "") is None and stated.get("hip") is None:
        return Missing(f"torch with CUDA (torch {version('torch')} was built without it)", INSTALL)
    return None


def version_file() -> Path | None:
    """The file in which torch states its build."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).with_name("version.py")


def _stated(file: Path | None) -> dict[str, object]:
    """Constants that a file of Python sets, by name; the file is not run."""
    if file is None or not file.is_file():
        return {}
    stated: dict[str, object] = {}
    for line in ast.parse(file.read_text("utf-8")).body:
        if not isinstance(line, ast.Assign | ast.AnnAssign):
            continue
        targets = line.targets if isinstance(line, ast.Assign) else [line.target]
        if isinstance(line.value, ast.Constant):
            stated |= {one.id: line.value.value for one in targets if isinstance(one, ast.Name)}
    return stated
