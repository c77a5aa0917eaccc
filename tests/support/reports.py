"""Reports of the embedded network to compare, changed ones, and points of sweeps."""

import json
import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from support.commands import DEMO, ultralif
from ultralif_deploy.schema.studies.sweep import SweptPoint


@cache
def _made(bits: int) -> TemporaryDirectory[str]:
    """Results of the embedded network with so many bits, made once."""
    folder = TemporaryDirectory()
    run = ("verify", DEMO, "--data", "digits", "--limit", 50, "--certify", 2, "--bits", bits)
    assert ultralif(*run, "--on", "fast", "-o", folder.name).code == 0
    return folder


def verified(directory: Path, bits: int) -> Path:
    """report.json of the embedded network with so many bits, in a copy of its results."""
    shutil.copytree(_made(bits).name, directory, dirs_exist_ok=True)
    return directory / "report.json"


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def written(report: Any, directory: Path) -> Path:
    path = directory / "other.json"
    path.write_text(json.dumps(report), encoding="utf-8")
    return path


def against(first: Path, report: Any, directory: Path) -> Any:
    """The comparison with a changed report, as JSON."""
    return ultralif("compare", first, written(report, directory), "--json").json()


def swept(accuracy: float | None, joules: float | None, size: int, **more: Any) -> SweptPoint:
    """A point with such an accuracy, joules on the device `b`, and bytes of weights."""
    return {
        **{"values": {}, "verdict": "yes", "accuracy": accuracy, "soft": 1.0, "gap": 0.0},
        **{"gap_ci95": [0.0, 0.0], "synaptic_operations": 1.0, "weight_bytes": size},
        **{"joules": {"a": None, "b": joules}, "latency_s": {}, "fpga": None},
        **{"on_front": False, "best": False},
        **more,
    }  # type: ignore[typeddict-item]
