"""Compiled kernels where nothing can be kept on disk: a read-only system without a home."""

import subprocess
import sys

from support.commands import DEMO, ultralif

# Numba writes a temporary file where it looks for a place.
NO_PLACE = """
import tempfile
def refused(*_, **__): raise OSError("read-only file system")
tempfile.TemporaryFile = refused
from ultralif_deploy.cli.commands import main
main()
"""


def test_simulates_without_a_place_for_compiled_code(tmp_path) -> None:
    assert ultralif("quantize", DEMO, "-o", tmp_path).code == 0
    run = ("simulate", str(tmp_path / "program.nir"), "--data", "digits", "--limit", "5", "--json")
    command = [sys.executable, "-c", NO_PLACE, *run]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == ultralif(*run).out


def test_onnxruntime_reports_to_nobody() -> None:
    code = "import os, ultralif_deploy.verify.backends; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "1\n"
