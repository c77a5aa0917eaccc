"""Runs of a warm Python are like runs of the Python itself."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.foreign.warm import warm_python

SCRIPT = "import json, own, sys; print(own.VALUE, sys.argv[1:], input()); sys.exit(own.VALUE)"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("preloaded")
    (folder / "own.py").write_text("VALUE = 1")
    with warm_python(sys.executable, ("own", "wave", "not_there"), folder) as python:
        yield python


def test_runs_have_their_own_files_arguments_streams_and_codes(python: str, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("VALUE = 7")
    (tmp_path / "run.py").write_text(SCRIPT)
    command = [python, tmp_path / "run.py", "a", "b"]
    done = subprocess.run(command, input="given\n", capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (7, "7 ['a', 'b'] given\n", "")


def test_runs_have_their_own_environment_and_working_directory(python: str, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("VALUE = 9")
    code = "import own, os, sys; print(own.VALUE, os.getcwd(), sys.argv, 'wave' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.check_output([python, "-c", code, "x"], env=environment, cwd="/", text=True)
    assert done == "9 / ['-c', 'x'] True\n"


def test_failures_and_signals_are_told(python: str) -> None:
    done = subprocess.run([python, "-c", "missing"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.endswith("NameError: name 'missing' is not defined\n")
    code = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"
    assert subprocess.run([python, "-c", code]).returncode == 128 + signal.SIGTERM


def test_a_run_ends_with_its_client_and_with_all_its_processes(python: str) -> None:
    code = "import os, time; os.fork(); print('started', flush=True); time.sleep(30)"
    start = time.monotonic()
    with subprocess.Popen([python, "-c", code], stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == "started\n"
        client.kill()
        client.stdout.read()  # until nobody holds the stream
    assert time.monotonic() - start < 15
