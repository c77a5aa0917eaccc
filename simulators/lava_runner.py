"""Runs exported Lava folders, each with the Python that can import Lava."""

import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ultralif_deploy.errors import Missing, UltralifError
from ultralif_deploy.exporters.lava import ARRAYS, NETWORK, RUN, RUNTIME
from ultralif_deploy.graph import WEIGHTED
from ultralif_deploy.program import Program
from ultralif_deploy.simulators.events import count_events
from ultralif_deploy.simulators.trace import Trace

PYTHON = "ULTRALIF_LAVA_PYTHON"
START_S, TIMESTEP_S = 120, 0.2
"""Time limit of a run: a start, and what a timestep may take at most."""
INSTALL = (
    "python -m venv lava-env && lava-env/bin/pip install --no-deps --ignore-requires-python "
    "lava-nc==0.10.0 && lava-env/bin/pip install 'numpy<2.4' 'asteval>=0.9.31,<0.10' "
    "'networkx<=2.8.7' scipy scikit-learn && export ULTRALIF_LAVA_PYTHON=$PWD/lava-env/bin/python"
)


def lava_python() -> str:
    """The Python that runs Lava: $ULTRALIF_LAVA_PYTHON, else this one."""
    return os.environ.get(PYTHON) or sys.executable


@functools.cache
def _imports_lava(python: str) -> bool:
    code = "import lava_compat, lava.proc.lif.process"
    try:
        done = subprocess.run(
            [python, "-c", code],
            capture_output=True,
            timeout=START_S,
            env=os.environ | {"PYTHONPATH": str(RUNTIME), "PYTHONDONTWRITEBYTECODE": "1"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def missing() -> Missing | None:
    """Lava, where the chosen Python cannot import it."""
    if _imports_lava(lava_python()):
        return None
    return Missing(f"lava-nc 0.10 in {lava_python()} (set --lava-python or {PYTHON})", INSTALL)


def load(program: Program, directory: Path) -> "Lava":
    """An exported folder."""
    return Lava(program, directory)


class Lava:
    """A folder that `run.py` runs in a process of its own."""

    def __init__(self, program: Program, directory: Path) -> None:
        self.program = program
        self.directory = directory.resolve()
        self.network = json.loads((directory / NETWORK).read_text("utf-8"))
        self.held: dict[str, np.ndarray] | None = None

    def executed(self) -> dict[str, np.ndarray]:
        """Weights and parameters as Lava's processes held them; registers as ~x where they differ.

        A stock neuron's registers do not say the program's parameters; they are compared with what
        the folder configures.
        """
        if self.held is None:
            self.run(np.zeros((1, 0, self.program.input.size), dtype=np.uint8))
        assert self.held is not None
        with np.load(self.directory / ARRAYS, allow_pickle=False) as file:
            configured = dict(file)
        arrays: dict[str, np.ndarray] = {}
        for q in self.program.projections:
            if isinstance(q.map, WEIGHTED):
                arrays[q.name] = self.held[f"{q.name}.weight"]
        for p, described in zip(self.program.populations, self.network["populations"], strict=True):
            wanted = {"bias": p.bias, **p.parameters()}
            if described["process"] == "stock":
                registers = [f"{p.name}.{name}" for name in described["arrays"]]
                same = all(np.array_equal(self.held[key], configured[key]) for key in registers)
                arrays |= {f"{p.name}.{k}": a if same else ~a for k, a in wanted.items()}
                continue
            for name in wanted:
                held = self.held[f"{p.name}.{'state' if name == 'initial' else name}"]
                arrays[f"{p.name}.{name}"] = held.reshape(wanted[name].shape)
        return arrays

    def describe(self) -> dict[str, Any]:
        """How every population is expressed."""
        return {"processes": {p["name"]: p["process"] for p in self.network["populations"]}}

    def run(self, inputs: np.ndarray, record: bool = False) -> Trace:
        """Run inputs uint8 [time, batch, input].

        Raises:
            UltralifError: Lava failed or took too long.
        """
        inputs = self.program.check_inputs(inputs)
        time, batch, _ = inputs.shape
        with tempfile.TemporaryDirectory(prefix="ultralif-") as temporary:
            given, found = Path(temporary) / "inputs.npy", Path(temporary) / "outputs.npz"
            np.save(given, inputs)
            latest = max(p["depth"] for p in self.network["populations"])
            self._call(given, found, START_S + TIMESTEP_S * batch * (time + latest))
            with np.load(found, allow_pickle=False) as file:
                outputs = dict(file)
        self.held = {
            name.removeprefix("executed."): array
            for name, array in outputs.items()
            if name.startswith("executed.")
        }
        spikes = {p.name: outputs[f"spikes.{p.name}"] for p in self.program.populations if p.spikes}
        counts = count_events(self.program, inputs, spikes)
        return Trace(outputs["logits"], counts, spikes if record else None)

    def _call(self, given: Path, found: Path, limit_s: float) -> None:
        command = [lava_python(), str(self.directory / RUN), str(given), str(found)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=limit_s, cwd=given.parent
            )
        except subprocess.TimeoutExpired:
            raise UltralifError(
                f"lava: no result within {limit_s:.0f} s; use fewer samples"
            ) from None
        if done.returncode or not found.is_file():
            lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise UltralifError(f"lava: {lines[-1]}")
