"""Settings of all tests."""

import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, Phase, settings

from support.paths import shared_file
from ultralif_deploy.cli.running import OBJECTS_PER_COLLECTION
from ultralif_deploy.io import progress

gc.set_threshold(OBJECTS_PER_COLLECTION)  # as in commands; it saves an eighth of the time
torch.set_num_threads(1)
# Commands that tests start load compiled modules, which takes a third of the time off their start.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
progress.FIRST = 1e6  # seconds: what is on stderr does not depend on the speed of the machine
os.environ["ULTRALIF_MAX_MEMORY"] = "4G"  # the same on every machine

if "ULTRALIF_LAVA_PYTHON" in os.environ:  # under another name, which reaches all workers
    os.environ["ULTRALIF_TESTS_LAVA_PYTHON"] = os.environ.pop("ULTRALIF_LAVA_PYTHON")

settings.register_profile(
    "ultralif",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
    # The mutation score only asks whether a test fails, not for the smallest example.
    phases=[p for p in Phase if p is not Phase.shrink or "ULTRALIF_NO_SHRINKING" not in os.environ],
)
settings.load_profile("ultralif")


def pytest_collection_finish() -> None:
    """What is there before the first test stays to the end, so no collection looks at it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    return shared_file


@pytest.fixture(scope="session")
def warm_lava() -> Iterator[str]:
    """An executable that runs files as Lava's Python does, with Lava imported before."""
    from support.lava_comparisons import warm_lava_python

    with warm_lava_python() as python:
        yield python
