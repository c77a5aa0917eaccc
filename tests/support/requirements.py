"""Tests of a back end skip by name where its tool is missing; under CI they run and fail."""

import importlib
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from ultralif_deploy.verify.backends import BACK_ENDS, COMPARED

IN_THIS_ENVIRONMENT = tuple(
    name for name in BACK_ENDS if name in COMPARED and not name.startswith(("lava", "netx"))
)


def available(names: tuple[str, ...] = IN_THIS_ENVIRONMENT) -> list[str]:
    """The back ends that can run here, all of them under CI."""
    return [n for n in names if os.environ.get("CI") or BACK_ENDS[n].missing() is None]


def requires(name: str) -> pytest.MarkDecorator:
    """Mark of tests that run a back end."""
    return pytest.mark.skipif(not available((name,)), reason=str(BACK_ENDS[name].missing()))


def expected_here(name: str) -> bool:
    """Whether tests call a program: the system or a package has it, or this is CI."""
    beside = Path(sys.executable).with_name(name)
    return bool(shutil.which(name) or beside.is_file() or os.environ.get("CI"))


def requires_tool(name: str, install: str) -> pytest.MarkDecorator:
    """Mark of tests that call a program of the system; under CI they run and fail without it."""
    return pytest.mark.skipif(not expected_here(name), reason=f"{name} is not installed; {install}")


def import_or_skip(module: str, install: str) -> Any:
    """A third-party module; without it the test is skipped with the remedy, under CI it fails."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        name = module.partition(".")[0]
        reason = f"{name} cannot be imported ({error}); {install}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason, allow_module_level=True)
