"""The repository, and the shared files that lie beside it."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("ULTRALIF_SHARED", ROOT.parent / "shared"))


def shared_file(name: str) -> Path:
    """Path of a shared file; without it the test is skipped by name, under CI it fails."""
    path = SHARED / name
    if not path.exists():
        if os.environ.get("CI"):
            pytest.fail(f"shared/{name} is missing (looked in {SHARED})")
        pytest.skip(f"shared/{name} is missing")
    return path
