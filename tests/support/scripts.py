"""Scripts of examples/, run in the process of the tests, which has imported torch already."""

import io
import runpy
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from support.paths import ROOT

EXAMPLES = ROOT / "examples"


def run_script(name: str, *arguments: object) -> str:
    """Run a script as the main program, and return what it prints.

    Args:
        name: path below examples/.
        arguments: of its command line.
    """
    path = EXAMPLES / name
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed):
        patch.setattr(sys, "argv", [str(path), *map(str, arguments)])
        patch.syspath_prepend(str(path.parent))
        patch.syspath_prepend(str(EXAMPLES))
        code = _exit_code(path)
    assert not code, f"{name} ends with {code}: {printed.getvalue()}"
    return printed.getvalue()


def _exit_code(path: Path) -> str | int | None:
    try:
        runpy.run_path(str(path), run_name="__main__")
    except SystemExit as end:
        return end.code
    return None
