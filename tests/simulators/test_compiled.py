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
    # Compiling takes long on a busy machine, and the command then says how far it is.
    said = [line for line in ended.stderr.splitlines() if not line.startswith("simulate on fast: ")]
    assert (ended.returncode, said) == (0, [])
    assert ended.stdout == ultralif(*run).out


# Prints what a kernel computes that calls another file, and whether it was compiled before.
CALLING = """
import sys
from pathlib import Path
from ultralif_deploy.simulators.native import compiled
compiled.SOURCES = (Path(sys.path[0]),)
import calling
print(calling.outer(1), sum(calling.outer.stats.cache_hits.values()))
"""


def test_a_kernel_is_compiled_anew_where_what_it_calls_changed(tmp_path) -> None:
    start = "from ultralif_deploy.simulators.native.compiled import jit\n"
    (tmp_path / "calling.py").write_text(
        f"{start}from called import inner\n@jit\ndef outer(x):\n    return inner(x) + 1\n", "utf-8"
    )
    (tmp_path / "run.py").write_text(CALLING, "utf-8")

    def run(factor: int) -> str:
        called = f"{start}@jit\ndef inner(x):\n    return {factor} * x\n"
        (tmp_path / "called.py").write_text(called, "utf-8")
        command = [sys.executable, str(tmp_path / "run.py")]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert [run(5), run(5), run(7), run(7)] == ["6 0", "6 1", "8 0", "8 1"]


def test_onnxruntime_reports_to_nobody() -> None:
    code = "import os, ultralif_deploy.verify.backends; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "1\n"
