"""Settings of all tests, and the shared files that lie beside the repository."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

torch.set_num_threads(1)

if "ULTRALIF_LAVA_PYTHON" in os.environ:  # under another name, which reaches all workers
    os.environ["ULTRALIF_TESTS_LAVA_PYTHON"] = os.environ.pop("ULTRALIF_LAVA_PYTHON")
LAVA_PYTHON = os.environ.get("ULTRALIF_TESTS_LAVA_PYTHON")
"""Lava's own environment; `test_lava.py` alone uses it, since every start takes a second."""

settings.register_profile(
    "ultralif",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ultralif")

SHARED = Path(os.environ.get("ULTRALIF_SHARED", Path(__file__).parents[2] / "shared"))


def shared_file(name: str) -> Path:
    """Path of a shared file; without it the test is skipped by name, under CI it fails."""
    path = SHARED / name
    if not path.exists():
        if os.environ.get("CI"):
            pytest.fail(f"shared/{name} is missing (looked in {SHARED})")
        pytest.skip(f"shared/{name} is missing")
    return path


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    return shared_file
